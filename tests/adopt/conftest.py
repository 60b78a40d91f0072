"""What the tests of this folder share: the template to adopt with, and how to run it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .support import ROOT, Index, Outcome, git, index

Adopt = Callable[..., Outcome]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template as it stands, committed: nothing here depends on what is not."""
    folder = tmp_path_factory.mktemp("template") / "checkout"
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in listed:
        if name and not name.startswith("tests/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "The template as it stands")
    return folder


@pytest.fixture(scope="session")
def no_poetry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a `PATH` with what a system has, git and Python, and no Poetry."""
    folder = tmp_path_factory.mktemp("bin")
    found = {f.name: f for path in ("/usr/bin", "/bin") for f in Path(path).glob("*")}
    for name in ("git", "python3"):
        found.setdefault(name, Path(shutil.which(name) or name))
    for name in found.keys() - {"poetry"}:
        (folder / name).symlink_to(found[name])
    return str(folder)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache for Poetry, so that no test sees what another index once said."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def adopt(template: Path, no_poetry: str, cache: Path) -> Adopt:
    """Return `adopt(folder, *answers, poetry=False)`: what `make adopt` runs."""

    def adopt(
        folder: Path, *answers: str, poetry: bool = False, checkout: Path = template
    ) -> Outcome:
        path = f"{ROOT}/.poetry/bin:{os.environ['PATH']}" if poetry else no_poetry
        done = subprocess.run(
            [sys.executable, checkout / "tasks/adopt.py", folder, "--answers", shlex.join(answers)],
            env={**os.environ, "PATH": path, "POETRY_CACHE_DIR": str(cache)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return adopt


@pytest.fixture(scope="session")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Serve a package index with older and newer versions of a few packages."""
    packages: dict[str, dict[str, tuple[str, ...]]] = {
        "alpha": {"1.0": ("beta>=1",), "1.1": ("beta>=1",), "2.0": ("beta>=2",)},
        "beta": {"1.0": (), "1.5": (), "2.0": ()},
        "gamma": {"0.1": (), "0.2": (), "0.3rc1": ()},
    }
    with index(tmp_path_factory.mktemp("index"), packages) as served:
        yield served
