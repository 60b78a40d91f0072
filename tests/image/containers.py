"""Containers of an image, run as strictly as in production."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from plumbum.commands.base import BaseCommand

from tests.engine.loopback import free_port
from tests.image.images import Image, inspect

UNPRIVILEGED = ("--cap-drop=ALL", "--security-opt=no-new-privileges")
HARDENED = ("--read-only", "--tmpfs=/tmp", *UNPRIVILEGED)
PROBES = Path(__file__).with_name("probes")

PATIENCE = 60  # seconds until a test gives up; no limit of the contract


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition; AssertionError where it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def ask(image: Image, probe: str, data: object = None, *flags: str) -> Any:
    """Run a script of `probes/` with the image's own Python; return the JSON that it prints.

    The script reads `data` as JSON from its standard input.
    """
    flags = flags or HARDENED
    script = (PROBES / f"{probe}.py").read_text("utf-8")
    run = image.docker["run", "--rm", "--interactive", "--network=none", flags, image.name]
    return json.loads((run["python", "-c", script] << json.dumps(data))())


def log(output: str) -> list[dict[str, Any]]:
    """Return the objects of a JSON log; AssertionError for a line that is none."""
    try:
        return [json.loads(line) for line in output.splitlines()]
    except json.JSONDecodeError as error:
        raise AssertionError(f"no JSON: {error.doc}") from error


@dataclass(frozen=True)
class Container:
    """A container that was started; a web service in it listens on `port`."""

    docker: BaseCommand
    id: str
    port: int

    @property
    def url(self) -> str:
        """Where a web service in it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> dict[str, Any]:
        """Return the engine's view: Running, ExitCode, Health and so on."""
        return dict(inspect(self.docker, self.id)["State"])

    @property
    def healthy(self) -> bool:
        """Whether the image's own health check succeeds; AssertionError where there is none."""
        state = self.state
        assert state["Running"], f"it ended: {self.output}"
        assert "Health" in state, "the image has no health check"
        assert state["Health"]["Status"] != "unhealthy", state["Health"]["Log"]
        return bool(state["Health"]["Status"] == "healthy")

    @property
    def output(self) -> str:
        """What it has written to stdout so far."""
        return str(self.docker("logs", self.id))

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log so far: every line on stdout is a JSON object."""
        return log(self.output)

    @property
    def errors(self) -> str:
        """What it has written to stderr so far."""
        return str(self.docker["logs", self.id].run()[2])

    def get(self, path: str) -> tuple[int, dict[str, str]]:
        """Return status and body of an answer; OSError where nobody listens."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def connection(self) -> closing[HTTPConnection]:
        """Return a connection that stays the same, as a client keeps it."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.connect()
        connection.auto_open = 0
        return closing(connection)

    def answers(self, path: str = "/health/live") -> bool:
        """Whether the service answers at all; AssertionError where it has ended."""
        assert self.state["Running"], f"it ended: {self.output}{self.errors}"
        try:
            return self.get(path)[0] > 0
        except (OSError, HTTPException):
            return False

    def python(self, code: str) -> str:
        """Run code beside the service, in its container."""
        return str(self.docker("exec", self.id, "python", "-c", code))

    def check(self) -> str:
        """Run the image's health check; return what it says on stderr."""
        test = inspect(self.docker, self.id)["Config"]["Healthcheck"]["Test"]
        return str(self.docker["exec", self.id, test[1:]].run()[2])

    def stop(self) -> float:
        """Stop it as an operator would; return the seconds that this took."""
        begin = time.monotonic()
        self.docker("stop", "--time=10", self.id)
        return time.monotonic() - begin

    def exit_code(self) -> int:
        """Wait for its end; return its exit code."""
        return int(self.docker["wait", self.id](timeout=PATIENCE))


@contextmanager
def running(
    image: Image,
    network: str,
    *command: str,
    flags: tuple[str, ...] = HARDENED,
    **variables: object,
) -> Iterator[Container]:
    """Start a container, with the image's own command unless one is given; remove it at the end."""
    port = free_port()
    # The private engine has the machine's own network and none else.
    publish = [] if network == "host" else [f"--publish=127.0.0.1:{port}:{port}"]
    environment = [f"--env={name}={value}" for name, value in {"PORT": port, **variables}.items()]
    start = image.docker["run", "--detach", f"--network={network}", publish, environment, flags]
    container = Container(image.docker, start(image.name, *command).strip(), port)
    try:
        yield container
    finally:
        image.docker("rm", "--force", "--volumes", container.id)
