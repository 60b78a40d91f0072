"""What the template wrote into a service at its last update, written once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from copier import run_copy
from plumbum import local

ANSWERS = ".copier-answers.yml"


def committed(service: Path) -> dict[str, Any]:
    """Return the answers and the record of the template that the last commit holds."""
    answers = yaml.safe_load(local["git"]("-C", str(service), "show", f"HEAD:./{ANSWERS}"))
    assert isinstance(answers, dict)
    return answers


@contextmanager
def rendering(service: Path, trust: bool = True) -> Iterator[Path]:
    """Give a folder with the template's files, from the committed answers and version.

    The answers lie there first, so that a retired one is taken as what it is: not new.
    """
    answers = committed(service)
    with TemporaryDirectory() as folder:
        Path(folder, ANSWERS).write_text(yaml.safe_dump(answers), "utf-8")
        run_copy(
            answers["_src_path"],
            folder,
            data={name: value for name, value in answers.items() if not name.startswith("_")},
            vcs_ref=answers["_commit"],
            defaults=True,
            overwrite=True,
            quiet=True,
            skip_tasks=True,
            unsafe=trust,
        )
        yield Path(folder)
