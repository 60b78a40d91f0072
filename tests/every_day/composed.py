"""A service that the real Compose runs from its own compose.yaml, as its developer would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from plumbum import ProcessExecutionError

from tests.docs.shell import Shell
from tests.engine.contained import bound
from tests.engine.loopback import free_port
from tests.image.containers import Container, until
from tests.image.images import inspect
from tests.image.services import Service

# What a test adds where the engine has no network of its own, or none that knows names.
HOST = """\
    network_mode: host
    ports: !reset []
    extra_hosts: {{postgres: 127.0.0.1}}
    environment: {{PORT: "{port}", PGPORT: "{database_port}"}}
"""


@dataclass(frozen=True)
class Composed:
    """A service with a compose.yaml, and the environment of Docker's command line."""

    service: Service
    environment: dict[str, str]
    override: Path
    """A file that says how this engine differs from a developer's."""
    port: int = field(default_factory=free_port)
    database_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        """Write what this engine needs to be told."""
        engine = self.service.engine
        networks = engine.docker("network", "ls", "--format={{.Driver}}").split()
        services = self.configuration(COMPOSE_FILE="compose.yaml")["services"]
        hosted = "bridge" not in networks or (engine.private and "postgres" in services)
        lines = ["services:"]
        for name, service in services.items():
            lines.append(f"  {name}:")
            if "image" in service:
                lines.append(f"    image: {service['image'].partition('@')[0]}")
            if "build" in service:
                lines.append(f"    build: {{network: {engine.network}}}")
            if hosted:
                lines.append(HOST.format(port=self.port, database_port=self.database_port))
        self.override.write_text("\n".join(lines), "utf-8")

    @property
    def kind(self) -> str:
        """What Compose calls the service."""
        return self.service.kind

    def _environment(self, **variables: str) -> dict[str, str]:
        files = f"compose.yaml:{self.override}"
        ports = {"PORT": str(self.port), "POSTGRES_PORT": str(self.database_port)}
        return {**self.environment, "COMPOSE_FILE": files, **ports, **variables}

    def compose(self, *command: str, **variables: str) -> str:
        """Return what `docker compose` says."""
        return self.service.run("docker", "compose", *command, **self._environment(**variables))

    def configuration(self, **variables: str) -> dict[str, Any]:
        """Return what Compose makes of its files."""
        said = self.compose("config", "--format=json", **variables)
        return dict(json.loads(said[said.index("{") :]))

    def container(self, name: str = "") -> Container:
        """Return the newest container of a service."""
        docker = self.service.engine.docker
        label = f"--filter=label=com.docker.compose.service={name or self.kind}"
        project = f"--filter=label=com.docker.compose.project={self.configuration()['name']}"
        found = docker("ps", "--all", "--quiet", "--latest", "--no-trunc", project, label).strip()
        return Container(docker, found, self.port)

    def says(self, text: str) -> bool:
        """Whether the newest container said it; not where Compose replaces that just now."""
        try:
            return text in self.container().output
        except ProcessExecutionError:
            return False

    def inspect(self, name: str = "") -> dict[str, Any]:
        """Return all that the engine knows of a service's container."""
        return inspect(self.service.engine.docker, self.container(name).id)

    def tells(self, path: str) -> tuple[int, dict[str, Any]] | None:
        """Return what the service answers; None while it does not."""
        try:
            return self.container().get(path)
        except (OSError, HTTPException):
            return None

    def shell(self, **variables: str) -> Shell:
        """Return a terminal in the service, to type a page's commands in."""
        env = {**self.service.environment, **self._environment(**variables)}
        known = {"localhost:8000": f"localhost:{self.port}"}
        known["my-service"] = str(self.configuration()["name"])
        return Shell(self.service.folder, env, known)

    @contextmanager
    def watched(self) -> Iterator[Path]:
        """Run `docker compose up --watch` from an empty start; yield the file with what it says."""
        log = self.override.with_suffix(".log")
        command = ("docker", "compose", "up", "--watch")
        self.compose("down", "--volumes", "--timeout=1")
        with log.open("w") as output:
            process = subprocess.Popen(
                bound(*command),
                cwd=self.service.folder,
                env={**self.service.environment, **self._environment()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            until(lambda: said(log, process), "Compose watches")
            yield log
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.compose("down", "--volumes", "--timeout=1")

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file of the service."""
        file = self.service.folder / name
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new), "utf-8")


def said(log: Path, process: subprocess.Popen[bytes]) -> bool:
    """Say whether Compose watches; AssertionError where it has ended."""
    text = log.read_text("utf-8")
    assert process.poll() is None, text
    return "Watch enabled" in text
