"""What an update does where the template and the owner changed the same thing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from plumbum import local

from tests.update.conftest import RELEASES, Service, commit, files, git, update
from tests.update.test_matrix import edit

FIRST, NEWEST = RELEASES[0], RELEASES[-1]
BIN = Path(sys.executable).parent


def test_a_true_conflict_is_marked_and_named_and_loses_neither_side(
    service: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = service(FIRST)
    edit(folder, "Dockerfile", "HEALTHCHECK --interval=10s", "HEALTHCHECK --interval=42s")
    commit(folder)
    update(folder, NEWEST)
    text = (folder / "Dockerfile").read_text("utf-8")
    assert "<<<<<<< before updating" in text
    assert "--interval=42s" in text
    assert "--start-interval=1s" in text
    said = capfd.readouterr().err
    assert "Conflicts in Dockerfile:" in said
    assert "git add Dockerfile` and commit" in said
    assert "Next: " not in said
    assert git(folder, "diff", "--name-only", "--diff-filter=U").split() == ["Dockerfile"]


def test_make_update_fails_while_a_conflict_is_unresolved(service: Service) -> None:
    folder = service(FIRST)
    edit(folder, "Dockerfile", "HEALTHCHECK --interval=10s", "HEALTHCHECK --interval=42s")
    commit(folder)
    with local.env(PATH=f"{BIN}:{os.environ['PATH']}"):
        code, said, error = local["make"]["-C", folder, "update"].run(retcode=None)
    assert code == 2
    assert "UU Dockerfile" in said
    assert "Resolve the conflicts above" in error


def test_a_renamed_file_keeps_the_owner_s_edits(service: Service) -> None:
    folder = service("1.1.0")
    edit(folder, ".mypy.ini", "strict = true", "strict = true\npretty = true")
    commit(folder)
    update(folder, "1.2.0")
    assert not (folder / ".mypy.ini").exists()
    assert "pretty = true" in (folder / "mypy.ini").read_text("utf-8")


def test_a_file_that_its_owner_had_deleted_stays_deleted(service: Service) -> None:
    folder = service(FIRST)
    git(folder, "rm", "--quiet", "Makefile", ".mypy.ini")
    commit(folder)
    update(folder, NEWEST)
    assert not (folder / "Makefile").exists()
    assert not (folder / ".mypy.ini").exists()


@pytest.fixture
def coming(template: Path, tmp_path: Path) -> Path:
    """Return the template with this checkout's own state as its release 9.0.0."""
    coming = tmp_path / "coming"
    git(tmp_path, "clone", "--quiet", str(template), str(coming))
    git(coming, "tag", "v9.0.0")
    return coming


def test_a_file_that_its_owner_had_deleted_does_not_return_under_another_name(
    service: Service, coming: Path
) -> None:
    folder = service(FIRST, template=coming)
    git(folder, "rm", "--quiet", ".mypy.ini")
    commit(folder)
    update(folder, "9.0.0")
    assert not (folder / "mypy.ini").exists()
    assert (folder / "ruff.toml").exists()


def dropping(template: Path, folder: Path) -> Path:
    """Return a fork of the template whose release 9.0.0 has no mypy.ini."""
    fork = folder / "fork"
    git(folder, "clone", "--quiet", str(template), str(fork))
    git(fork, "rm", "--quiet", "template/mypy.ini.jinja")
    commit(fork, "Drop the settings of mypy")
    git(fork, "tag", "v9.0.0")
    return fork


@pytest.mark.parametrize("edited", [True, False])
def test_a_file_that_the_template_drops_goes_only_where_its_owner_never_changed_it(
    edited: bool,
    service: Service,
    template: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fork = dropping(template, tmp_path)
    folder = service(NEWEST, template=fork)
    if edited:
        edit(folder, "mypy.ini", "strict = true", "strict = false")
        commit(folder)
    update(folder, "9.0.0")
    assert (folder / "mypy.ini").exists() == edited
    assert ("it stays, because you changed it" in capfd.readouterr().err) == edited


def check_out_with_crlf(folder: Path) -> None:
    """Check the service out as git does on Windows."""
    git(folder, "config", "core.autocrlf", "true")
    git(folder, "rm", "--quiet", "--cached", "-r", ".")
    git(folder, "reset", "--quiet", "--hard")


def test_a_checkout_with_crlf_updates_without_a_conflict(service: Service) -> None:
    folder = service(FIRST)
    check_out_with_crlf(folder)
    assert b"\r\n" in (folder / "Dockerfile").read_bytes()
    before = (folder / "app/main.py").read_bytes()
    update(folder, NEWEST)
    assert git(folder, "ls-files", "--unmerged") == ""
    assert (folder / "app/main.py").read_bytes() == before
    changed = git(folder, "-c", "core.safecrlf=false", "diff", "--name-only").split()
    assert "Dockerfile" in changed
    assert not [name for name in changed if name.startswith(("app/", "tests/", "pyproject"))]


@pytest.mark.parametrize("true", [False, True])
def test_in_a_checkout_with_crlf_only_lines_that_both_changed_conflict(
    true: bool, service: Service, coming: Path
) -> None:
    folder = service(FIRST, template=coming)
    edit(folder, "Dockerfile.py", "follow_symlinks=False)\n", "follow_symlinks=False)  # ours\n")
    if true:
        edit(folder, "Dockerfile", "HEALTHCHECK --interval=10s", "HEALTHCHECK --interval=42s")
    commit(folder)
    check_out_with_crlf(folder)
    update(folder, "9.0.0")
    conflicts = git(folder, "diff", "--name-only", "--diff-filter=U").split()
    assert conflicts == ["Dockerfile"] * true
    assert b"follow_symlinks=False)  # ours\r\n" in (folder / "Dockerfile.py").read_bytes()
    marked, _, rest = (folder / "Dockerfile").read_bytes().partition(b"<<<<<<< before updating\r\n")
    assert b"FROM" in marked
    assert (b"--interval=42s" in rest) == true


def test_an_edit_of_a_dropped_file_is_kept_on_a_retired_python_too(
    service: Service, template: Path, tmp_path: Path
) -> None:
    fork = dropping(template, tmp_path)
    folder = service("1.3.0", template=fork, python_version="3.12")
    update(folder, NEWEST)
    edit(folder, "mypy.ini", "strict = true", "strict = false")
    commit(folder)
    update(folder, "9.0.0")
    assert (folder / "mypy.ini").exists()


def test_git_brings_everything_back_from_a_killed_update(service: Service) -> None:
    folder = service(FIRST)
    before = files(folder)
    copier = local[str(BIN / "copier")][
        "update", "--trust", "--defaults", "--vcs-ref", f"v{NEWEST}", str(folder)
    ]
    for seconds in (0.6, 1.2, 1.8, 2.4):
        local["timeout"]["--signal=KILL", str(seconds), copier.formulate()].run(retcode=None)
        git(folder, "reset", "--quiet", "--hard")
        git(folder, "clean", "--quiet", "--force", "-d")
        assert files(folder) == before
    update(folder, NEWEST)
    assert git(folder, "ls-files", "--unmerged") == ""


def test_an_update_says_what_came_and_how_to_go_back(
    service: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = service("1.1.0")
    update(folder, NEWEST)
    said = capfd.readouterr().err
    assert "- Tool settings: " in said
    assert "- Health: " not in said
    assert "git reset --hard" in said
    commit(folder)
    update(folder, NEWEST)
    assert "Nothing to do" in capfd.readouterr().err
