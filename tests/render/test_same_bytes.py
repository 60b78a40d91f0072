"""The same version of the template and the same answers give the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .support import BIN, files, run

ANSWERS = """
project_name: Größe „Ω“ 😀
project_slug: size
description: "Grüße: 'a' \\"b\\" \\\\ {{ c }} ${D}"
user_name: Zoë
license: MIT
extra_paths: [migrations]
"""

# Another place, calendar, alphabet, user and order of sets.
ELSEWHERE = [
    {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONHASHSEED": "2"},
    {"LANG": "tr_TR.UTF-8", "USER": "other", "EDITOR": "vi", "PYTHONHASHSEED": "3"},
]


@pytest.mark.parametrize("elsewhere", ELSEWHERE, ids=lambda variables: next(iter(variables)))
def test_the_same_answers_give_the_same_bytes_everywhere(
    checkout: Path, tmp_path: Path, no_poetry: str, elsewhere: dict[str, str]
) -> None:
    (tmp_path / "answers.yml").write_text(ANSWERS, "utf-8")
    made = []
    for folder, umask, variables in (("here", 0o022, {}), ("elsewhere/deeper", 0o077, elsewhere)):
        destination = tmp_path / folder / "service"
        arguments = "--trust", "--defaults", "--vcs-ref=HEAD", "--data-file"
        command = (
            BIN / "copier",
            "copy",
            *arguments,
            tmp_path / "answers.yml",
            checkout,
            destination,
        )
        copied = run(*command, cwd=tmp_path, umask=umask, env={"PATH": no_poetry, **variables})
        assert copied.code == 0, copied.errors
        made.append(files(destination))
    assert made[0] == made[1]
