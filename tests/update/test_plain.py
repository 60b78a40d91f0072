"""The edition that needs no trust: the same bytes, and a way between the two."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import pytest
from copier import run_copy, run_update
from plumbum import local

from tasks import plain as edition
from tests.update.conftest import PRESETS, RELEASES, Service, commit, copy, files, git, update

FIRST, NEWEST = RELEASES[0], RELEASES[-1]
COMBINATIONS: list[dict[str, Any]] = [
    {"service_kind": kind, "base_image": base, "python_version": python}
    for kind, base, python in itertools.product(
        ("web", "worker", "job"), ("slim", "distroless", "custom"), ("3.11", "3.13", "3.14")
    )
]


@pytest.fixture(scope="module")
def plain(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the plain edition of every release, as `make plain` writes it."""
    folder = tmp_path_factory.mktemp("plain") / "plain"
    with local.env(
        GIT_AUTHOR_NAME="P", GIT_AUTHOR_EMAIL="p@p.example",
        GIT_COMMITTER_NAME="P", GIT_COMMITTER_EMAIL="p@p.example",
    ):  # fmt: skip
        local[sys.executable](str(template / "tasks/plain.py"), str(folder))
    return folder


def rendered(template: Path, folder: Path, answers: dict[str, Any]) -> dict[str, bytes]:
    """Return the files of a service, the record of its source left out."""
    run_copy(
        str(template), folder, data=answers, vcs_ref=f"v{NEWEST}", defaults=True, quiet=True,
        unsafe=not template.name.startswith("plain"), skip_tasks=True,
    )  # fmt: skip
    return {n: b for n, b in files(folder).items() if n != ".copier-answers.yml"}


def test_it_has_every_release_and_nothing_that_needs_trust(plain: Path) -> None:
    assert git(plain, "tag", "--sort=version:refname").split() == [f"v{v}" for v in RELEASES]
    questions = (plain / "copier.yml").read_text("utf-8")
    for key in edition.LEFT_OUT:
        assert key not in questions
    assert not (plain / "tasks").exists()
    assert not (plain / "extensions").exists()


def test_it_renders_the_same_bytes_for_every_combination(
    plain: Path, template: Path, tmp_path: Path
) -> None:
    for number, answers in enumerate([*COMBINATIONS, *PRESETS.values()]):
        answers = {"project_name": "The Same"} | answers
        assert rendered(plain, tmp_path / f"plain{number}", answers) == rendered(
            template, tmp_path / f"full{number}", answers
        ), answers


def test_a_service_updates_from_it_without_trust(plain: Path, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    run_copy(str(plain), folder, vcs_ref=f"v{FIRST}", defaults=True, quiet=True)
    git(folder, "init", "--quiet")
    commit(folder)
    run_update(folder, defaults=True, overwrite=True, quiet=True)
    assert f"_commit: v{NEWEST}" in (folder / ".copier-answers.yml").read_text("utf-8")
    assert git(folder, "ls-files", "--unmerged") == ""
    assert (folder / "mypy.ini").exists()


@pytest.mark.parametrize("back", [False, True])
def test_a_service_moves_between_the_editions(
    back: bool, plain: Path, template: Path, service: Service, tmp_path: Path
) -> None:
    there, here = (template, plain) if back else (plain, template)
    folder = copy(here, tmp_path / "service", "1.1.0", {})
    git(folder, "init", "--quiet")
    commit(folder)
    local["sed"]("-i", f"s|^_src_path: .*|_src_path: {there}|", str(folder / ".copier-answers.yml"))
    commit(folder, "Move to the other edition")
    update(folder, NEWEST)
    fresh = files(copy(there, tmp_path / "fresh", NEWEST, {"uid": 1000, "project_name": "Service"}))
    after = files(folder)
    own = ("pyproject.toml", "README.md", "app/", "tests/", ".copier")
    assert {n: b for n, b in after.items() if not n.startswith(own)} == {
        n: b for n, b in fresh.items() if not n.startswith(own)
    }
