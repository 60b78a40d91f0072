"""A registry that wants a login, an organisation whose standard names it, and services of hers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from copier import run_copy
from plumbum import local

from tasks import mirror
from tests.ci import tools
from tests.ci.tokens import PASSWORD, USER, tokens
from tests.engine import Engine
from tests.engine.registry import Registry, registry
from tests.image.conftest import docker
from tests.image.services import APART, DROPPED, IDENTITY, ROOT, poetry_in

__all__ = ["docker"]

STANDINS = Path(__file__).with_name("standins")
PYTHON = "python:3.13-slim-trixie"
DOCKERFILES = {
    "docker/buildkit-syft-scanner:stable-1": f"FROM {PYTHON}\nCOPY scanner.py /\n"
    'ENTRYPOINT ["python", "/scanner.py"]\n',
    "docker:29-dind": f"FROM {PYTHON}\n"  # the engine is there; a job finds it by DOCKER_HOST
    'CMD ["sleep", "infinity"]\n',
    "ghcr.io/sigstore/cosign/cosign:v3.1.3": "FROM scratch\nCOPY cosign /ko-app/cosign\n"
    'ENTRYPOINT ["/ko-app/cosign"]\n',
}
LOGIN = {"REGISTRY_USER": USER, "REGISTRY_PASSWORD": PASSWORD}
KEY_PASSWORD = "Key-password-91bc"


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it said."""

    code: int
    output: str
    errors: str

    @property
    def log(self) -> str:
        """All that a reader of the job's log sees."""
        return self.output + self.errors

    @property
    def sentence(self) -> str:
        """What a command says that refuses: one sentence."""
        assert self.code, self.log
        said = [line for line in self.errors.splitlines() if not line.startswith("make: ")]
        assert len(said) == 1, self.log
        return said[0]


@dataclass(frozen=True)
class World:
    """What surrounds a service: an engine, a registry, an organisation's template, a key."""

    engine: Engine
    registry: Registry
    folder: Path
    env: dict[str, str]
    locks: dict[str, bytes] = field(default_factory=dict)

    @property
    def template(self) -> Path:
        """The organisation's fork."""
        return self.folder / "template"

    @property
    def key(self) -> dict[str, str]:
        """What a pipeline knows as secrets, to sign with."""
        private = (self.folder / "cosign.key").read_text()
        return {"COSIGN_PRIVATE_KEY": private, "COSIGN_PASSWORD": KEY_PASSWORD}

    def service(self, name: str, *, key: bool = True, **answers: object) -> Service:
        """Make a service, locked and committed, with the key that its signatures are checked by."""
        folder = self.folder / "services" / name
        copy(self.template, folder, project_name=name, **answers)
        kind = f"{answers.get('service_kind', 'web')} {answers.get('package_index', '')}"
        if kind not in self.locks:
            self.env.update(mirror.run(poetry_in(folder), "lock"))
            self.locks[kind] = (folder / "poetry.lock").read_bytes()
        (folder / "poetry.lock").write_bytes(self.locks[kind])
        if key:
            shutil.copy(self.folder / "cosign.pub", folder)
        service = Service(self, folder, f"{self.registry.address}/acme/{name}")
        service.git("init", "--quiet", "--initial-branch=main")
        (folder / ".git/info/exclude").write_text(".gitlab-ci-local\n")
        service.git("remote", "add", "origin", f"https://gitlab.com/acme/{name}.git")
        service.commit("Create the service")
        return service


@dataclass(frozen=True)
class Service:
    """A service's checkout."""

    world: World
    folder: Path
    image: str

    def run(self, *command: object, **env: str) -> Outcome:
        """Run a command as a person or a job would."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env={**self.world.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def make(self, *targets: str, **env: str) -> Outcome:
        """Run `make`."""
        return self.run("make", "--no-print-directory", *targets, **env)

    def git(self, *arguments: str) -> str:
        """Run git here."""
        done = self.run("git", *arguments)
        assert done.code == 0, done.log
        return done.output.strip()

    def commit(self, message: str) -> None:
        """Commit all that is there."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def ask(self, expression: str, **env: str) -> Any:
        """Return what a function of release.py returns, as `make` would call it."""
        code = f"import json, release; print(json.dumps({expression}))"
        done = self.run("python3", "-B", "-c", code, IMAGE=self.image, **env)
        assert done.code == 0, done.log
        return json.loads(done.output)

    def digest(self, tag: str) -> str | None:
        """Return the digest of a tag in the registry."""
        found = self.ask(f"release.digest({tag!r})")
        return None if found is None else str(found)


def copy(template: Path, folder: Path, **answers: object) -> Path:
    """Make a service of a template that is a folder without history."""
    run_copy(
        str(template),
        folder,
        data=answers,
        defaults=True,
        unsafe=True,
        quiet=True,
        skip_tasks=True,
    )
    return folder


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template as it stands, without history."""
    folder = tmp_path_factory.mktemp("template")
    listed = local["git"]["-C", ROOT]("ls-files", "-co", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if not name.startswith(("tests/", "benchmarks/")) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def world(
    docker: Engine, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Return the world, with its registry filled with what builds and pipelines take in."""
    folder = tmp_path_factory.mktemp("world")
    with tokens(folder) as issuer, registry(issuer.auth) as running:
        names = ("DOCKER_BUILD_FLAGS", "CI", "IMAGE", "COSIGN", "COSIGN_KEY", *DROPPED)
        env = {name: value for name, value in os.environ.items() if name not in names}
        env |= {**docker.env, **APART, **IDENTITY, "COSIGN": str(tools.cosign())}
        env["DOCKER_CONFIG"] = str(folder / "docker")
        own = Path(docker.env.get("DOCKER_CONFIG", Path.home() / ".docker"))
        shutil.copytree(own, folder / "docker") if own.exists() else (folder / "docker").mkdir()
        env["PATH"] = f"{tools.cosign().parent}:{env['PATH']}"
        env["POETRY"] = str(ROOT / ".poetry/bin/poetry")
        env["DOCKER_BUILD_FLAGS"] = f"--network={docker.network} --progress=plain"
        world = World(docker, running, folder, env)
        _organisation(world, template)
        yield world


def _organisation(world: World, template: Path) -> None:
    """Fill the registry, and make the fork whose standard names it; make the key."""
    engine = world.engine.docker.with_env(DOCKER_CONFIG=world.env["DOCKER_CONFIG"])
    hub = f"{world.registry.address}/hub"
    login = engine["login", world.registry.address, f"--username={USER}", "--password-stdin"]
    (login << PASSWORD)()
    world.engine.base(PYTHON)
    engine("tag", PYTHON, f"{hub}/{PYTHON}")
    engine("push", "--quiet", f"{hub}/{PYTHON}")
    context = world.folder / "standins"
    shutil.copytree(STANDINS, context)
    (context / "cosign").write_text(f'#!/bin/sh\nexec {tools.cosign()} "$@"\n')
    (context / "cosign").chmod(0o755)
    digests = {}
    for name, dockerfile in DOCKERFILES.items():
        (context / "Dockerfile").write_text(dockerfile)
        metadata = context / "metadata.json"
        flags = ["--provenance=false", "--push", f"--metadata-file={metadata}"]
        engine("build", flags, f"--tag={hub}/{name}", context)
        digests[name] = json.loads(metadata.read_text())["containerimage.digest"]
    shutil.copytree(world.folder / "docker", world.folder / "runner")
    engine("logout", world.registry.address)
    shutil.copytree(template, world.template)
    standard = tomlkit.parse((ROOT / "standard.toml").read_text("utf-8")).unwrap()
    standard["registry"] = {"mirror": hub, "images": f"{world.registry.address}/acme"}
    standard["digests"].update(digests)
    (world.template / "standard.toml").write_text(tomlkit.dumps(standard), "utf-8")
    make = local[str(tools.cosign())].with_env(COSIGN_PASSWORD=KEY_PASSWORD)
    make.with_cwd(world.folder)("generate-key-pair")
