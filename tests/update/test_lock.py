"""The lock still agrees with pyproject.toml after an update, by the real Poetry, offline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plumbum import local

from tests.adopt.support import Index, index
from tests.conftest import ROOT
from tests.update.conftest import PRESETS, RELEASES, Service, commit, git, update
from tests.update.test_matrix import edit

# What services name, under the same names, and what an owner adds; each a wheel of nothing.
PACKAGES = {
    "fastapi": "1", "httpx2": "3", "mypy": "3", "pydantic-settings": "3", "pytest": "10",
    "python-json-logger": "5", "requests": "3", "ruff": "1", "uvicorn": "1",
}  # fmt: skip

Poetry = Callable[..., int]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Serve them on the loopback."""
    served: dict[str, dict[str, tuple[str, ...]]] = {n: {v: ()} for n, v in PACKAGES.items()}
    with index(tmp_path_factory.mktemp("index"), served) as there:
        yield there


@pytest.fixture
def poetry(tmp_path: Path) -> Poetry:
    """Return `poetry(folder, *arguments)`, which runs the checkout's and gives its exit code."""

    def poetry(folder: Path, *arguments: str) -> int:
        cache = str(tmp_path / "cache")
        with local.cwd(folder), local.env(POETRY_CACHE_DIR=cache):
            command = local[str(ROOT / ".poetry/bin/poetry")][arguments]
            return int(command.run(retcode=None)[0])

    return poetry


@pytest.mark.parametrize("preset", PRESETS)
def test_the_lock_agrees_after_an_update(
    preset: str, service: Service, poetry: Poetry, packages: Index
) -> None:
    folder = service(RELEASES[0], **PRESETS[preset], package_index=packages.url)
    edit(folder, "pyproject.toml", "dependencies = [", 'dependencies = [\n    "requests>=2",')
    assert poetry(folder, "check", "--lock")
    assert poetry(folder, "lock") == 0
    commit(folder)
    lock = (folder / "poetry.lock").read_bytes()
    update(folder, RELEASES[-1])
    assert (folder / "poetry.lock").read_bytes() == lock
    assert poetry(folder, "check", "--lock") == 0


def test_a_template_that_wrote_pyproject_again_would_be_found(
    service: Service, poetry: Poetry, packages: Index, template: Path, tmp_path: Path
) -> None:
    fork = tmp_path / "fork"
    git(tmp_path, "clone", "--quiet", str(template), str(fork))
    edit(fork, "copier.yml", "/pyproject.toml{%", "/nothing{%")
    edit(fork, "template/pyproject.toml.jinja", '"ruff>=0.17"', '"ruff>=0.18"')
    commit(fork, "Write pyproject.toml at updates")
    git(fork, "tag", "v9.0.0")
    folder = service(RELEASES[0], template=fork, package_index=packages.url)
    assert poetry(folder, "lock") == 0
    commit(folder)
    update(folder, "9.0.0")
    assert poetry(folder, "check", "--lock")
