"""Whatever ends a copy, nothing is lost, and the same command finishes it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tasks import mirror
from tests.hostile.conftest import Tally
from tests.hostile.faults import (
    FAULTS,
    NO_UTF8,
    Index,
    Room,
    chance,
    clock,
    room,
    run,
    serve,
    somebody,
)
from tests.render.support import BIN, POETRY, Outcome, files

ROW = "faults of a copy"
ANSWERS = ("service_kind=job", "project_name=Shop")
MAKE = ("make", "--no-print-directory", "--assume-old=.venv/installed", f"BIN={BIN}")
COPIER = (BIN / "copier", "copy", "--trust", "--defaults", "--quiet", "--vcs-ref=HEAD")
# What both ways share is proven by one; at length, by both.
WAYS = ("make new", pytest.param("copier copy", marks=pytest.mark.soak))

pytestmark = pytest.mark.skipif(not POETRY.exists(), reason="there is no Poetry in .poetry")


@dataclass(frozen=True)
class Copy:
    """A copy of the template into a folder, in one of two ways."""

    way: str
    checkout: Path
    service: Path
    index: Index
    env: dict[str, str]
    answers: tuple[str, ...] = ANSWERS
    room: Room | None = None
    kept: dict[str, bytes] = field(default_factory=lambda: {"notes.txt": b"mine"})
    """What lies in the folder before."""

    @property
    def command(self) -> list[str]:
        """What a person types."""
        if self.way == "make new":
            answers = " ".join(self.answers)
            where = f"--directory={self.checkout}", "new"
            command = [*MAKE, *where, f"DEST={self.service}", f"ANSWERS={answers}"]
        else:
            data = [f"--data={answer}" for answer in self.answers]
            command = [*map(str, COPIER), *data, str(self.checkout), str(self.service)]
        return self.room.command(*command) if self.room else command

    @property
    def seen(self) -> Path:
        """The service's folder."""
        return self.room.seen / "service" if self.room else self.service

    def begin(self) -> None:
        """Put what lies in the folder before, where there is any."""
        for name, content in self.kept.items():
            self.seen.mkdir(parents=True, exist_ok=True)
            (self.seen / name).write_bytes(content)

    def run(
        self, killed_after: float | None = None, variables: Mapping[str, str] | None = None
    ) -> Outcome:
        """Copy; what was there must be there afterwards."""
        outcome = run(
            *self.command,
            cwd=self.checkout,
            env={**self.env, mirror.URL: self.index.url, **(variables or {})},
            killed_after=killed_after,
        )
        for name, content in self.kept.items():
            assert (self.seen / name).read_bytes() == content, outcome
        if self.way == "make new":
            assert "Traceback" not in outcome.errors, outcome
        return outcome

    def git(self, *arguments: str) -> str:
        """Ask git something about the service."""
        command = ["git", "-C", str(self.service), *arguments]
        command = self.room.command(*command) if self.room else command
        told = run(*command, cwd=self.checkout, env=self.env)
        assert told.code == 0, told
        return told.output.strip()

    def finish(self, whole: dict[str, bytes]) -> None:
        """Run the same command again; fail unless that leaves what an undisturbed copy does."""
        outcome = self.run()
        if self.way == "copier copy" and "Consider using `--overwrite`" in outcome.errors:
            env = {**self.env, mirror.URL: self.index.url}
            outcome = run(*self.command, "--overwrite", cwd=self.checkout, env=env)
        assert outcome.code == 0, outcome
        self.check(whole, outcome)

    def check(self, whole: dict[str, bytes], outcome: Outcome) -> None:
        """Fail unless all is there, and committed once."""
        found = files(self.seen)
        assert found.keys() == (whole | self.kept).keys(), outcome
        differing = {name for name in whole if found[name] != whole[name]}
        assert not differing, outcome
        assert self.git("log", "--format=%s") == "Create the service", outcome
        assert self.git("status", "--porcelain") == ""
        assert "poetry.lock" in self.git("ls-files").splitlines()
        # git itself writes a wrong time zone from 2100 on.
        self.git("-c", "fsck.badTimezone=ignore", "fsck", "--strict")
        assert not list((self.seen / ".git").rglob("*.lock"))
        assert not (self.seen / ".git/unfinished-copy").exists()


Copies = Callable[..., Copy]


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    """Serve this machine's package index, faults aside."""
    with serve(mirror.simple_index()) as served:
        yield served


@pytest.fixture
def copies(checkout: Path, index: Index, tmp_path: Path) -> Copies:
    """Return `copies(way)`, which gives a copy to be made."""
    env = somebody(tmp_path, POETRY.parent, POETRY_CACHE_DIR=str(tmp_path / "cache"))

    def copies(way: str, folder: str = "service", **options: Any) -> Copy:
        return replace(Copy(way, checkout, tmp_path / folder, index, env), **options)

    return copies


@dataclass(frozen=True)
class Whole:
    """What an undisturbed copy leaves, and how long it takes."""

    files: dict[str, bytes]
    seconds: float


@pytest.fixture
def whole(copies: Copies, request: pytest.FixtureRequest) -> Whole:
    """Return what an undisturbed copy leaves; made once, when the index is warm."""
    kept: Whole | None = getattr(request.module, "_whole", None)
    if kept is None:
        for name in ("warm", "whole"):
            copy = copies("make new", name, kept={})
            began = time.monotonic()
            outcome = copy.run()
            kept = Whole(files(copy.seen), time.monotonic() - began)
            copy.check(kept.files, outcome)
        assert kept
        request.module._whole = kept
    return kept


@pytest.mark.parametrize(
    ("way", "kept"),
    [
        ("make new", {}),
        ("copier copy", {"notes.txt": b"mine"}),
        pytest.param("make new", {"notes.txt": b"mine"}, marks=pytest.mark.soak),
        pytest.param("copier copy", {}, marks=pytest.mark.soak),
    ],
)
def test_a_copy_that_is_killed_is_finished_by_the_same_command(
    way: str, kept: dict[str, bytes], copies: Copies, whole: Whole, tally: Tally
) -> None:
    copy = copies(way, kept=kept)
    copy.begin()
    moments, killed = chance((way, *kept)), 0
    while killed < 4:
        outcome = copy.run(killed_after=moments.uniform(0.1, 1) * whole.seconds)
        if outcome.code == 0:  # it was quicker
            shutil.rmtree(copy.seen)
            copy.begin()
        else:
            assert outcome.killed, outcome
            killed += 1
    copy.finish(whole.files)
    tally(ROW, tried=killed, recovered=killed)


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_onto_a_full_disk_is_finished_once_there_is_room(
    way: str, copies: Copies, whole: Whole, tally: Tally, tmp_path: Path
) -> None:
    moments = chance(way)
    with room(tmp_path / "room") as small:
        copy = copies(way, room=small, service=small.folder / "service")
        copy.begin()
        rooms = [moments.randrange(40), moments.randrange(40, 90), moments.randrange(90, 200)]
        for kilobytes in rooms:
            small.leave(kilobytes)
            outcome = copy.run()
            assert "No space left on device" in outcome.errors, outcome
            assert "again" in outcome.errors or "run `" in outcome.errors or way != "make new"
        small.leave(32_000)
        copy.finish(whole.files)
    tally(ROW, tried=len(rooms), recovered=len(rooms))


@pytest.mark.parametrize("way", WAYS)
def test_an_index_that_fails_while_locking_costs_the_lock_alone(
    way: str, copies: Copies, whole: Whole, index: Index, tally: Tally
) -> None:
    moments = chance(way)
    faults = list(FAULTS)
    moments.shuffle(faults)
    numbers = [(moments.randrange(8), moments.uniform(0.05, 0.95)) for _ in faults]
    told = list(zip(faults, numbers, strict=True))

    def fail(number: int) -> None:  # Poetry tries again after a while
        with serve(mirror.simple_index(), warm=index) as failing:
            copy = copies(way, f"service{number}", index=failing)
            copy.begin()
            for fault, (after, share) in told[number::3]:
                failing.fail(fault, after=after, share=share)
                check_unlocked(copy, copy.run(), whole)
            failing.heal()
            outcome = copy.run()
            assert outcome.code == 0, outcome
            assert "`git add . && git commit --message 'Create the service'`" in outcome.errors
            copy.git("add", ".")
            copy.git("commit", "--amend", "--no-edit")
            copy.check(whole.files, outcome)

    with ThreadPoolExecutor() as pool:
        list(pool.map(fail, range(3)))
    tally(ROW, tried=len(faults), recovered=len(faults))


def check_unlocked(copy: Copy, outcome: Outcome, whole: Whole) -> None:
    """Fail unless the lock is whole, or it is said how to make it."""
    assert outcome.code == 0, outcome
    lock = copy.seen / "poetry.lock"
    if "could not be locked (" in outcome.errors:
        assert "run `make lock`" in outcome.errors
        assert "\n  make lock\n" in outcome.errors
        assert not lock.exists()
    else:
        assert lock.read_bytes() == whole.files["poetry.lock"], outcome
        lock.unlink()


@pytest.mark.parametrize(
    "setting", ["core.hooksPath", pytest.param("init.templateDir", marks=pytest.mark.soak)]
)
def test_where_a_hook_refuses_the_commit_the_same_command_makes_it_later(
    setting: str, copies: Copies, whole: Whole, tally: Tally, tmp_path: Path
) -> None:
    hook = tmp_path / "template/hooks/pre-commit"
    hook.parent.mkdir(parents=True)
    hook.write_text(
        f"#!/bin/sh\ntest -e {tmp_path}/allowed || {{ echo 'not on a Friday'; exit 1; }}"
    )
    hook.chmod(0o755)
    folder = hook.parent if setting == "core.hooksPath" else hook.parent.parent
    copy = copies("make new", kept={})
    run(
        "git",
        "config",
        "--file",
        copy.env["GIT_CONFIG_GLOBAL"],
        setting,
        folder,
        cwd=tmp_path,
        env=copy.env,
    )
    outcome = copy.run()
    assert "git refused the first commit (not on a Friday): run `" in outcome.errors
    (tmp_path / "allowed").touch()
    copy.finish(whole.files)
    tally(ROW, tried=1, recovered=1)


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_to_where_nothing_may_be_written_says_so(
    way: str, copies: Copies, whole: Whole, tally: Tally, tmp_path: Path
) -> None:
    with room(tmp_path / "room") as small:
        copy = copies(way, room=small, service=small.folder / "service")
        copy.begin()
        small.remount("ro")
        outcome = copy.run()
        assert outcome.code
        assert "Read-only file system" in outcome.errors
        small.remount("rw")
        copy.finish(whole.files)
    tally(ROW, tried=1, recovered=1)


@pytest.mark.parametrize("way", WAYS)
def test_two_copies_at_once_into_one_place_give_one_service(
    way: str, copies: Copies, whole: Whole, tally: Tally
) -> None:
    copy = copies(way, kept={})
    with subprocess.Popen(
        copy.command,
        cwd=copy.checkout,
        env={**copy.env, mirror.URL: copy.index.url},
        stderr=subprocess.DEVNULL,
    ) as other:
        outcome = copy.run()
    assert 0 in (outcome.code, other.returncode), outcome
    copy.finish(whole.files)
    tally(ROW, tried=1, recovered=1)


@pytest.mark.parametrize("year", [1970, 2100])
def test_a_copy_does_not_mind_a_wrong_clock(
    year: int, copies: Copies, whole: Whole, tally: Tally
) -> None:
    copy = copies("make new", kept={})
    copy.check(whole.files, copy.run(variables=clock(year)))
    committed = int(copy.git("log", "--format=%cd", "--date=format:%Y"))
    assert (committed == 1970) if year == 1970 else (committed >= 2100)
    tally(ROW, tried=1, recovered=1)


def test_a_copy_does_not_mind_letters_that_its_locale_has_not(copies: Copies, tally: Tally) -> None:
    folder = "mein Dienst für 服務"
    copy = copies("make new", folder, answers=("service_kind=job", "user_name=Zoë"), kept={})
    outcome = copy.run(variables=NO_UTF8)
    assert outcome.code == 0, outcome
    assert "Zoë" in (copy.seen / ".copier-answers.yml").read_text("utf-8")
    assert 'name = "mein-dienst-f-r"' in (copy.seen / "pyproject.toml").read_text("utf-8")
    assert "# Mein Dienst Für 服務" in (copy.seen / "README.md").read_text("utf-8")
    copy.check(files(copy.seen), outcome)
    tally(ROW, tried=1, recovered=1)


def test_copiers_own_copy_refuses_letters_that_its_locale_has_not(
    copies: Copies, tally: Tally
) -> None:
    copy = copies("copier copy", answers=("service_kind=job", "user_name=Zoë"), kept={})
    outcome = copy.run(variables=NO_UTF8)
    assert outcome.code == 1
    assert len(outcome.errors.splitlines()) == 1
    assert not copy.seen.exists()
    outcome = copy.run(variables={**NO_UTF8, "PYTHONUTF8": "1"})
    assert outcome.code == 0, outcome
    assert "Zoë" in (copy.seen / ".copier-answers.yml").read_text("utf-8")
    copy.check(files(copy.seen), outcome)
    tally(ROW, tried=1, recovered=1)
