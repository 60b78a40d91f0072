"""A private index and a git server get what they ask for, and nothing else ever sees it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe

import pytest

from tests.conftest import ROOT
from tests.hostile import credentials, traces
from tests.hostile.credentials import Home
from tests.hostile.git_server import GitServer, agent, git_server, repository
from tests.hostile.traces import Part
from tests.image.containers import HARDENED
from tests.image.private_index import Index, private_index
from tests.image.services import (
    APART,
    ENVIRONMENT,
    IDENTITY,
    Service,
    Workshop,
)

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(sys.platform != "linux", reason="only on Linux builds have its loopback"),
]

NETWORK = "--network=host --progress=plain"
ORIGIN_TOKEN = token_urlsafe(24)
ORIGIN = f"https://ci:{ORIGIN_TOKEN}@git.example.com/acme/service.git"
# The engine of the tests has the machine's network alone.
PRELUDE = ["set -e", 'docker() { command docker "$1" --network=host "${@:2}"; }']
PAGE = ROOT / "docs/private-index.md"
TOOL = {
    "pyproject.toml": '[project]\nname = "acme-tool"\nversion = "1.0"\n',
    "acme_tool.py": "TOOL = 'tool'\n",
}


@dataclass
class Watch:
    """What is seen of a developer's machine while a service is made and built."""

    said: list[Part] = field(default_factory=list)
    """Logs of builds and commands."""
    commands: dict[bytes, str] = field(default_factory=dict)
    """Command lines of processes, and what was told of them."""

    @property
    def parts(self) -> Iterator[Part]:
        """All of it."""
        yield from self.said
        yield from ((place, command) for command, place in self.commands.items())


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    """Watch the list of processes until the end."""
    watch, ended = Watch(), threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            watch.commands |= {command: place for place, command in traces.commands()}

    thread = threading.Thread(target=look)
    thread.start()
    yield watch
    ended.set()
    thread.join()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a developer's home, with all that is asked for."""
    return credentials.make(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home with files that nobody accepts."""
    return credentials.make(tmp_path_factory.mktemp("wrong"), "wr0ng-password", "wr0ng-token")


@pytest.fixture(scope="module")
def index(home: Home) -> Iterator[Index]:
    with private_index(home.tls()) as index:
        yield index


@pytest.fixture(scope="module")
def server(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """Return a git server that has one package."""
    folder = tmp_path_factory.mktemp("git")
    repository(folder / "acme-tool.git", TOOL)
    with git_server(folder, Path(home[".ssh/id_ed25519.pub"]).read_text()) as server:
        Path(home[".ssh/known_hosts"]).write_text(server.known_hosts)
        yield server


@pytest.fixture(scope="module")
def terminal(home: Home, server: GitServer, workshop: Workshop) -> Iterator[dict[str, str]]:
    """Return the environment of a developer's terminal."""
    with (
        tempfile.TemporaryDirectory() as folder,
        agent(server.programs, Path(folder)) as socket,
    ):
        poetry = ROOT / ".poetry/bin"
        # ssh asks the list of accounts for a home, not the environment.
        ssh = Path(folder, "ssh")
        known = f"-F none -o UserKnownHostsFile={home['.ssh/known_hosts']}"
        ssh.write_text(f'#!/bin/sh\nexec {server.programs}/ssh {known} "$@"\n')
        ssh.chmod(0o755)
        yield {
            "HOME": str(home.folder),
            "HISTFILE": home["history"],
            "PATH": f"{folder}:{server.programs}:{poetry}:{workshop.engine.env['PATH']}",
            "POETRY": str(poetry / "poetry"),
            "POETRY_CACHE_DIR": home["poetry-cache"],
            "SSH_AUTH_SOCK": socket,
            "DOCKER_BUILD_FLAGS": NETWORK,
        }


def type_in(service: Service, terminal: dict[str, str], commands: list[str]) -> str:
    """Type commands into a shell that keeps a history; return what it shows."""
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-i"],
        input="\n".join([*PRELUDE, *commands, "exit", ""]),
        cwd=service.folder,
        env={**ENVIRONMENT, **service.engine.env, **APART, **IDENTITY, **terminal},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # it would take the terminal of whoever runs these tests
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def service(
    workshop: Workshop, index: Index, server: GitServer, terminal: dict[str, str], watch: Watch
) -> Service:
    """Return a service that was made and built by the commands of the page."""
    name = "job-private"
    answers = {"package_index": index.url, "build_packages": ["git", "openssh-client"]}
    folder = workshop.write(name, "job", "slim", "3.13", **answers)
    service = workshop.finish(folder, name, "job")
    service.run("git", "remote", "set-url", "origin", ORIGIN)
    page = PAGE.read_text("utf-8").replace(
        "ssh://git@git.example.com/acme-tool.git", server.address("acme-tool.git")
    )
    commands = re.findall(r"^    (.+(?:\\\n.+)*)", page, re.MULTILINE)
    watch.said.append(("terminal", type_in(service, terminal, commands).encode()))
    service.commit()
    return service


def test_a_package_of_a_private_index_and_one_of_a_git_server_are_in_the_image(
    service: Service,
) -> None:
    run = service.image.docker["run", "--rm", "--network=none", HARDENED, service.image.name]
    code = "import acme_greeting, acme_tool; print(acme_greeting.HELLO, acme_tool.TOOL)"
    assert run("python", "-c", code) == "hello tool\n"
