"""What a service's `make` says where it cannot do what it was asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Service
from .support import POETRY, files, path_without, run


@pytest.fixture
def made(service: Service, tmp_path: Path) -> Path:
    """Return a service to work in."""
    return Path(shutil.copytree(service(), tmp_path / "service"))


def test_an_update_without_copier_says_in_one_sentence_what_is_missing(
    made: Path, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    path = path_without(tmp_path / "bin", "copier", "poetry")
    before = files(made)
    ended = run("make", "--silent", "update", cwd=made, env={"PATH": path})
    assert ended.code == 2
    sentence, ending = ended.errors.splitlines()
    command = "pipx install copier && pipx inject copier copier-template-extensions"
    assert sentence == f"An update needs Copier: `{command}`."
    assert ending.startswith("make: *** ")
    assert ended.output == ""
    assert files(made) == before
    assert command in (made / "README.md").read_text("utf-8")


def test_a_version_that_is_added_reaches_poetry_and_no_shell(made: Path) -> None:
    packages = "redis>=6,<8 uvicorn[standard] --group dev"
    ended = run("make", "--dry-run", "add", f"PACKAGES={packages}", "POETRY=echo", cwd=made)
    assert ended.output.splitlines()[-1] == (
        "echo add --lock 'redis>=6,<8' 'uvicorn[standard]' '--group' 'dev'"
    )


@pytest.mark.parametrize(
    ("packages", "asked"), [("", ""), ("pydantic pytest", " 'pydantic' 'pytest'")]
)
def test_newer_versions_are_locked_of_all_packages_or_of_some(
    made: Path, packages: str, asked: str
) -> None:
    ended = run("make", "--dry-run", "upgrade", f"PACKAGES={packages}", "POETRY=echo", cwd=made)
    assert ended.output.rstrip() == f"echo update --lock{asked}"


def test_poetry_comes_through_the_mirror_that_packages_come_through(made: Path) -> None:
    mirror = "https://mirror.example.com/simple/"
    for given, asked in (
        ((), False),
        (("CA_BUNDLE=ca.pem",), False),
        ((f"POETRY_PYPI_MIRROR_URL={mirror}",), True),
    ):
        ended = run("make", "--dry-run", "lock", *given, cwd=made)
        assert ("pip install" in ended.output, f'--index-url="{mirror}"' in ended.output) == (
            True,
            asked,
        )


def test_who_adds_nothing_is_told_how(made: Path) -> None:
    ended = run("make", "--silent", "add", "POETRY=false", cwd=made, env={"PACKAGES": ""})
    assert ended.code == 2
    assert ended.errors.splitlines()[0] == 'Say which: make add PACKAGES="redis>=6 tenacity"'


@pytest.mark.skipif(not POETRY.exists(), reason="there is no Poetry in .poetry: run `make new`")
def test_an_empty_folder_of_an_environment_becomes_one(service: Service, tmp_path: Path) -> None:
    made = Path(shutil.copytree(service(devcontainer=True), tmp_path / "edited"))
    (made / ".venv").mkdir()
    (made / "poetry.lock").touch()
    (tmp_path / "bin").mkdir()
    path = path_without(tmp_path / "bin", "poetry", "python")
    steps = run("make", "--dry-run", ".venv/installed", f"POETRY={POETRY}", cwd=made).output
    using = steps[: steps.index(" sync\n")].rpartition("\n")[0]
    ended = run("sh", "-e", "-c", using, cwd=made, env={"PATH": path})
    assert ended.code == 0, ended
    assert (made / ".venv/bin/python").exists()
