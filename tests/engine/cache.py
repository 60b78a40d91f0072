"""What is fetched or built once and kept between runs, safe against runs at the same time."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import remains


def folder() -> Path:
    """The cache folder, made if missing. Deleting it costs time and nothing else."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(home) / "copier-poetry-service"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock named after `path` against other threads and processes."""
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(target: Path, make: Callable[[Path], object]) -> Path:
    """Return `target`; if it is missing, `make(path)` writes it elsewhere, then it is moved in.

    Whatever `make` raises goes through, and `target` stays missing.
    """
    with locked(target):
        if not target.exists():
            new = remains.Folder(f"{target.name}.new-", target.parent)
            try:
                make(new.path / target.name)
                (new.path / target.name).rename(target)
            finally:
                new.remove()
    return target
