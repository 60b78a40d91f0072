"""A real load generator on loopback, which counts what a stop costs its clients."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Self

import pytest
from plumbum import ProcessExecutionError

from tests.engine import apt, cache
from tests.image.containers import running, until
from tests.image.services import Service

END = b'"end"]'
# The service with more paths, some of which answer slowly.
BUSY = """
import asyncio
from fastapi import Request
from fastapi.responses import StreamingResponse
from app import main

main.app.state.worked = 0

@main.app.post("/quick")
async def quick():
    return "done"

@main.app.post("/work")
async def work():
    await asyncio.sleep(0.02)
    main.app.state.worked += 1
    return "x" * 2000

@main.app.get("/worked")
async def worked():
    return {"worked": main.app.state.worked}

@main.app.post("/slow")
async def slow():
    await asyncio.sleep(1.5)
    return "done"

@main.app.post("/stream")
async def stream():
    async def parts():
        yield b"begun"
        await asyncio.sleep(1.5)
        yield b"done"
    return StreamingResponse(parts())

@main.app.post("/body")
async def body(request: Request):
    return len(await request.body())

@main.app.get("/long")
async def long():
    async def parts():
        yield b"["
        for _ in range(30):
            yield b'"' + b"x" * 10000 + b'", '
            await asyncio.sleep(0.1)
        yield b'"end"]'
    return StreamingResponse(parts())
"""


@dataclass
class Outcome:
    """What became of the requests: refused ones were never accepted, lost ones were."""

    answered: int = 0
    refused: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    @property
    def accepted(self) -> int:
        """Requests that a connection was made for."""
        return self.answered + self.lost.total()


def hey() -> str:
    """Return the path of the load generator: installed, or unpacked into the cache."""
    if found := shutil.which("hey"):
        return found
    try:
        folder = cache.folder() / f"hey-{apt.codename()}"
        cache.once(folder, lambda path: apt.unpack({"hey": apt.codename()}, path))
    except (LookupError, ProcessExecutionError) as error:
        pytest.fail(f"The load generator `hey` cannot be had: {error}")
    return str(folder / "usr/bin/hey")


class Load:
    """Requests from 50 clients at once, as many as they can, until it is ended."""

    def __init__(self, url: str, *options: str) -> None:
        """Begin. POST requests, because a client may repeat a GET and so hide its loss."""
        command = [hey(), "-z", "5m", "-c", "50", "-m", "POST", "-t", "60", *options, url]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> Outcome:
        """End; return what became of the requests."""
        self._process.send_signal(signal.SIGINT)
        report, _ = self._process.communicate(timeout=120)
        return outcome(report)


def outcome(report: str) -> Outcome:
    """Read the load generator's report."""
    result = Outcome()
    for status, count in re.findall(r"^ +\[(\d{3})\]\t(\d+) responses$", report, re.MULTILINE):
        if status == "200":
            result.answered += int(count)
        else:
            result.lost[f"status {status}"] += int(count)
    _, _, errors = report.partition("Error distribution:")
    for count, error in re.findall(r"^ +\[(\d+)\]\t(.*)$", errors, re.MULTILINE):
        if error.endswith("connect: connection refused"):
            result.refused += int(count)
        else:
            result.lost[error.rpartition(": ")[2]] += int(count)
    return result


@dataclass(frozen=True)
class Stop:
    """What a stop under load cost."""

    outcomes: list[Outcome]
    long_answer: bytes
    one_more: int
    """The status of the answer to one request more on that connection, which was not forbidden."""
    exit_code: int


def stop_under_load(service: Service, start: str = "main.main()") -> Stop:
    """Stop a busy web service: clients that keep connections and others, quick and slow answers."""
    command = ("python", "-c", BUSY + start)
    with running(service.image, service.network, *command, LOG_LEVEL="WARNING") as container:
        until(container.answers, "an answer")
        url = container.url
        with (
            Load(f"{url}/work") as kept,
            Load(f"{url}/quick", "-disable-keepalive") as single,
            Load(f"{url}/slow", "-c", "20") as slow,
            Load(f"{url}/stream", "-c", "20") as begun,
            container.connection() as connection,
        ):
            connection.request("GET", "/long")
            stream = connection.getresponse()
            answer = stream.read(100_000)  # by now all are at work
            one_more = 0
            container.docker("kill", "--signal=TERM", container.id)
            with suppress(OSError, HTTPException):
                answer += stream.read()
                connection.request("POST", "/quick")
                one_more = connection.getresponse().status
            code = container.exit_code()
            outcomes = [load.end() for load in (kept, single, slow, begun)]
            return Stop(outcomes, answer, one_more, code)
