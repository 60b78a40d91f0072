"""A service that runs for long needs no more memory than one that has just begun."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Sequence

import pytest

from tests.hostile.conftest import Tally, Track
from tests.hostile.test_running_stops import BASES
from tests.image.combinations import Combination, of
from tests.image.containers import PATIENCE, Container, running, until
from tests.image.load import hey
from tests.image.services import Service

pytestmark = pytest.mark.image

WORKER = [Combination("worker", "slim", "3.13")]

# Prints after each tenth of the loops how much memory it has; `keep` is what a leak would do.
LOOPS = """
import os, signal
from app import main

done, kept, work = 0, [], main.work

def counted():
    global done
    work()
    {}
    done += 1
    if done % ({} // 10) == 0:
        status = open("/proc/self/status").read()
        print(status.split("VmRSS:")[1].split()[0], flush=True)
    if done == {}:
        os.kill(os.getpid(), signal.SIGTERM)

main.work = counted
main.main()
"""
RSS = "print(open('/proc/1/status').read().split('VmRSS:')[1].split()[0])"


def is_level(sizes: Sequence[int]) -> None:
    """What it has at the end is what it had once it was warm: after a fifth of the time."""
    warm, last = sizes[len(sizes) // 5], sizes[-1]
    assert last <= warm * 1.03, sizes


def worked(service: Service, loops: int, keep: str = "") -> list[int]:
    """Return how many kB a worker had in the course of its loops."""
    code = LOOPS.format(keep, loops, loops)
    with running(
        service.image, "none", "python", "-c", code, LOG_LEVEL="WARNING", INTERVAL=1e-6
    ) as container:
        container.docker["wait", container.id](timeout=PATIENCE + loops / 1000)
        assert container.exit_code() == 0
        return [int(line) for line in container.output.split()]


def served(container: Container, rounds: Iterable[int]) -> list[int]:
    """Return how many kB a web service had after each round of 2000 requests, for ten minutes."""
    load = [hey(), "-n", "2000", "-c", "20", f"{container.url}/health/live"]
    sizes = []
    deadline = time.monotonic() + 600
    for _ in rounds:
        report = subprocess.run(load, check=True, capture_output=True, text=True).stdout
        assert "[200]\t2000 responses" in report
        sizes.append(int(container.python(RSS)))
        if time.monotonic() > deadline:
            break
    return sizes


@pytest.mark.parametrize("loops", [50_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
@of("worker", among=WORKER)
def test_the_memory_of_a_worker_stays_level(service: Service, loops: int, tally: Tally) -> None:
    sizes = worked(service, loops)
    tally("memory of worker", loops=loops, kB_warm=sizes[2], kB_at_the_end=sizes[-1])
    is_level(sizes)


@of("worker", among=WORKER)
def test_a_leak_of_100_bytes_a_loop_would_be_noticed(service: Service) -> None:
    with pytest.raises(AssertionError):
        is_level(worked(service, 50_000, "kept.append(bytes(70))"))


@pytest.mark.parametrize(
    ("service", "rounds"),
    [
        (BASES[0], 10),
        *(pytest.param(base, 500, marks=pytest.mark.soak) for base in BASES),
    ],
    indirect=["service"],
    ids=str,
)
def test_the_memory_of_a_web_service_stays_level(
    service: Service, rounds: int, tally: Tally, track: Track, request: pytest.FixtureRequest
) -> None:
    with running(service.image, service.network, LOG_LEVEL="WARNING") as container:
        until(container.answers, "an answer")
        sizes = served(container, track(range(rounds), "rounds of 2000 requests"))
    row = f"memory of {request.node.callspec.params['service']}"
    requests, warm = 2000 * len(sizes), sizes[len(sizes) // 5]
    tally(row, requests=requests, kB_warm=warm, kB_at_the_end=sizes[-1])
    is_level(sizes)
