"""A service's whole life in a container, from its start to its end, written down."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.image.containers import Container, log, running, until
from tests.image.images import Image

PROCESS_1 = "import json; print(json.dumps(open('/proc/1/cmdline').read().split('\\0')[:-1]))"


@dataclass
class Life:
    """What a service did in one run."""

    arguments: list[str] = field(default_factory=list)
    """The command line of process 1; empty for a job, which is over before one can look."""
    answers: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    """What a web service answered, by path."""
    exit_code: int = -1
    output: str = ""
    trace: str = ""
    """What Python said of its imports (`python -v`), and all else on stderr."""
    health_trace: str = ""
    """The same of the image's health check."""

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log."""
        return log(self.output)

    @property
    def bytecode(self) -> list[str]:
        """The bytecode files that were loaded."""
        return re.findall(r"^# code object from '(.*\.pyc)'$", self.trace, re.MULTILINE)

    @property
    def compiled(self) -> list[str]:
        """The sources that had to be compiled."""
        traces = self.trace + self.health_trace
        return re.findall(r"^# code object from (/.*)$", traces, re.MULTILINE)


def live(image: Image, kind: str, network: str) -> Life:
    """Run an image as it is meant to be: a job to its end, others until they are told to stop."""
    life = Life()
    with running(image, network, PYTHONVERBOSE=1) as container:
        if kind != "job":
            _observe(life, container, kind)
            container.stop()
        life.exit_code = container.exit_code()
        life.output, life.trace = container.output, container.errors
    return life


def stop_idle(image: Image, kind: str, network: str) -> tuple[int, float]:
    """Start and stop a web service or worker; return its exit code and how long the stop took."""
    with running(image, network) as container:
        _wait(container, kind)
        seconds = container.stop()
        return container.exit_code(), seconds


def _wait(container: Container, kind: str) -> None:
    if kind == "web":
        until(container.answers, "an answer")
    else:
        until(lambda: "started" in container.output, "the first log line")


def _observe(life: Life, container: Container, kind: str) -> None:
    _wait(container, kind)
    if kind == "web":
        for path in ("/health/live", "/health/ready"):
            life.answers[path] = container.get(path)
        life.health_trace = container.check()
    life.arguments = json.loads(container.python(PROCESS_1))
