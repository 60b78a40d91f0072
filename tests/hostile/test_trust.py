"""docs/trust.md lists all that `--trust` lets run: a copy and an update are traced beside it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from plumbum import local

from tests.conftest import ROOT
from tests.hostile.conftest import Tally
from tests.hostile.strace import Program, trace
from tests.update.conftest import IDENTITY, commit, git, template
from tests.update.test_matrix import edit

__all__ = ["template"]

COPIER = "Copier"
# A Poetry that cannot lock, as behind a mirror that has the simple API alone, and has no plugin.
POETRY = """\
#!/bin/sh
case "$*" in
*--version*) echo "Poetry (version 2.5.1)" ;;
*lock*) exit 1 ;;
esac
"""


class Trust(NamedTuple):
    """What one process runs of the template, and what it starts."""

    files: set[str]
    programs: set[str]


def listed() -> dict[str, Trust]:
    """Return what the page lists, by the file that is started; for extensions that is Copier."""
    rows = {}
    for line in (ROOT / "docs/trust.md").read_text("utf-8").splitlines():
        if line.startswith("| `") and line.count("|") == 5:
            first, more, _, starts = (
                re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:5]
            )
            entry = COPIER if first[0].startswith("extensions/") else first[0]
            rows[entry] = Trust({*first, *more}, set(starts))
    return rows


@pytest.fixture(scope="module")
def traced(template: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Program]:
    """Return a copy, and an update of a service that needs all of the template's help."""
    place = tmp_path_factory.mktemp("traced")
    for name in ("bin", "home", "tmp"):
        (place / name).mkdir()
    (place / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/\nretries = 0\n")
    (place / "bin/poetry").write_text(POETRY)
    (place / "bin/ps").write_text("#!/bin/sh\nexit 1\n")  # not every machine has one
    for stand_in in ("poetry", "ps"):
        (place / "bin" / stand_in).chmod(0o755)
    (place / "bin/python3").symlink_to(os.path.realpath(sys.executable))
    environment = {
        **IDENTITY,
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
        "PATH": f"{place}/bin:/usr/bin:/bin",
        "PIP_CONFIG_FILE": str(place / "pip.conf"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    copier = [sys.executable, "-m", "copier"]
    options = ["--trust", "--defaults", "--quiet"]
    made = trace(
        [*copier, "copy", *options, "--vcs-ref=HEAD", str(template), str(place / "new")],
        place / "copy",
        environment,
    )
    old = place / "old"
    with local.env(**environment):
        local[sys.executable](
            "-m", "copier", "copy", options, "--vcs-ref=v1.1.0", "--skip-tasks", template, old
        )
    git(old, "init", "--quiet")
    edit(old, ".ruff.toml", "line-length = 100", "line-length = 99")
    (old / ".mypy.ini").unlink()
    commit(old)
    (old / ".git/unfinished-update").write_text(
        f"{git(old, 'rev-parse', 'HEAD').strip()} 4194304\n"
    )
    updated = trace(
        [*copier, "update", *options, "--vcs-ref=HEAD", str(old)], place / "update", environment
    )
    assert (old / "ruff.toml").read_text().count("line-length = 99") == 1
    assert not (old / "mypy.ini").exists()
    return [made, updated]


def own(path: str) -> str:
    """Return the path of a Python file inside the template; empty for other files.

    What lies in `template/` is text that is copied.
    """
    found = re.search(r"/copier\._vcs\.clone\.[^/]+/(?!template/)(.*\.py)$", path)
    return found[1] if found else ""


def ran(roots: list[Program]) -> dict[str, Trust]:
    """Return what ran, as the page lists it."""
    rows: dict[str, Trust] = {}
    for program in (program for root in roots for program in root.all()):
        if not program.name.startswith("python"):
            continue
        if files := {own(path) for path in program.read} - {""}:
            script = next(filter(None, map(own, program.arguments)), COPIER)
            row = rows.setdefault(script, Trust(set(), set()))
            row.files.update(files)
            if script != COPIER:  # which starts git, and our tasks
                row.programs.update(one.name for one in program.started)
    return rows


def test_what_runs_is_what_the_page_lists_and_no_less(traced: list[Program], tally: Tally) -> None:
    rows = ran(traced)
    assert rows == listed()
    files = {file for row in rows.values() for file in row.files}
    tally("files that trust lets run", listed=len(files), traced=len(files))


def test_no_task_names_a_program_that_the_page_does_not_list() -> None:
    rows = [trust for row, trust in listed().items() if row != COPIER]
    for file in {file for trust in rows for file in trust.files if file.startswith("tasks/")}:
        known = {name for trust in rows if file in trust.files for name in trust.programs}
        assert programs(ast.parse((ROOT / file).read_text("utf-8"))) <= known, file


def programs(tree: ast.Module) -> set[str]:
    """Return the programs of `local["git"]` and of lists that begin with one."""
    heads = [node.elts[0] for node in ast.walk(tree) if isinstance(node, ast.List) and node.elts]
    heads += [
        node.slice
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "local"
    ]
    names = {str(head.value) for head in heads if isinstance(head, ast.Constant)}
    return {name for name in names if name == "poetry" or shutil.which(name)}


def test_copier_starts_git_and_the_tasks_alone(traced: list[Program]) -> None:
    for root in traced:
        others = [one for one in root.started if one.name not in ("git", "uname")]
        assert [one for one in others if not own(one.arguments[1])] == []


def test_no_shell_runs(traced: list[Program]) -> None:
    shells = {"sh", "bash", "dash"}
    for program in (program for root in traced for program in root.all()):
        started = [one.arguments for one in program.started if one.name in shells]
        assert started == [] or program.name in ("git", "poetry")


def test_what_is_written_lies_in_the_service_and_in_folders_that_are_removed(
    traced: list[Program],
) -> None:
    written = {path for root in traced for program in root.all() for path in program.written}
    places = {path.split("/traced")[1].split("/")[1] for path in written if "/traced" in path}
    assert [
        path for path in written if "/traced" not in path and not path.startswith("/dev/")
    ] == []
    assert places == {"new", "old", "tmp"}
    [scratch] = {
        found[0] for path in written if (found := re.match(r".*/traced\d*/tmp(?=/)", path))
    }
    assert list(Path(scratch).iterdir()) == []


def test_nothing_but_pip_speaks_to_the_network(traced: list[Program]) -> None:
    speaking = {one.name for root in traced for one in root.all() if one.connected}
    assert speaking == {"pip"}


def test_every_file_is_said_what_it_does() -> None:
    page = (ROOT / "docs/trust.md").read_text("utf-8")
    described = re.findall(r"^\| `([^`]+)` \| [^|]+ \|$", page, re.MULTILINE)
    assert set(described) == {file for row in listed().values() for file in row.files}


def test_copier_asks_for_trust_of_what_is_listed() -> None:
    questions = (ROOT / "copier.yml").read_text("utf-8")
    named = set(re.findall(r"(?:extensions|tasks)/\w+\.py", questions))
    assert named == {
        file for row, trust in listed().items() for file in trust.files if row in (file, COPIER)
    }
