"""However a service ends, no work is left half done, and its code and one line of log say why."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from tests.hostile.conftest import Tally
from tests.image.combinations import Combination, of
from tests.image.containers import HARDENED, running, until
from tests.image.services import Service

pytestmark = pytest.mark.image

KINDS = [Combination(kind, "slim", "3.13") for kind in ("web", "worker", "job")]


def ended(service: Service, *command: str, **variables: str) -> tuple[int, list[dict[str, Any]]]:
    """Run until it ends by itself; return its code and its log, which nothing else stands in."""
    with running(service.image, "none", *command, flags=HARDENED, **variables) as container:
        code = container.exit_code()
        assert container.errors == ""
        return code, container.lines


# ---- A worker

UNITS = """
import time
from app import main

def work():
    main.logger.info("begun")
    for _ in range(10):
        time.sleep(0.1)
    main.logger.info("done")

main.work = work
main.main()
"""


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(n, marks=pytest.mark.soak) for n in range(3, 23))]
)
@of("worker", among=KINDS)
def test_a_worker_told_to_stop_in_a_unit_finishes_it(
    service: Service, seed: int, tally: Tally
) -> None:
    with running(service.image, "none", "python", "-c", UNITS, INTERVAL=0.01) as container:
        until(lambda: "begun" in container.output, "a unit")
        time.sleep(random.Random(seed).uniform(0, 1))
        container.stop()
        said = [line["message"] for line in container.lines]
        code = container.exit_code()
    units = [word for word in said if word in ("begun", "done")]
    half = units.count("begun") - units.count("done")
    tally("units of work of a worker told to stop", begun=units.count("begun"), half=half)
    assert units == ["begun", "done"] * (len(units) // 2)
    assert said[-1] == "stopped"
    assert code == 0


ESCAPING = """
import sys
from app import main
def work(): {}
main.work = work
sys.exit(main.main())
"""


@of("worker", among=KINDS)
def test_a_worker_that_nobody_told_to_stop_does_not_end_with_0(service: Service) -> None:
    code, lines = ended(service, "python", "-c", ESCAPING.format("raise GeneratorExit"))
    assert code == 1
    assert [line["level"] for line in lines] == ["INFO", "CRITICAL"]
    assert ended(service, "python", "-c", ESCAPING.format("sys.exit(3)"))[0] == 3


# ---- A job

CRASHES = {
    'raise ValueError("two\\nlines, \\udcff and \\x1b[31m")': "ValueError: two\nlines",
    "bytearray(1 << 62)": "MemoryError",
    "work()": "RecursionError",
    "raise GeneratorExit": "GeneratorExit",
}


@pytest.mark.parametrize(("crash", "why"), CRASHES.items(), ids=CRASHES.values())
@of("job", among=KINDS)
def test_a_job_that_crashes_says_why_on_one_line(service: Service, crash: str, why: str) -> None:
    code, lines = ended(service, "python", "-c", ESCAPING.format(crash))
    assert code == 1
    [line] = [line for line in lines if line["level"] != "INFO"]
    assert why in line["exc_info"]


# ---- Every kind

WRONG = {
    "web": [{"PORT": "hunter2"}, {"DRAIN_DELAY": "inf"}, {"MAX_BODY_SIZE": "-1"}],
    "worker": [{"INTERVAL": "hunter2"}, {"INTERVAL": "inf"}, {"INTERVAL": "1e300"}],
    "job": [{"LOG_LEVEL": "hunter2"}],
}


@of(among=KINDS)
def test_a_wrong_setting_ends_a_service_with_one_line_that_names_it(service: Service) -> None:
    """But not its value, for it may be a secret that was set in the wrong place."""
    for wrong in WRONG[service.kind]:
        code, [line] = ended(service, **wrong)
        assert code == 1
        assert line["level"] == "CRITICAL"
        [(name, value)] = wrong.items()
        assert name.lower() in line["exc_info"]
        assert value != "hunter2" or value not in str(line)


STARTING = """
import app, time
print("{}", flush=True)
time.sleep(600)
"""


@of(among=KINDS)
def test_a_service_stops_at_once_while_it_is_still_starting(service: Service) -> None:
    """Process 1 gets no signal that it does not handle."""
    with running(service.image, "none", "python", "-c", STARTING) as container:
        until(lambda: container.output, "the start")
        container.docker("kill", "--signal=TERM", container.id)
        assert container.exit_code() == 143  # not 0: what had begun is not done


@of("web", among=KINDS)
def test_a_port_in_use_ends_a_web_service_with_one_line_that_says_so(service: Service) -> None:
    held = "import socket; from app import main; s = socket.create_server(('', 8000)); main.main()"
    code, lines = ended(service, "python", "-c", held, PORT="8000")
    assert code
    [line] = [line for line in lines if line["level"] != "INFO"]
    assert "address already in use" in line["message"]
