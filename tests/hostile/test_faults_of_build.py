"""Whatever ends a build, the last image stays, and the same command gives the same image."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tasks import mirror
from tests.engine.contained import bound
from tests.hostile.conftest import Tally
from tests.hostile.faults import (
    FAULTS,
    NO_UTF8,
    Index,
    Room,
    chance,
    clock,
    environment,
    room,
    run,
    serve,
)
from tests.image.services import APART, IDENTITY, VERSION, Service, Workshop
from tests.render.support import ROOT, Outcome

ROW = "faults of a build"


@dataclass(frozen=True)
class Build:
    """A service that `make image` builds, with an index that may fail."""

    service: Service
    folder: Path
    index: Index
    room: Room | None = None
    reach: Mapping[str, str] | None = None
    """What another engine than the service's is reached by."""

    @property
    def env(self) -> dict[str, str]:
        """The environment of all commands."""
        reach = self.reach or self.service.engine.env
        return environment(**{**reach, **APART, **IDENTITY, mirror.URL: self.index.url})

    def command(self, *command: str) -> list[str]:
        """Return the command in the service's folder."""
        within = ["sh", "-c", 'cd "$0" && exec "$@"', str(self.folder), *command]
        return self.room.command(*within) if self.room else within

    def make(
        self, killed_after: float | None = None, variables: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run `make image`, which installs the dependencies anew."""
        dockerfile = self.service.dockerfile.read_text("utf-8")
        tiers = ",".join(re.findall(r"^FROM builder AS (tier\d+)", dockerfile, re.MULTILINE))
        flags = f"--network=host --progress=plain --no-cache-filter={tiers}"
        make = self.command("make", "image", f"DOCKER_BUILD_FLAGS={flags}")
        env = {**self.env, **(variables or {})}
        return run(*make, cwd=Path("/"), env=env, killed_after=killed_after)

    def docker(self, *arguments: str) -> str:
        """Ask the engine something."""
        told = run(*self.command("docker", *arguments), cwd=Path("/"), env=self.env)
        assert told.code == 0, told
        return told.output.strip()

    @property
    def image(self) -> str:
        """The identity of the image that the service's name leads to, and its layers."""
        name = f"{self.service.name}:{VERSION}"
        return self.docker("inspect", "--format={{.Id}} {{.RootFS.Layers}}", name)


Builds = Callable[..., Build]


@dataclass(frozen=True)
class Whole:
    """An undisturbed build: its image, and how long it takes."""

    build: Build
    image: str
    seconds: float


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    """Serve this machine's package index, faults aside."""
    with serve(mirror.simple_index()) as served:
        yield served


@pytest.fixture(scope="module")
def undisturbed(workshop: Workshop, index: Index) -> Whole:
    """Return a service with its image."""
    if not workshop.engine.private:
        pytest.skip("Loopback leads to an index only from an engine on this machine's network.")
    service = workshop.service("job", "slim", "3.13")
    build = Build(service, service.folder, index)
    seconds = 0.0
    for _ in ("warm", "whole"):
        began = time.monotonic()
        outcome = build.make()
        seconds = time.monotonic() - began
        assert outcome.code == 0, outcome
    return Whole(build, build.image, seconds)


@pytest.fixture
def whole(undisturbed: Whole) -> Iterator[Whole]:
    """Return it; its index answers well again afterwards."""
    yield undisturbed
    undisturbed.build.index.heal()


def test_a_build_that_is_killed_leaves_the_last_image_and_ends_well_when_run_again(
    whole: Whole, tally: Tally
) -> None:
    moments, killed = chance("build"), 0
    while killed < 5:
        outcome = whole.build.make(killed_after=moments.uniform(0.1, 1) * whole.seconds)
        assert whole.build.image == whole.image
        killed += outcome.killed
    outcome = whole.build.make()
    assert outcome.code == 0, outcome
    assert whole.build.image == whole.image
    tally(ROW, tried=killed, recovered=killed)


def test_a_build_whose_index_fails_says_so_and_ends_well_once_it_is_back(
    whole: Whole, tally: Tally
) -> None:
    moments = chance("index")
    faults = list(FAULTS)
    moments.shuffle(faults)
    for fault in faults:
        share = moments.uniform(0.1, 0.9)
        whole.build.index.fail(fault, after=moments.randrange(3), share=share, name=".whl")
        outcome = whole.build.make()
        assert outcome.code, fault
        assert re.search(r"Failed to download `[\w.-]+==[\d.]+`", outcome.errors), outcome
        if fault.isdecimal():
            assert whole.build.index.url.split("/")[2] in outcome.errors, outcome
        assert whole.build.image == whole.image
    whole.build.index.heal()
    outcome = whole.build.make()
    assert outcome.code == 0, outcome
    assert whole.build.image == whole.image
    tally(ROW, tried=len(faults), recovered=len(faults))


def test_a_wheel_whose_hash_is_not_the_locks_fails_the_build_by_its_name(
    whole: Whole, tally: Tally
) -> None:
    whole.build.index.fail("other", name="/pydantic_settings-")
    outcome = whole.build.make()
    assert outcome.code
    named = re.findall(r"Hash mismatch for `([^`]+)`", outcome.errors)
    assert named, outcome.errors
    assert all(re.fullmatch(r"pydantic-settings==[\d.]+", name) for name in named)
    assert whole.build.image == whole.image
    whole.build.index.heal()
    outcome = whole.build.make()
    assert outcome.code == 0, outcome
    assert whole.build.image == whole.image
    tally(ROW, tried=1, recovered=1)


@pytest.fixture
def small(undisturbed: Whole) -> Iterator[Build]:
    """Return the same service beside an engine of its own on a small file system."""
    whole = undisturbed
    # The path of a socket has room for a short one only.
    with TemporaryDirectory() as short, room(Path(short), megabytes=4096) as found:
        up = [sys.executable, "-m", "tests.engine", "up", *whole.build.service.bases]
        env = {**os.environ, "TEST_ENGINE": "private", "TMPDIR": str(found.folder)}
        command = bound(*found.command("sh", "-c", 'cd "$0" && exec "$@"', ROOT, *up))
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as engine:
            assert engine.stdout
            reach: dict[str, str] = {}
            while "PATH" not in reach:
                name, _, value = shlex.split(engine.stdout.readline())[1].partition("=")
                reach[name] = value
            yield replace(whole.build, room=found, reach=reach)
            engine.terminate()


def test_a_build_on_a_full_disk_says_so_and_ends_well_once_there_is_room(
    small: Build, whole: Whole, tally: Tally
) -> None:
    assert small.room
    outcome = small.make()
    assert outcome.code == 0, outcome
    first = small.image
    assert first.partition(" ")[2] == whole.image.partition(" ")[2]
    moments = chance("full")
    rooms = [moments.randrange(low, low + 4000) for low in (0, 4000, 8000, 12000)]
    full = 0
    for kilobytes in rooms:
        small.room.leave(kilobytes)
        outcome = small.make()
        full += outcome.code != 0
        assert outcome.code == 0 or "no space left on device" in outcome.errors.lower(), outcome
        assert small.image == first
    assert full
    small.room.leave(1_000_000)
    outcome = small.make()
    assert outcome.code == 0, outcome
    assert small.image == first
    tally(ROW, tried=full, recovered=full)


def test_two_builds_at_once_give_the_same_image(whole: Whole, tally: Tally) -> None:
    command = whole.build.command("make", "image", "DOCKER_BUILD_FLAGS=--network=host --no-cache")
    with subprocess.Popen(
        command, env=whole.build.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as other:
        outcome = whole.build.make()
    assert (outcome.code, other.returncode) == (0, 0), outcome
    assert whole.build.image == whole.image
    tally(ROW, tried=1, recovered=1)


def test_a_build_writes_nothing_into_the_service_and_does_not_mind_its_path_or_locale(
    whole: Whole, tally: Tally, tmp_path: Path
) -> None:
    with room(tmp_path / "room") as found:
        name = "mein Dienst für 服務"
        shutil.copytree(whole.build.folder, found.seen / name)
        found.remount("ro")
        build = replace(whole.build, room=found, folder=found.folder / name)
        for variables in ({}, NO_UTF8):
            outcome = build.make(variables=variables)
            assert outcome.code == 0, outcome
            assert build.image == whole.image
    tally(ROW, tried=2, recovered=2)


@pytest.mark.parametrize("year", [1970, 2100])
def test_a_build_of_what_is_not_committed_does_not_mind_a_wrong_clock(
    year: int, whole: Whole, tally: Tally, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole.build.folder, tmp_path / "service"))
    with (folder / "app/main.py").open("a", encoding="utf-8") as file:
        file.write(f"# {year}\n")
    build = replace(whole.build, folder=folder)
    outcome = build.make(variables=clock(year))
    assert outcome.code == 0, outcome
    written = "import os, time; print(time.gmtime(os.stat('/app/app/main.py').st_mtime).tm_year)"
    container = "run", "--rm", "--network=host", f"{whole.build.service.name}:{VERSION}"
    assert build.docker(*container, "python", "-c", written) == str(year)
    outcome = whole.build.make()
    assert outcome.code == 0, outcome
    assert whole.build.image == whole.image
    tally(ROW, tried=1, recovered=1)
