"""Folders that go when whoever made them is gone, however that ended.

Each is locked by its maker, and by the programs that the maker hands the lock to. A process apart
waits for the lock and removes the folder then. Where that process was killed too, the next folder
of its name removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if __package__:
    from tests.engine import bridge
else:  # the process apart, which has no more than this folder's files
    import bridge  # type: ignore[import-not-found, no-redef]

PATIENCE = 60  # seconds


class Folder:
    """A folder that does not outlive its maker; a child may hold it by inheriting `lock`."""

    def __init__(self, prefix: str, parent: Path | None = None) -> None:
        """Make it, and remove those of this name that nobody holds."""
        parent = parent or Path(tempfile.gettempdir())
        for left in parent.glob(f"{prefix}*"):
            gone(left)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
            self.lock = os.open(self.path, os.O_RDONLY)
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            if self.path.exists():  # else another took it for one that was left, before the lock
                break
            os.close(self.lock)
        self._watcher = subprocess.Popen(
            [sys.executable, "-SB", __file__, str(self.path)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what is sent to all of a killed run does not reach it
        )

    def remove(self) -> None:
        """Let go of it, and wait until it is removed."""
        os.close(self.lock)
        deadline = time.monotonic() + PATIENCE
        while not gone(self.path):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.path} cannot be removed.")
            time.sleep(0.05)
        self._watcher.wait()


def gone(path: Path) -> bool:
    """Remove a folder, and what an engine in it has elsewhere, unless somebody holds it."""
    # An error: it is gone, or locked, or a dying process still holds something.
    with suppress(OSError), _locked(path):
        for address in path.glob("exec/containerd/daemon/*/moby/*/address"):
            Path(address.read_text().removeprefix("unix://")).unlink(missing_ok=True)
        for hierarchy in Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*"):
            for group, _, _ in os.walk(hierarchy / path.name, topdown=False):
                Path(group).rmdir()
        bridge.remove(bridge.name(path))
        shutil.rmtree(path)
    return not path.exists()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(lock).st_uid != os.getuid():
            raise PermissionError(f"{path} is not ours")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


def watch(path: Path) -> None:
    """Wait until nobody holds a folder any more, and remove it."""
    with suppress(FileNotFoundError):
        lock = os.open(path, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.close(lock)
        deadline = time.monotonic() + PATIENCE
        while not gone(path) and time.monotonic() < deadline:
            time.sleep(0.05)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
