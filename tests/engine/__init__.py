"""A Docker engine with base images for the image tests: the developer's own, else a private one."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from plumbum import ProcessExecutionError, ProcessTimedOut, local
from plumbum.commands.base import BaseCommand

from . import bases
from .daemon import LABEL, Daemon, EngineUnavailable

__all__ = ["Engine", "EngineUnavailable", "engine", "start"]


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers.

    `docker` is its command line, `env` what another process must export to reach it, `network` the
    value for `--network` in builds and runs: the private engine has only the machine's own network.
    """

    docker: BaseCommand
    env: dict[str, str]
    private: bool
    close: Callable[[], None]
    """End the engine if we started it; any other stays as it is."""

    @property
    def network(self) -> str:
        """`host` or `default`."""
        return "host" if self.private else "default"

    def base(self, name: str) -> None:
        """Have the base image `name` on the engine; ValueError if a private engine cannot.

        A developer's own engine pulls public images when a build asks for them.
        """
        bases.provide(self.docker, name, private=self.private)


def start() -> Engine:
    """Find an engine or start one; EngineUnavailable if neither works.

    `TEST_ENGINE=private` passes over the developer's own. A private engine ends with the thread
    that started it.
    """
    found = _answering()
    if found and (found.private or os.environ.get("TEST_ENGINE") != "private"):
        return found
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("apt-get"):
        raise EngineUnavailable(
            "No Docker engine with buildx answers, and a private one needs Linux, root and apt."
        )
    daemon = Daemon()
    return Engine(daemon.docker, daemon.env, private=True, close=daemon.stop)


@contextmanager
def engine() -> Iterator[Engine]:
    """Find or start an engine as `start` does, and close it at the end."""
    found = start()
    try:
        yield found
    finally:
        found.close()


def _answering() -> Engine | None:
    """The engine that the user's own command line reaches, perhaps a private one started before."""
    names = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "PATH")
    env = {name: os.environ[name] for name in names if name in os.environ}
    if not (path := shutil.which("docker")):
        return None
    docker = local[path].with_env(**env)
    try:
        docker["buildx", "version"].run(timeout=10)
        labels = docker["info", "--format", "{{json .Labels}}"].run(timeout=10)[1]
        docker["version"].run(timeout=10)
    except (ProcessExecutionError, ProcessTimedOut):
        return None
    return Engine(docker, env, private=LABEL in (json.loads(labels) or ()), close=lambda: None)
