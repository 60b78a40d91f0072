"""What is fetched or built once and kept between runs, safe against runs at the same time."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


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
            prefix = f"{target.name}.new-"
            for killed in target.parent.glob(f"{prefix}*"):
                shutil.rmtree(killed)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=prefix) as new:
                make(Path(new, target.name))
                Path(new, target.name).rename(target)
    return target
