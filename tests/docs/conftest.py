"""A reader's desk: a checkout of a fork, a forge that has it, a terminal, perhaps an engine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from plumbum import local

from tasks import mirror
from tests.ci.conftest import template, world
from tests.conftest import ROOT
from tests.docs.shell import Shell
from tests.engine import Engine
from tests.engine.loopback import free_port
from tests.image.conftest import docker
from tests.image.services import DROPPED
from tests.render.support import BIN, Fork

__all__ = ["docker", "template", "world"]

FORGE = "https://github.com/acme/"
NAME = "copier-poetry-service"
GIT = """\
[user]
	name = Ann Other
	email = ann@example.com
[init]
	defaultBranch = main
[url "file://{forge}/"]
	insteadOf = {there}
"""
# `git remote get-url` says the address as its owner wrote it: the longer of two rules wins.
ITSELF = f'[url "{FORGE}{NAME}.git"]\n\tinsteadOf = {FORGE}{NAME}.git\n'
# A private engine's builds have the machine's network alone.
DOCKER = """\
case "$1" in
build) shift; exec {docker} build --network={network} --build-arg=POETRY_PYPI_MIRROR_URL "$@" ;;
*) exec {docker} "$@" ;;
esac
"""
PIPX = f'exec {BIN}/uvx pipx "$@"'

Desk = Callable[..., Shell]


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment without which Poetry does not reach the index here."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\ndependencies = ["six"]\n'
    )
    poetry = local[str(ROOT / ".poetry/bin/poetry")].with_cwd(folder)
    cache = str(folder / "cache")
    return mirror.run(poetry.with_env(POETRY_CACHE_DIR=cache), "lock")


@pytest.fixture
def desk(template: Path, network: dict[str, str], tmp_path: Path) -> Desk:
    """Return `desk(engine)`: a terminal in the checkout of a fork that a forge has, too."""

    def desk(engine: Engine | None = None) -> Shell:
        checkout = tmp_path / NAME
        shutil.copytree(template, checkout)
        for name in ("pyproject.toml", "poetry.lock"):  # older than what they have installed
            os.utime(checkout / name, (0, 0))
        home = tmp_path / "home"
        bin = home / ".local/bin"
        bin.mkdir(parents=True)
        programs = {"pipx": PIPX}
        if engine:
            found = shutil.which("docker", path=engine.env["PATH"])
            programs["docker"] = DOCKER.format(docker=found, network=engine.network)
        for name, script in programs.items():
            (bin / name).write_text(f"#!/bin/sh\n{script}\n")
            (bin / name).chmod(0o755)
        (home / ".gitconfig").write_text(GIT.format(forge=tmp_path / "forge", there=FORGE))
        reach = engine.env if engine else {}
        path = f"{bin}:{BIN}:{ROOT}/.poetry/bin:{reach.get('PATH', os.environ['PATH'])}"
        env = {name: value for name, value in os.environ.items() if name not in DROPPED}
        env |= reach | network
        env |= {"PATH": path, "HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig")}
        env["POETRY"] = f"{ROOT}/.poetry/bin/poetry"
        port = str(free_port())
        env |= {"PORT": port}  # of `make run`
        env["DOCKER_BUILD_FLAGS"] = "--progress=plain"
        fork = Fork(checkout)
        fork.git("init", "--quiet", "--initial-branch=main")
        for name in (".venv", ".poetry"):
            (checkout / name).symlink_to(ROOT / name)
        with (checkout / ".git/info/exclude").open("a") as excluded:
            excluded.write(".venv\n.poetry\n")
        with (checkout / ".git/config").open("a") as config:
            config.write(ITSELF)
        fork.commit("The organisation's template")
        fork.git("clone", "--quiet", "--bare", ".", str(tmp_path / f"forge/{NAME}.git"))
        fork.git("remote", "add", "origin", f"{FORGE}{NAME}.git")
        fork.git("update-ref", "refs/remotes/origin/main", "HEAD")
        return Shell(
            checkout,
            env,
            {
                "8000:8000": f"{port}:8000",
                "localhost:8000": f"localhost:{port}",
                "0.0.0.0:8000": f"0.0.0.0:{port}",
            },
        )

    return desk
