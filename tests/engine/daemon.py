"""A Docker engine of our own: fetched as Debian packages, installed nowhere, gone without a trace.

Whatever ends us, the kernel ends the engine and its containers and forgets their mounts. What stays
is a temporary directory, locked by the engine as long as any process of it lives; the next start
removes those that nobody locks. With some GB of memory to spare, TMPDIR=/dev/shm saves the
disk most of the work.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from plumbum import ProcessExecutionError, local
from plumbum.commands.base import BaseCommand

from . import apt, cache
from .contained import PATH, contained

LABEL = "copier-poetry-service=private"
PREFIX = "copier-poetry-engine-"
TIMEOUT = 60  # seconds to start or stop


class EngineUnavailable(Exception):
    """No engine here; the message is one sentence that says why."""


def binaries() -> Path:
    """Folder of the unpacked engine, fetched (some 75 MB) if it is not in the cache."""
    packages = dict.fromkeys(
        ("docker.io", "docker-cli", "docker-buildx", "containerd", "tini"), "trixie"
    )
    # A newer runc wants a newer C library than the machine may have.
    packages["runc"] = apt.codename()
    key = hashlib.sha256(json.dumps([packages, os.uname().machine]).encode()).hexdigest()[:12]
    return cache.once(cache.folder() / f"engine-{key}", lambda path: apt.unpack(packages, path))


class Daemon:
    """A running private engine; `stop` it. Its starting thread must outlive it."""

    def __init__(self) -> None:
        """Start the engine and wait until it answers; EngineUnavailable if it does not."""
        sweep()
        try:
            unpacked = binaries()
        except (LookupError, ProcessExecutionError) as error:
            reason = getattr(error, "stderr", "").strip().splitlines() or [str(error)]
            raise EngineUnavailable(f"The engine's packages cannot be had: {reason[-1]}") from error
        self._root, self._lock = _directory()
        self.env = _environment(self._root, unpacked)
        dockerd = ("tini-static", "--", "dockerd", "--config-file", f"{self._root}/daemon.json")
        _configure(self._root, unpacked)
        with (self._root / "log").open("w") as log:
            self._process = subprocess.Popen(
                contained(*dockerd),
                env=os.environ | {"PATH": f"{unpacked}/usr/sbin:{unpacked}/usr/bin:{PATH}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[self._lock],
            )
        self.docker: BaseCommand = local[f"{unpacked}/usr/bin/docker"].with_env(**self.env)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while self.docker["version"].run(retcode=None)[0] != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                last = (self._root / "log").read_text().strip().rpartition("\n")[2]
                raise EngineUnavailable(f"The private Docker engine did not start: {last}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the engine with all its containers and remove all that it wrote."""
        # There is nothing to save: an orderly end would only wait for containers.
        self._process.kill()
        self._process.wait()
        os.close(self._lock)
        deadline = time.monotonic() + TIMEOUT
        while not _gone(self._root):
            if time.monotonic() > deadline:
                raise TimeoutError(f"The engine in {self._root} cannot be removed.")
            time.sleep(0.05)


def _environment(root: Path, unpacked: Path) -> dict[str, str]:
    return {
        "DOCKER_HOST": f"unix://{root}/docker.sock",
        "DOCKER_CONFIG": f"{root}/config",
        # These could lead elsewhere than the above.
        "DOCKER_CONTEXT": "default",
        "DOCKER_TLS_VERIFY": "",
        "BUILDX_BUILDER": "",
        "PATH": f"{unpacked}/usr/bin:{os.environ['PATH']}",
    }


def _configure(root: Path, unpacked: Path) -> None:
    client = root / "config" / "config.json"
    client.parent.mkdir()
    plugins = str(unpacked / "usr/libexec/docker/cli-plugins")
    client.write_text(json.dumps({"cliPluginsExtraDirs": [plugins]}))
    (root / "daemon.json").write_text(
        json.dumps(
            {
                "labels": [LABEL],
                "hosts": [f"unix://{root}/docker.sock"],
                "pidfile": f"{root}/pid",
                "data-root": f"{root}/data",
                "exec-root": f"{root}/exec",
                "cgroup-parent": f"/{root.name}",
                "exec-opts": ["native.cgroupdriver=cgroupfs"],
                "init-path": str(unpacked / "usr/bin/tini-static"),
                "features": {"containerd-snapshotter": True},
                # The machine's firewall and interfaces stay as they are.
                "bridge": "none",
                "iptables": False,
                "ip6tables": False,
            }
        )
    )


def _directory() -> tuple[Path, int]:
    """Make an engine's directory; it comes with the descriptor that locks it."""
    while True:
        root = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = os.open(root, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.exists():  # else another start took it for a dead one just before it was locked
            return root, lock
        os.close(lock)


def sweep() -> None:
    """Remove what engines of ours that were killed have left; live ones are not touched."""
    for root in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _gone(root)


def _gone(root: Path) -> bool:
    """Remove what an engine left behind, unless any process of it is alive."""
    # An error: it is gone, or locked, or a dying process still holds something.
    with suppress(OSError), _locked(root):
        for address in root.glob("exec/containerd/daemon/*/moby/*/address"):
            Path(address.read_text().removeprefix("unix://")).unlink(missing_ok=True)
        for hierarchy in Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*"):
            for group, _, _ in os.walk(hierarchy / root.name, topdown=False):
                Path(group).rmdir()
        shutil.rmtree(root)
    return not root.exists()


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(lock).st_uid != os.getuid():
            raise PermissionError(f"{root} is not ours")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)
