"""What a start takes, in a container of its own each time."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from benchmarks.entries import Entry
from tests.engine.loopback import free_port

PATIENCE = 90  # seconds
PAUSE = 0.002  # seconds between two tries
PEAK = "print(*(line for line in open('/proc/1/status') if line.startswith('VmHWM')))"


class Silent(Exception):
    """A container that did not do its work; the message is what it said."""


def answer(entry: Entry) -> tuple[float, int]:
    """Return the seconds from `docker run` to the first answer, and the bytes that it took."""
    docker, port = entry.service.engine.docker, free_port()
    publish = [f"--publish=127.0.0.1:{port}:{port}"] * (entry.service.network != "host")
    begin = time.monotonic()
    start = _docker(entry, "run", "--detach", *publish, f"--env=PORT={port}")
    seconds = _poll(port, begin)
    container = start.communicate()[0].strip()
    try:
        if not seconds:
            _, output, errors = docker["logs", container].run(retcode=None)
            raise Silent(f"{entry.image} did not answer: {output}{errors}")
        status = docker("exec", container, entry.contender.python, "-c", PEAK)
        return seconds, 1024 * int(status.split()[1])
    finally:
        docker("rm", "--force", "--volumes", container)


def run(entry: Entry, *command: str) -> float:
    """Return the seconds that a container takes to run a command and end."""
    begin = time.monotonic()
    process = _docker(entry, "run", "--rm", command=command)
    said = process.communicate()[0]
    seconds = time.monotonic() - begin
    if process.returncode:
        raise Silent(f"{entry.image} did not run {' '.join(command)}: {said}")
    return seconds


def start(entry: Entry) -> float:
    """Return the seconds until a container that does nothing has been started."""
    begin = time.monotonic()
    container = _docker(entry, "run", "--detach", command=("sleep", "60")).communicate()[0]
    seconds = time.monotonic() - begin
    entry.service.engine.docker("rm", "--force", container.strip())
    return seconds


def _docker(entry: Entry, *flags: str, command: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start `docker run` of an entry's image."""
    network = f"--network={entry.service.network}"
    return subprocess.Popen(
        ["docker", *flags, network, entry.image, *command],
        env=os.environ | entry.service.engine.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def _poll(port: int, begin: float) -> float:
    """Ask until there is an answer; return the seconds since `begin`, 0 if none comes."""
    while time.monotonic() - begin < PATIENCE:
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
                connection.request("GET", "/health/live")
                if connection.getresponse().status == 200:
                    return time.monotonic() - begin
        except (OSError, HTTPException):
            time.sleep(PAUSE)
    return 0.0
