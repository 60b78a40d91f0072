"""What git cannot bring back is never written over: one sentence, and not a byte changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Adopt
from .services import POETRY_1
from .support import Outcome, contents, git, repository, write


def refused(adopt: Adopt, folder: Path) -> str:
    """Adopt what must be refused; return the one sentence that says why."""
    before = contents(folder)
    outcome: Outcome = adopt(folder)
    assert outcome.code == 1, outcome
    assert contents(folder) == before
    assert outcome.report == ""
    lines = outcome.errors.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("Nothing was written: ")
    return lines[0]


def test_a_folder_that_is_not_there(adopt: Adopt, tmp_path: Path) -> None:
    assert "there is no folder" in refused(adopt, tmp_path / "missing")


def test_no_repository(adopt: Adopt, tmp_path: Path) -> None:
    write(tmp_path / "service", POETRY_1)
    assert "no git repository" in refused(adopt, tmp_path / "service")


def test_a_repository_without_a_commit(adopt: Adopt, tmp_path: Path) -> None:
    write(tmp_path / "service", POETRY_1)
    git(tmp_path / "service", "init", "--quiet")
    assert "git commit" in refused(adopt, tmp_path / "service")


def edit(folder: Path) -> None:
    (folder / "app/main.py").write_text("print('unsaved')\n")


def add(folder: Path) -> None:
    (folder / "notes.txt").write_text("unsaved\n")


def stage(folder: Path) -> None:
    (folder / "notes.txt").write_text("unsaved\n")
    git(folder, "add", "notes.txt")


@pytest.mark.parametrize("change", [edit, add, stage])
def test_a_dirty_tree(adopt: Adopt, tmp_path: Path, change: Callable[[Path], None]) -> None:
    service = repository(tmp_path / "service", POETRY_1)
    change(service)
    assert "uncommitted changes" in refused(adopt, service)


def test_a_file_that_git_ignores_and_the_template_would_replace(
    adopt: Adopt, tmp_path: Path
) -> None:
    service = repository(tmp_path / "service", {**POETRY_1, ".gitignore": "mypy.ini\n"})
    (service / "mypy.ini").write_text("[mypy]\nstrict = false\n")
    assert "mypy.ini would be replaced but is not in git" in refused(adopt, service)


def test_a_link_that_would_be_written_through(adopt: Adopt, tmp_path: Path) -> None:
    (tmp_path / "shared.mk").write_text("all:\n")
    service = tmp_path / "service"
    service.mkdir()
    (service / "Makefile").symlink_to(tmp_path / "shared.mk")
    files = {name: text for name, text in POETRY_1.items() if name != "Makefile"}
    repository(service, files)
    assert "Makefile is a link" in refused(adopt, service)
    assert (tmp_path / "shared.mk").read_text() == "all:\n"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"main.py": ""}, "neither a Poetry nor a Pipenv project"),
        ({"pyproject.toml": "[tool.black]\n"}, "neither a Poetry nor a Pipenv project"),
        ({"pyproject.toml": "[tool.poetry\n"}, "pyproject.toml cannot be read"),
        ({"Pipfile": "[packages\n"}, "Pipfile cannot be read"),
        ({"Pipfile": "[packages]\nx = {commit = '1'}\n"}, "Pipfile cannot be read"),
        ({"Pipfile": "[packages]\n", "Pipfile.lock": "<<<<<<<"}, "Pipfile.lock cannot be read"),
    ],
)
def test_no_project_that_can_be_read(
    adopt: Adopt, tmp_path: Path, files: dict[str, str], sentence: str
) -> None:
    assert sentence in refused(adopt, repository(tmp_path / "service", files))


def test_adopting_twice(adopt: Adopt, template: Path, tmp_path: Path) -> None:
    service = repository(tmp_path / "service", POETRY_1)
    assert adopt(service).code == 0
    git(service, "add", "--all")
    git(service, "commit", "--quiet", "--message", "Adopt the template")
    sentence = refused(adopt, service)
    assert f"already follows {template}" in sentence
    assert "copier update" in sentence


def test_a_wrong_answer(adopt: Adopt, tmp_path: Path) -> None:
    service = repository(tmp_path / "service", POETRY_1)
    before = contents(service)
    outcome = adopt(service, "port=80")
    assert outcome.code == 1
    assert "from 1024 to 65535" in outcome.errors
    assert contents(service) == before
