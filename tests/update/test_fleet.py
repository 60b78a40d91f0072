"""The fleet's figures are right, and every fault that it looks for is found when planted."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from plumbum import local
from rich.console import Console

from benchmarks import fleet, fleet_report, fleet_service
from benchmarks.fleet_bare import bare
from benchmarks.fleet_oracle import Truth, merge
from benchmarks.fleet_service import Service
from benchmarks.fleet_template import Template, alone, checkout, git, write
from tasks.rendering import ANSWERS
from tests.conftest import ROOT
from tests.update.conftest import IDENTITY, RELEASES, commit
from tests.update.test_matrix import edit

SIX = 6


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder for the module, where Copier and git are apart from the person's own."""
    folder = tmp_path_factory.mktemp("fleet")
    with alone(folder):
        yield folder


@pytest.fixture(scope="module")
def template(scratch: Path) -> Template:
    """Return the template with its releases."""
    return checkout(scratch / "template.git")


@pytest.fixture(scope="module")
def lived(template: Template, scratch: Path) -> tuple[Service, Truth]:
    """Return an updated service whose owner changed a line that moves and one that stays."""
    answers, folder = fleet.answers("web", "slim", "3.13"), scratch / "lived"
    service = Service(folder, template, RELEASES[0], answers, "")
    write(folder, template.render(service.version, answers))
    git(folder, "init", "--quiet")
    edit(folder, "Dockerfile", "HEALTHCHECK --interval=10s", "HEALTHCHECK --interval=42s")
    edit(folder, "poetry.toml", "in-project = true", "in-project = true # ours")
    commit(folder)
    ought = fleet_service.expected(service)
    fleet_service.update(service)
    return service, ought


def no_line(folder: Path) -> None:
    edit(folder, "poetry.toml", "in-project = true # ours\n", "")


def another_application(folder: Path) -> None:
    with (folder / "app/__init__.py").open("a", encoding="utf-8") as file:
        file.write("print()\n")


def false_conflict(folder: Path) -> None:
    blob = git(folder, "rev-parse", "HEAD:poetry.toml").strip()
    stages = "".join(f"100644 {blob} {stage}\tpoetry.toml\n" for stage in (1, 2, 3))
    removed = f"0 {'0' * 40}\tpoetry.toml\n"
    (local["git"]["-C", str(folder), "update-index", "--index-info"] << removed + stages)()


def conflict_taken(folder: Path) -> None:
    git(folder, "checkout", "--theirs", "Dockerfile")
    git(folder, "add", "Dockerfile")


def rejected(folder: Path) -> None:
    (folder / "Dockerfile.rej").write_text("", "utf-8")


def no_update(folder: Path) -> None:
    edit(folder, ".copier-answers.yml", "_commit: v", "_commit: v0")


PLANTED: dict[Callable[[Path], None], str] = {
    no_line: "lost from poetry.toml: in-project = true # ours",
    another_application: "app/__init__.py is not what it ought to be",
    false_conflict: "false conflict in poetry.toml",
    conflict_taken: "conflict in Dockerfile is not marked",
    rejected: "Dockerfile.rej is not what it ought to be",
    no_update: ".copier-answers.yml is not what it ought to be",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(
    plant: Callable[[Path], None], lived: tuple[Service, Truth], tmp_path: Path
) -> None:
    service, ought = lived
    copied = Service(
        tmp_path / "copied", service.template, service.version, service.answers, service.seed
    )
    shutil.copytree(service.folder, copied.folder, symlinks=True)
    clean = fleet_service.verdict(copied, ought)
    assert clean.faults == []
    assert clean.true == ["Dockerfile"]
    plant(copied.folder)
    assert PLANTED[plant] in fleet_service.verdict(copied, ought).faults


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        ("aXcde", "abcdY", "aXcdY"),
        ("aXcde", "aYcde", None),
        ("aXcde", "abYde", None),
        ("aXcde", "aXcdY", "aXcdY"),
        ("abcde", "abcd", "abcd"),
        ("Xabcde", "abcdeY", "XabcdeY"),
    ],
)
def test_changes_conflict_where_they_meet(ours: str, theirs: str, merged: str | None) -> None:
    result = merge(list("abcde"), list(ours), list(theirs))
    assert result == (None if merged is None else list(merged))


def test_the_table_counts_what_became_of_the_services(scratch: Path) -> None:
    folder = scratch / "six"
    folder.mkdir()
    results = fleet.run(SIX, 1, False, folder, Console(quiet=True))
    *each, total = fleet_report.rows(results)
    assert [row["from"] for row in each] == RELEASES[:SIX]
    assert [row["services"] for row in each] == [1] * SIX
    assert total["services"] == total["clean"] + total["true conflicts"] == SIX
    assert total["true conflicts"] == sum(bool(result.verdict.true) for result in results)
    assert [total[fault] for fault in ("false", "missed", "lost lines")] == [0, 0, 0]
    assert fleet_report.faults(results, 1.5) == []
    assert "1.51 times" in fleet_report.faults(results, 1.51)[0]

    results[0].verdict.false.append("Makefile")
    results[1].verdict.lost.append("Makefile: a line")
    *each, total = fleet_report.rows(results)
    assert (each[0]["false"], each[1]["lost lines"], total["false"]) == (1, 1, 1)
    assert total["clean"] + total["true conflicts"] == SIX - 2


def test_the_same_seed_gives_the_same_fleet_and_another_another(
    template: Template, scratch: Path
) -> None:
    one, same, other = (fleet.fleet(template, SIX, seed, scratch) for seed in (1, 1, 2))
    assert one == same
    assert [service.answers for service in one] != [service.answers for service in other]


def test_a_bare_template_writes_the_same_and_asks_as_much(
    template: Template, scratch: Path
) -> None:
    answers = fleet.answers("job", "slim", "3.13")
    twin = bare(template, scratch / "bare.git", answers)
    for version in (template.versions[0], template.versions[-1]):
        ours, its = template.render(version, answers), twin.render(version, {})
        assert fleet_service.stored(its.pop(ANSWERS)) == fleet_service.stored(ours[ANSWERS])
        assert its == {name: content for name, content in ours.items() if name != ANSWERS}
    questions, its_own = (
        [name for name in yaml.safe_load((folder / "copier.yml").read_text("utf-8"))]
        for folder in (template.folder, twin.folder)
    )
    assert {n for n in questions if n[0] != "_"} == {n for n in its_own if n[0] != "_"}
    assert not {"_tasks", "_migrations", "_jinja_extensions"} & set(its_own)


def test_the_command_ends_with_1_where_updates_take_from_owners(tmp_path: Path) -> None:
    taking = tmp_path / "taking"
    git(tmp_path, "clone", "--quiet", str(ROOT), str(taking))
    with (taking / "tasks/after_update.py").open("a", encoding="utf-8") as task:
        task.write('    Path("app/__init__.py").write_text("")\n')
    with local.env(**IDENTITY):
        git(taking, "commit", "--quiet", "--all", "--message", "Take from owners")
    command = local[sys.executable][str(taking / "benchmarks/fleet.py"), "1", "--alone"]
    code, said, error = command.run(retcode=None)
    assert code == 1, error
    assert ": lost from app/__init__.py" in error
    assert "lost lines" in said
