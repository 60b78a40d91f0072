"""Whatever ends an update, nothing of the owner's is lost, and the same command finishes it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.conftest import Tally
from tests.hostile.faults import (
    FAULTS,
    NO_UTF8,
    Room,
    chance,
    clock,
    room,
    run,
    serve,
    somebody,
)
from tests.render.support import BIN, Fork, Outcome, files

ROW = "faults of an update"
WAYS = {
    "make update": ("make", "--no-print-directory", "update"),
    "copier update": ("copier", "update", "--trust", "--defaults"),
}
BACK = "git reset --hard && git clean --force -d"  # as docs/updating.md has it
SECRET = b"PASSWORD=mine\n"
# What a new release changes, and what the owner had changed there.
CHANGED = ("Dockerfile.jinja", ".dockerignore.jinja", "ruff.toml.jinja", "Makefile.jinja")
EDITED = ("Dockerfile", ".dockerignore", "mypy.ini", "ruff.toml")


@dataclass(frozen=True)
class Service:
    """A service with edits of its owner's, one release behind."""

    folder: Path
    env: dict[str, str]
    room: Room | None = None

    @property
    def seen(self) -> Path:
        """The folder as this process sees it."""
        return self.room.seen / "service" if self.room else self.folder

    def command(self, *command: str) -> list[str]:
        """Return the command in the folder."""
        within = ["sh", "-c", 'cd "$0" && exec "$@"', str(self.folder), *command]
        return self.room.command(*within) if self.room else within

    def update(
        self,
        way: str = "make update",
        killed_after: float | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Update; the last commit and what git ignores must be there afterwards."""
        before = self.git("rev-parse", "HEAD")
        outcome = run(
            *self.command(*WAYS[way]),
            cwd=Path("/"),
            env={**self.env, **(variables or {})},
            killed_after=killed_after,
        )
        assert self.git("rev-parse", "HEAD") == before
        assert (self.seen / ".env").read_bytes() == SECRET
        return outcome

    def git(self, *arguments: str) -> str:
        """Ask git something about the service."""
        return self.within("git", *arguments).output.strip()

    def sh(self, line: str) -> None:
        """Run a command line that a person was told."""
        self.within("sh", "-c", line)

    def within(self, *command: str) -> Outcome:
        """Run a command in the folder, which must work."""
        done = run(*self.command(*command), cwd=Path("/"), env=self.env)
        assert done.code == 0, done
        return done

    @property
    def unfinished(self) -> bool:
        """Whether an update was cut off after it had begun to write."""
        marked = (self.seen / ".git/unfinished-update").exists()
        return marked and bool(self.git("status", "--porcelain"))

    def unlock(self, outcome: Outcome) -> bool:
        """Remove the lock of a git that was killed, where git asks for that; say if it did."""
        lock = self.seen / ".git/index.lock"
        if f"{lock.name}': File exists" not in outcome.errors:
            return False
        lock.unlink()
        return True

    def finish(
        self, updated: dict[str, bytes], way: str = "make update", **variables: str
    ) -> Outcome:
        """Run the same command again; fail unless that leaves what an undisturbed update does."""
        outcome = self.update(way, variables=variables)
        if self.unlock(outcome):
            outcome = self.update(way, variables=variables)
        # Killed after its last step, an update is done, and git has it to commit.
        assert outcome.code == 0 or "is dirty" in outcome.errors, outcome
        self.check(updated, outcome)
        return outcome

    def check(self, updated: dict[str, bytes], outcome: Outcome) -> None:
        """Fail unless all is as an undisturbed update leaves it, with every edit."""
        found = files(self.seen)
        assert found.keys() == updated.keys(), outcome
        assert not {name for name in updated if found[name] != updated[name]}, outcome
        self.git("fsck", "--strict", "--no-dangling")
        assert not (self.seen / ".git/unfinished-update").exists()


Services = Callable[..., Service]


@dataclass(frozen=True)
class Made:
    """A template with two releases, a service of the first, and what an update makes of it."""

    template: Path
    service: Path
    updated: dict[str, bytes]
    seconds: float


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Return `services(folder)`, which gives a service that is there."""
    env = somebody(tmp_path, BIN, COPIER_CACHE_DIR=str(tmp_path / "mirrors"))

    def services(folder: Path, **options: Any) -> Service:
        return Service(folder, env, **options)

    return services


@pytest.fixture
def made(
    checkout: Path,
    services: Services,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Made:
    """Return the template and the service, made once."""
    kept: Made | None = getattr(request.module, "_made", None)
    if kept is None:
        folder = tmp_path_factory.mktemp("update")
        template = release(checkout, folder / "template")
        service = services(create(template, folder / "service", services(folder).env))
        updated = replace(service, folder=folder / "updated")
        shutil.copytree(service.folder, updated.folder)
        began = time.monotonic()
        outcome = updated.update()
        seconds = time.monotonic() - began
        assert outcome.code == 0, outcome
        found = files(updated.folder)
        assert all("Zoë".encode() in found[name] for name in EDITED), outcome
        assert all(b"in 9.1" in found[name.removesuffix(".jinja")] for name in CHANGED)
        assert "new.toml" in found
        kept = Made(template, service.folder, found, seconds)
        request.module._made = kept
    return kept


def release(checkout: Path, folder: Path) -> Path:
    """Return a template with two releases: as it stands, and one that changes most files."""
    fork = Fork(Path(shutil.copytree(checkout, folder)))
    fork.git("tag", "v9.0.0")
    for name in CHANGED:
        with (folder / "template" / name).open("a", encoding="utf-8") as file:
            file.write("# in 9.1\n")
    (folder / "template/new.toml").write_text("# in 9.1\n")
    (folder / "template/mypy.ini.jinja").unlink()
    fork.commit("Change most files")
    fork.git("tag", "v9.1.0")
    return folder


def create(template: Path, service: Path, env: dict[str, str]) -> Path:
    """Make a service of the first release, and what its owner does to it."""
    copy = "copier", "copy", "--trust", "--defaults", "--quiet", "--vcs-ref=v9.0.0", "--skip-tasks"
    copied = run(*copy, template, service, cwd=template, env=env)
    assert copied.code == 0, copied
    for name in EDITED:
        file = service / name
        file.write_text(f"# für Zoë\n{file.read_text('utf-8')}", "utf-8")
    (service / "notes.txt").write_text("meine\n")
    (service / ".env").write_bytes(SECRET)
    command = (
        "git init --quiet && git add --all && git commit --quiet --message 'Create the service'"
    )
    created = run("sh", "-c", command, cwd=service, env=env)
    assert created.code == 0, created
    return service


@pytest.fixture
def service(made: Made, services: Services, tmp_path: Path) -> Service:
    """Return a service to be updated."""
    return services(Path(shutil.copytree(made.service, tmp_path / "service")))


@pytest.fixture
def small(made: Made, services: Services, tmp_path: Path) -> Iterator[Service]:
    """Return one that lies on a small file system."""
    with room(tmp_path / "room") as found:
        shutil.copytree(made.service, found.seen / "service")
        yield services(found.folder / "service", room=found)


def test_an_update_that_is_killed_is_finished_by_the_same_command(
    service: Service, made: Made, tally: Tally
) -> None:
    moments, killed = chance("update"), 0
    while killed < 6:
        outcome = service.update(killed_after=moments.uniform(0.3, 1) * made.seconds)
        if outcome.code == 0 or "is dirty" in outcome.errors:  # it, or the one before, was quicker
            service.check(made.updated, outcome)
            service.sh(BACK)
        elif not service.unlock(outcome):
            assert outcome.killed, outcome
            killed += 1
    service.finish(made.updated)
    tally(ROW, tried=killed, recovered=killed)


def test_after_copiers_own_update_was_killed_the_documented_command_goes_back(
    service: Service, made: Made, tally: Tally
) -> None:
    moments, killed = chance("copier"), 0
    while killed < 3:
        outcome = service.update("copier update", moments.uniform(0.5, 1) * made.seconds)
        killed += outcome.killed
        (service.seen / ".git/index.lock").unlink(missing_ok=True)
        service.sh(BACK)
        assert service.git("status", "--porcelain") == ""
    service.finish(made.updated, "copier update")
    tally(ROW, tried=killed, recovered=killed)


def test_what_was_edited_after_a_kill_is_in_gits_stash(
    service: Service, made: Made, tally: Tally
) -> None:
    moments = chance("edited")
    while not service.unfinished:
        service.update(killed_after=moments.uniform(0.5, 1) * made.seconds)
        if not service.unfinished:
            service.sh(BACK)
    (service.seen / "app/main.py").write_text("# an edit\n")
    (service.seen / "more.py").write_text("# a file\n")
    outcome = service.finish(made.updated)
    assert "The last update was cut off" in outcome.errors
    kept = service.git("stash", "show", "--patch", "--include-untracked")
    assert "+# an edit" in kept
    assert "+# a file" in kept
    tally(ROW, tried=1, recovered=1)


def test_in_a_repository_of_several_services_the_edits_of_another_stay(
    made: Made, services: Services, tally: Tally, tmp_path: Path
) -> None:
    several = tmp_path / "several"
    service = services(Path(shutil.copytree(made.service, several / "orders")))
    shutil.rmtree(service.folder / ".git")
    other = several / "other/main.py"
    other.parent.mkdir()
    other.touch()
    service.sh("git init --quiet .. && git add .. && git commit --quiet --message Begin")
    other.write_text("# an edit\n")
    moments, mark = chance("several"), several / ".git/orders-unfinished-update"
    while not (mark.exists() and service.git("status", "--porcelain", ".")):
        service.update(killed_after=moments.uniform(0.5, 1) * made.seconds)
        if not mark.exists():
            service.sh("rm -f ../.git/index.lock; git restore --staged --worktree .")
            service.sh("git clean --force -d .")
    outcome = service.finish(made.updated)
    assert "The last update was cut off" in outcome.errors
    assert other.read_text() == "# an edit\n"
    assert not mark.exists()
    tally(ROW, tried=1, recovered=1)


def test_an_update_on_a_full_disk_writes_nothing_and_is_done_once_there_is_room(
    small: Service, made: Made, tally: Tally
) -> None:
    assert small.room
    moments = chance("full")
    rooms = [moments.randrange(100), moments.randrange(500)]
    for kilobytes in rooms:
        small.room.leave(kilobytes)
        outcome = small.update()
        assert outcome.code
        assert "Nothing can be written here (No space left on device): " in outcome.errors, outcome
        assert small.git("status", "--porcelain") == ""
    small.room.leave(32_000)
    small.finish(made.updated)
    tally(ROW, tried=len(rooms), recovered=len(rooms))


def test_an_update_whose_disk_fills_says_so_and_is_finished_by_the_same_command(
    small: Service, made: Made, tally: Tally
) -> None:
    assert small.room
    moments, full, mark = chance("fills"), 0, small.seen / ".git/unfinished-update"
    while full < 4:
        small.room.leave(32_000)
        before = mark.read_text() if mark.exists() else ""
        with ThreadPoolExecutor() as pool:
            update = pool.submit(small.update)
            while not update.done() and (not mark.exists() or mark.read_text() in ("", before)):
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 0.4) * made.seconds)
            small.room.leave(moments.randrange(20))
            outcome = update.result()
        if outcome.code == 0:
            small.check(made.updated, outcome)
            small.sh(BACK)
        else:
            full += 1
            assert "space" in outcome.errors, outcome
    small.room.leave(32_000)
    small.finish(made.updated)
    tally(ROW, tried=full, recovered=full)


def test_a_template_that_cannot_be_fetched_leaves_the_service_as_it_was(
    service: Service, made: Made, tally: Tally, tmp_path: Path
) -> None:
    bare = tmp_path / "served/template.git"
    clone = "git", "clone", "--quiet", "--bare", made.template, bare
    assert run(*clone, cwd=tmp_path, env=service.env).code == 0
    assert run("git", "update-server-info", cwd=bare, env=service.env).code == 0
    moments = chance("template")
    with serve(bare.parent.as_uri(), linked=False) as served:
        answers = service.seen / ".copier-answers.yml"
        text = answers.read_text("utf-8")
        answers.write_text(text.replace(f"{made.template}", f"{served.url}template.git"), "utf-8")
        service.sh("git commit --quiet --all --message 'Update from elsewhere'")
        for fault in FAULTS:
            served.fail(fault, after=moments.randrange(4), share=moments.uniform(0.1, 0.9))
            outcome = service.update()
            assert outcome.code != 0, fault
            assert "fatal: " in outcome.errors or "error: " in outcome.errors, outcome
            assert service.git("status", "--porcelain") == ""
        served.heal()
        updated = {
            **made.updated,
            answers.name: made.updated[answers.name].replace(
                f"{made.template}".encode(), f"{served.url}template.git".encode()
            ),
        }
        service.finish(updated)
    tally(ROW, tried=len(FAULTS), recovered=len(FAULTS))


def test_hooks_that_refuse_do_not_stand_in_the_way_of_an_update(
    service: Service, made: Made, tally: Tally, tmp_path: Path
) -> None:
    for name in ("pre-commit", "commit-msg", "post-checkout"):
        hook = tmp_path / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n")
        hook.chmod(0o755)
    service.sh(f"git config core.hooksPath '{hook.parent}'")
    service.finish(made.updated)
    tally(ROW, tried=1, recovered=1)


def test_a_service_that_may_not_be_written_stays_as_it_is(
    small: Service, made: Made, tally: Tally
) -> None:
    assert small.room
    small.room.remount("ro")
    outcome = small.update()
    assert outcome.code
    assert "Read-only file system" in outcome.errors
    small.room.remount("rw")
    small.finish(made.updated)
    tally(ROW, tried=1, recovered=1)


@pytest.mark.parametrize("way", WAYS)
def test_of_two_updates_at_once_one_is_done_and_the_other_says_why_not(
    way: str, service: Service, made: Made, tally: Tally
) -> None:
    with subprocess.Popen(
        service.command(*WAYS[way]), env=service.env, stderr=subprocess.PIPE, encoding="utf-8"
    ) as second:
        first = service.update(way)
        assert second.stderr
        said = {first.code: first.errors, second.wait(): second.stderr.read()}
    assert 0 in said
    for code, errors in said.items():
        assert code == 0 or "Another update is at work" in errors or "dirty" in errors, errors
    service.check(made.updated, first)
    tally(ROW, tried=1, recovered=1)


@pytest.mark.parametrize("year", [1970, 2100])
def test_an_update_does_not_mind_a_wrong_clock(
    year: int, service: Service, made: Made, tally: Tally
) -> None:
    service.finish(made.updated, **clock(year))
    tally(ROW, tried=1, recovered=1)


def test_in_a_locale_without_utf_8_no_letter_of_the_owners_is_lost(
    made: Made, services: Services, tally: Tally, tmp_path: Path
) -> None:
    elsewhere = Path(shutil.copytree(made.service, tmp_path / "ein Dienst für 服務"))
    services(elsewhere).finish(made.updated, **NO_UTF8)
    service = services(Path(shutil.copytree(made.service, tmp_path / "service")))
    refused = service.update("copier update", variables=NO_UTF8)
    assert refused.code
    assert "run `PYTHONUTF8=1 copier update --trust --defaults`" in refused.errors
    assert service.git("status", "--porcelain") == ""
    service.finish(made.updated, "copier update", **{**NO_UTF8, "PYTHONUTF8": "1"})
    tally(ROW, tried=2, recovered=2)
