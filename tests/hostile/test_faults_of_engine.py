"""A killed test run leaves nothing of its engine, and touches no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.engine import Engine
from tests.engine.cache import folder
from tests.engine.contained import bound
from tests.hostile.conftest import Tally
from tests.hostile.faults import chance
from tests.render.support import ROOT

ROW = "killed test runs"
MOMENTS = chance("engine")
CONTAINED = b"123456"  # what the container's process is known by
IMAGE = "python:3.13-slim-trixie"
# What an engine's tests do: a container runs, a registry answers, something is being downloaded.
RUN = f"""
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from tests.engine import cache, engine
from tests.engine.registry import registry

def test_run(tmp_path):
    with engine() as found, registry():
        found.base("{IMAGE}")
        found.docker("run", "--detach", "--network=host", "{IMAGE}", "sleep", "123456")
        Path("STATION").touch()
        cache.once(cache.folder() / "download", lambda path: time.sleep(600))
"""


@pytest.fixture
def beside(docker: Engine) -> Iterator[str]:
    """Return a container that runs on another engine."""
    docker.base(IMAGE)
    command = "run", "--detach", f"--network={docker.network}", IMAGE, "sleep", "654321"
    container = docker.docker(*command).strip()
    yield container
    docker.docker("rm", "--force", container)


@pytest.fixture
def short() -> Iterator[Path]:
    """Return a folder whose path leaves room for that of an engine's socket."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


def processes(folder: Path) -> list[str]:
    """Return the command lines of processes that a run with this temporary folder has left."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes()
        except OSError:  # gone meanwhile
            continue
        own = f"TMPDIR={folder}".encode() in variables or os.fsencode(folder) in command
        if own or CONTAINED in command:
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def left(folder: Path, cache: Path) -> dict[str, list[str]]:
    """Return what is left of a run: processes, mounts, control groups, files."""
    engines = [path.name for path in folder.glob("copier-poetry-*")]
    groups = Path("/sys/fs/cgroup").glob("*/copier-poetry-engine-*")
    mounts = Path("/proc/self/mounts").read_text("utf-8").splitlines()
    return {
        "processes": processes(folder),
        "mounts": [mount for mount in mounts if str(folder) in mount],
        "groups": [str(group) for group in groups if group.name in engines],
        "files": engines,
        "downloads": [str(path) for path in cache.glob("*.new-*")],
    }


@pytest.mark.parametrize("seconds", [None, *(MOMENTS.uniform(1, 6) for _ in range(3))])
def test_a_killed_run_leaves_no_process_mount_or_file_and_no_other_engine_notices(
    seconds: float | None, docker: Engine, beside: str, short: Path, tmp_path: Path, tally: Tally
) -> None:
    if not docker.private:
        pytest.skip("A private engine is started where there is no other.")
    (tmp_path / "test_run.py").write_text(RUN.replace("STATION", f"{tmp_path}/station"))
    temporary, cache = short, tmp_path / "cache"
    (cache / "copier-poetry-service").mkdir(parents=True)
    for kept in folder().iterdir():  # what is downloaded already
        if ".new-" not in kept.name and kept.suffix != ".lock":
            (cache / "copier-poetry-service" / kept.name).symlink_to(kept)
    before = docker.docker("ps", "--all", "--quiet", "--no-trunc").split()
    images = docker.docker("image", "ls", "--quiet").split()
    run = subprocess.Popen(
        bound(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={ROOT}",
              f"--basetemp={temporary}/pytest", f"{tmp_path}/test_run.py"),
        cwd=ROOT,
        env={
            **os.environ,
            "TEST_ENGINE": "private",
            "TMPDIR": str(temporary),
            "XDG_CACHE_HOME": str(cache),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=(tmp_path / "log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    began = time.monotonic()
    while not (tmp_path / "station").exists() and time.monotonic() - began < (seconds or 120):
        assert run.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.05)
    if seconds is None:
        assert any("sleep 123456" in command for command in processes(temporary))
        found = left(temporary, cache / "copier-poetry-service")
        assert found["files"]
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 30
    while any((found := left(temporary, cache / "copier-poetry-service")).values()):
        assert time.monotonic() < deadline, json.dumps(found, indent=1)
        time.sleep(0.1)
    assert docker.docker("ps", "--all", "--quiet", "--no-trunc").split() == before
    assert docker.docker("image", "ls", "--quiet").split() == images
    state = docker.docker("inspect", "--format={{.State.Running}}", beside).strip()
    assert state == "true"
    tally(ROW, tried=1, left_behind=0)
