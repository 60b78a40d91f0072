"""What surrounds the bot in these tests: a forge with templates and services, and its own tools."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from plumbum import local

from . import renovate
from .forge import Forge, running
from .renovate import Outcome, RenovateUnavailable

ROOT = Path(__file__).parents[2]
# Copier's command; the first line of each kind says whether the extensions' loader is beside it.
COPIER = """#!{python}
import runpy, sys
{loader}
sys.argv[0] = "copier"
runpy.run_module("copier", run_name="__main__")
"""
WITHOUT = "sys.modules['copier_template_extensions'] = None  # as if it were not installed"
ALONE = {
    "COPIER_SETTINGS_PATH": "/nonexistent",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Developer",
    "GIT_AUTHOR_EMAIL": "developer@example.com",
    "GIT_COMMITTER_NAME": "Developer",
    "GIT_COMMITTER_EMAIL": "developer@example.com",
    "PATH": "/usr/bin:/bin",
}


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files by their path."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


@dataclass
class World:
    """A forge, and the work trees of those who push to it."""

    forge: Forge
    folder: Path

    def tools(self, *, extensions: bool) -> Path:
        """Return a folder with Copier's command, with or without the loader of extensions."""
        path = self.folder / f"tools-{extensions}"
        text = COPIER.format(python=sys.executable, loader="" if extensions else WITHOUT)
        write(path, {"copier": text})
        (path / "copier").chmod(0o755)
        return path

    def home(self, *trusted: str) -> Path:
        """Return a home for the bot; its Copier trusts templates whose address begins so."""
        path = self.folder / f"home-{len(trusted)}"
        trust = "".join(f"  - {prefix}\n" for prefix in trusted)
        write(path, {".config/copier/settings.yml": f"trust:\n{trust}" if trusted else "{}"})
        return path

    def push(self, name: str, message: str, tag: str = "") -> str:
        """Commit what a work tree holds, tag it, and bring it to the forge; return its address."""
        work = self.folder / name
        work.mkdir(exist_ok=True)
        with local.env(**ALONE):
            git = local["git"]["-C", work]
            git("init", "--quiet", "--initial-branch", "main")
            git("add", "--all")
            git("commit", "--quiet", "--allow-empty", "--message", message)
            if tag:
                git("tag", tag)
            return self.forge.publish(work, f"acme/{name}")

    def service(self, template: str, name: str, **answers: object) -> Path:
        """Make a service from release v1.0.0 of a template, as a developer does, and push it."""
        work = self.folder / name
        given = {"project_name": name, "renovate": True, **answers}
        data = [f"--data={question}={answer}" for question, answer in given.items()]
        with local.env(**ALONE):
            copier = local[str(self.tools(extensions=True) / "copier")][
                "copy", "--trust", "--defaults"
            ]
            copier("--vcs-ref=v1.0.0", data, f"{self.forge.address}/acme/{template}.git", work)
        self.push(name, "The service")
        return work

    def renovate(
        self, *services: str, home: Path, tools: list[Path], **administrator: object
    ) -> Outcome:
        """Run Renovate over services, with what its administrator sets."""
        repositories = [f"acme/{name}" for name in services]
        return renovate.run(self.forge.address, home, tools, *repositories, **administrator)

    def changed(self, service: str) -> dict[str, list[str]]:
        """Return what each branch of Renovate changes."""
        repository = f"acme/{service}"
        return {b: self.forge.changed(repository, b) for b in self.forge.branches(repository)}


@pytest.fixture(scope="session")
def program() -> Callable[..., Any]:
    """Return Renovate's programs; skip where they cannot be had, except under CI."""
    try:
        renovate.program()
    except RenovateUnavailable as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(reason))
    return renovate.program


@pytest.fixture(scope="module")
def world(program: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a forge on the loopback interface, empty."""
    folder = tmp_path_factory.mktemp("world")
    with running(folder / "forge") as forge:
        yield World(forge, folder)
