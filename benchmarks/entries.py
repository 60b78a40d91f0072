"""Contenders with an application in a folder of their own: what is built, edited and run."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from benchmarks import applications
from benchmarks.applications import App
from benchmarks.locks import Lock
from benchmarks.results import BEST, ENGINE, LIMIT, REFERENCE
from extensions.standard import read
from tests.engine import Engine
from tests.image import own
from tests.image.services import Service

RECIPES = Path(__file__).with_name("contenders")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
POETRY_RUN = ("poetry", "run", "python")
TOML = ("poetry.toml",)


@dataclass(frozen=True)
class Contender:
    """A way to make the image: the template on a base image, or a Dockerfile of `contenders/`."""

    name: str
    title: str
    base: str = ""
    """The template's answer for the base image; empty for a Dockerfile of our own."""
    lock: str = "poetry.lock"
    python: tuple[str, ...] = ("python",)
    """What runs the environment's Python in the image."""
    extras: tuple[str, ...] = ()
    """What its Dockerfile needs beside the application."""


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("slim", "this template, slim", base="slim"),
        Contender("distroless", "this template, distroless", base="distroless"),
        Contender("builder", "this template, own base images", base="custom"),
        Contender("article-dev", "article, one stage with dev", python=POETRY_RUN, extras=TOML),
        Contender("article-main", "article, one stage", python=POETRY_RUN, extras=TOML),
        Contender("article-path", "article, one stage, PATH", extras=TOML),
        Contender(REFERENCE, "article, multi-stage", extras=TOML),
        Contender(BEST, "best earlier Poetry pattern"),
        Contender("uv", "uv's Docker guide", lock="uv.lock"),
        Contender("pip", "pip, requirements file", lock="requirements.txt"),
        Contender(LIMIT, "the limit", lock="requirements.txt", extras=("start.py",)),
        Contender(ENGINE, "the engine alone"),
    )
}
OURS = [contender.name for contender in CONTENDERS.values() if contender.base]


@dataclass(frozen=True)
class Build:
    """How long a build took in seconds, and what it said."""

    seconds: float
    output: str

    @property
    def installs(self) -> list[str]:
        """The steps that installed something and did not come from the cache."""
        steps = re.findall(r"^#(\d+) \[[^\]]*\] (RUN .*)$", self.output, re.MULTILINE)
        cached = set(re.findall(r"^#(\d+) CACHED$", self.output, re.MULTILINE))
        installs = {step: text for step, text in steps if re.search(r"\b(install|sync)\b", text)}
        return [text for step, text in installs.items() if step not in cached]


@dataclass
class Entry:
    """A contender with an application: `service` is its folder."""

    contender: Contender
    app: App
    service: Service
    base: str
    """The image that the final stage stands on."""
    tags: Iterator[int] = field(default_factory=lambda: iter(range(10**6)))

    @property
    def image(self) -> str:
        """The name of its image, the newest build's."""
        return f"bench-{self.app.name}/{self.contender.name}:newest"

    def build(self, *flags: str) -> Build:
        """Build as its users do: `make image`, or `docker build`; `BuildFailed` if that fails."""
        flags = (f"--tag={self.image}", *flags)
        begin = time.monotonic()
        if self.contender.base:
            output = self.service.make("image", *flags)
        else:
            network = f"--network={self.service.engine.network}"
            common = ("docker", "build", "--provenance=false", network, "--progress=plain")
            output = self.service.run(*common, *self._arguments(), *flags, ".")
        return Build(time.monotonic() - begin, output)

    def _arguments(self) -> list[str]:
        """What the contender's Dockerfile asks for."""
        text = self.service.dockerfile.read_text("utf-8")
        asked = {
            word.partition("=")[0]
            for line in re.findall(r"^ARG (.*)$", text, re.MULTILINE)
            for word in line.split()
        }
        known = {
            "BASE": self.base,
            "POETRY": str(read()["poetry"]["version"]),
            "PLUGINS": self.service.variables.get("POETRY_PLUGINS", ""),
            "POETRY_PYPI_MIRROR_URL": self.service.variables.get("POETRY_PYPI_MIRROR_URL", ""),
            "REQUESTS_CA_BUNDLE": CERTIFICATES,
            "SSL_CERT_FILE": CERTIFICATES,
            "UV": version("uv"),
            "UV_DEFAULT_INDEX": self.app.locker.index,
        }
        return [f"--build-arg={name}={known[name]}" for name in sorted(asked)]

    def edit(self) -> None:
        """Change a source file, as somebody at work would."""
        source = self.service.folder / "app" / "main.py"
        line = f"EDITED = {time.time_ns()}\n"
        text, guard, rest = source.read_text("utf-8").rpartition('if __name__ == "__main__":')
        text = re.sub(r"^EDITED = .*\n\n\n", "", text, flags=re.MULTILINE)
        source.write_text(f"{text}{line}\n\n{guard}{rest}", "utf-8")
        self._commit()

    def renumber(self) -> None:
        """Give the project another version number, and a tool another setting."""
        project = self.service.folder / "pyproject.toml"
        text = project.read_text("utf-8")
        number = next(self.tags) + 1
        text = re.sub(r'^version = ".*"', f'version = "0.2.{number}"', text, flags=re.MULTILINE)
        text = re.sub(r"\n\[tool\.coverage\.run\]\n.*\n", "", text)
        project.write_text(f"{text}\n[tool.coverage.run]\nparallel = {number}\n", "utf-8")
        self._settle()

    def use(self, lock: Lock) -> None:
        """Move to another lock."""
        name = self.contender.lock
        (self.service.folder / name).write_bytes(lock.files[name])
        self._settle()

    def _settle(self) -> None:
        if self.contender.lock == "uv.lock":  # it holds the project's own version too
            self.app.locker.run_uv(self.service.folder)
        self._commit()

    def _commit(self) -> None:
        now = f"{int(time.time())} +0000"
        self.service.run("git", "add", "--all")
        self.service.run(
            *("git", "commit", "--quiet", "--message", "Change"),
            GIT_AUTHOR_DATE=now,
            GIT_COMMITTER_DATE=now,
        )


def enter(contender: Contender, app: App, engine: Engine, folder: Path) -> Entry:
    """Make a contender's folder for an application, committed, and have its base images."""
    name = f"bench-{app.name}-{contender.name}"
    if contender.base:
        applications.render(app.name, folder, base_image=contender.base)
    else:
        shutil.copytree(app.folder, folder)
    service = Service(folder, "web", engine, app.locker.variables, name, (f"IMAGE={name}",))
    base = service.bases[-1]
    if not contender.base:
        _strip(folder)
        shutil.copy(RECIPES / f"{contender.name}.Dockerfile", folder / "Dockerfile")
        shutil.copy(RECIPES / "dockerignore", folder / ".dockerignore")
        for extra in contender.extras:
            shutil.copy(RECIPES / extra, folder)
    for needed in {base, *service.bases}:
        own.provide(engine, needed)
    service.run("git", "init", "--quiet")
    entry = Entry(contender, app, service, base)
    entry.use(app.lock)
    return entry


def _strip(folder: Path) -> None:
    """Leave the application and its pyproject.toml alone."""
    for path in folder.iterdir():
        if path.name not in ("app", "pyproject.toml"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
