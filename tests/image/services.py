"""Services as a user has them: copied from the template, locked, committed, built."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from plumbum import local
from plumbum.commands.base import BaseCommand

from tasks import mirror
from tests.engine import Engine
from tests.image import own
from tests.image.images import Image

ROOT = Path(__file__).parents[2]

REGISTRY = "copier-poetry-service.test"
VERSION = "0.1.0"
TITLE = 'The "naïve" $HOME'
DESCRIPTION = 'Counts things\' {{ braces }}, "quotes", $PATH and a back\\slash.'
ORIGIN = "git.example.com/acme/service.git"
COMMITTED = "2024-02-29T12:34:56Z"
APART = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "Test", "EMAIL": "test@example.com", "DATE": COMMITTED}.items()
}
# A developer may have set these, or `make` for those that it starts; here they decide nothing.
DROPPED = {"SOURCE_DATE_EPOCH", "PYTHON", "POETRY", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in DROPPED}


# How a standard describes an image that was made elsewhere.
INHOUSE = {
    "help": "the organisation's own",
    "runtime": "registry.example.com/inhouse/python:{python}",
    "interpreter": "/opt/python/bin/python{python}",
    "public": False,
    "root": False,
}


class BuildFailed(Exception):
    """A command ended with an error; the message is all that it said."""


@dataclass(frozen=True)
class Service:
    """A service in a folder of its own, and the image that `make image` gives it."""

    folder: Path
    kind: str
    engine: Engine
    variables: dict[str, str]
    """Environment variables that building needs on this network."""
    name: str
    """The image's name, without a tag."""
    overrides: tuple[str, ...] = ()
    """Variables on the command line of `make`."""

    @property
    def network(self) -> str:
        """The network of containers that a test speaks to: no proxy may stand between."""
        return "host" if sys.platform == "linux" else self.engine.network

    @property
    def dockerfile(self) -> Path:
        """The Dockerfile, which a test may spoil in a twin."""
        return self.folder / "Dockerfile"

    @cached_property
    def bases(self) -> list[str]:
        """The images that the Dockerfile builds on; the last one is below the service."""
        return re.findall(r"^FROM (\S+:\S+)", self.dockerfile.read_text("utf-8"), re.MULTILINE)

    @cached_property
    def image(self) -> Image:
        """The image that `make image` names."""
        return self.tagged(VERSION)

    def tagged(self, tag: str) -> Image:
        """Return an image of the service by its tag."""
        composed = "\nFROM builder AS additions\n" in self.dockerfile.read_text("utf-8")
        return Image(self.engine.docker, f"{self.name}:{tag}", self.bases[-1], composed)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands here: this engine's, with no settings of a developer."""
        return {**ENVIRONMENT, **self.engine.env, **self.variables, **APART, **IDENTITY}

    def run(self, *command: str, **variables: str) -> str:
        """Run a command in the service's folder; return all that it says, `BuildFailed` with it."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise BuildFailed(done.stdout)
        return done.stdout

    def make(self, target: str, *flags: str, **variables: str) -> str:
        """Run `make` with flags for the build."""
        flags = (f"--network={self.engine.network}", "--progress=plain", *flags)
        flagged = f"DOCKER_BUILD_FLAGS={' '.join(flags)}"
        return self.run("make", target, flagged, *self.overrides, **variables)

    def build(self, *flags: str, **variables: str) -> str:
        """Run a plain `docker build`, with nothing but what the network needs."""
        arguments = [f"--build-arg={name}" for name in self.variables if name == mirror.URL]
        network = f"--network={self.engine.network}"
        command = ("docker", "build", network, "--progress=plain", *arguments, *flags, ".")
        return self.run(*command, **variables)

    def commit(self) -> None:
        """Commit all that is there."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "Change")

    def lock(self) -> None:
        """Run Poetry's own lock."""
        mirror.run(poetry_in(self.folder).with_env(**self.variables), "lock")

    def twin(self, folder: Path, name: str) -> Service:
        """Return another checkout of the same commit, which gives its image another name."""
        self.run("git", "clone", "--quiet", ".", str(folder))
        name = f"{self.name}-{name}"
        twin = Service(
            folder, self.kind, self.engine, self.variables, name, overrides=(f"IMAGE={name}",)
        )
        origin = self.run("git", "remote", "get-url", "origin").strip()
        twin.run("git", "remote", "set-url", "origin", origin)
        return twin


@contextmanager
def alone() -> Iterator[None]:
    """Keep a developer's own settings and tools out of what Copier does."""
    variables = {**APART, "COPIER_SETTINGS_PATH": os.devnull, "PATH": "/usr/bin:/bin"}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        for name, value in variables.items():
            patch.setenv(name, value)
        warnings.simplefilter("ignore")  # the checkout may have changes
        with local.env(**variables):  # for the template's task
            yield


def poetry_in(folder: Path) -> BaseCommand:
    """Return the checkout's Poetry, or the one on the PATH, at work in a folder."""
    return local.get("poetry", str(ROOT / ".poetry/bin/poetry")).with_cwd(folder)


class Workshop:
    """Makes services. Only the main thread may: a copy changes the working directory."""

    def __init__(self, engine: Engine, copie: Any, folder: Path) -> None:
        """Copy with pytest-copie's session fixture; the folder is for what else is made."""
        self.engine = engine
        self._folder = folder
        self._copie = copie
        self._locks: dict[str, bytes] = {}
        self.variables: dict[str, str] = {}

    def service(self, kind: str, base: str, python: str) -> Service:
        """Return a new service, committed with a lock that is made once for each kind."""
        name = f"{kind}-{base}-{python}"
        folder = self.write(name, kind, base, python)
        if kind not in self._locks:
            self.lock(folder)
            self._locks[kind] = (folder / "poetry.lock").read_bytes()
        (folder / "poetry.lock").write_bytes(self._locks[kind])
        return self.finish(folder, name, kind)

    def write(self, name: str, kind: str, base: str, python: str, **answers: object) -> Path:
        """Copy the template, and neither lock nor commit."""
        template = None
        if base == "inhouse":
            base, template = "custom", self._inhouse()
        answers |= {
            "project_name": TITLE,
            "project_slug": name.replace(".", ""),
            "description": DESCRIPTION,
            "service_kind": kind,
            "python_version": python,
            "base_image": base,
            "image_repository": f"{REGISTRY}/{name}",
        }
        with alone():
            result = self._copie.copy(extra_answers=answers, template_dir=template)
        if result.exception:
            raise result.exception
        return Path(result.project_dir)

    def finish(self, folder: Path, name: str, kind: str) -> Service:
        """Commit a service that is locked, and have its base images."""
        service = Service(folder, kind, self.engine, self.variables, f"{REGISTRY}/{name}")
        service.run("git", "init", "--quiet")
        service.run("git", "remote", "add", "origin", f"https://user:token@{ORIGIN}")
        service.commit()
        for base in service.bases:
            own.provide(self.engine, base)
        return service

    def _inhouse(self) -> Path:
        """Return the template of an organisation whose images were made elsewhere."""
        folder = self._folder / "template"
        if not folder.exists():
            folder.mkdir()
            for name in ("copier.yml", "standard.toml"):
                shutil.copy(ROOT / name, folder)
            for name in ("extensions", "licenses", "tasks", "template"):
                shutil.copytree(ROOT / name, folder / name)
            standard = tomlkit.parse((folder / "standard.toml").read_text("utf-8"))
            standard["base"]["custom"] = INHOUSE
            (folder / "standard.toml").write_text(tomlkit.dumps(standard), "utf-8")
        return folder

    def lock(self, folder: Path, **variables: str) -> None:
        """Write poetry.lock, and note without which environment Poetry does not work here.

        With no cache but its own, which would hide that the network has no JSON API.
        """
        cache = str(folder.parent / "poetry-cache")
        poetry = poetry_in(folder).with_env(POETRY_CACHE_DIR=cache, **variables)
        self.variables |= mirror.run(poetry, "lock")

    def clear(self) -> None:
        """Remove the images again; a private engine goes as a whole."""
        if not self.engine.private:
            docker = self.engine.docker
            names = docker("image", "ls", "--format={{.Repository}}:{{.Tag}}", f"{REGISTRY}/*")
            docker("image", "rm", "--force", names.split())
            own.remove(self.engine)
