"""A terminal at a reader's desk, with an engine for who asks."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from plumbum import local

from tests.ci.conftest import template, world
from tests.conftest import ROOT
from tests.docs import desk as desks
from tests.docs.shell import Shell
from tests.engine import Engine
from tests.engine.loopback import free_port
from tests.image.conftest import docker

__all__ = ["docker", "template", "world"]

Desk = Callable[..., Shell]


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment without which Poetry does not reach the index here."""
    return desks.network(tmp_path_factory.mktemp("network"))


@pytest.fixture
def desk(template: Path, network: dict[str, str], tmp_path: Path) -> Desk:
    """Return `desk(engine)`: a terminal in the checkout of a fork that a forge has, too."""

    def desk(engine: Engine | None = None) -> Shell:
        checkout = tmp_path / desks.NAME
        shutil.copytree(template, checkout)
        port = free_port()  # in place of 8000, which another test may have
        env = desks.machine(tmp_path, engine) | network
        env |= {"PORT": str(port), "DOCKER_BUILD_FLAGS": "--progress=plain"}
        desks.publish(checkout, tmp_path / "forge")
        known = "localhost:8000", "0.0.0.0:8000"
        replaced = {text: text.replace("8000", str(port)) for text in known}
        return Shell(checkout, env, {"8000:8000": f"{port}:8000", **replaced})

    return desk


@pytest.fixture
def releases(desk: Desk, tmp_path: Path) -> Desk:
    """Return `releases(newest)`: a terminal in a checkout with the template's releases up to it."""

    def releases(newest: str = "") -> Shell:
        shell = desk()
        shutil.rmtree(shell.folder)
        shutil.rmtree(tmp_path / "forge")
        git = local["git"]
        git("clone", "--quiet", "--no-tags", ROOT, shell.folder)
        git("-C", shell.folder, "remote", "set-url", "origin", f"{desks.FORGE}{desks.NAME}.git")
        git("-C", shell.folder, "switch", "--quiet", "--force-create", "main")
        tags = local[sys.executable](shell.folder / "tasks/releases.py").split()
        if later := tags[tags.index(f"v{newest}") + 1 :] if newest else []:
            git("-C", shell.folder, "tag", "--delete", *later)
        desks.publish(shell.folder, tmp_path / "forge")
        return shell

    return releases
