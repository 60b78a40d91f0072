"""Stopped, restarted or replaced under load, a web service loses no request that it accepted."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest

from tests.hostile.conftest import Tally
from tests.hostile.rolling import proxy
from tests.image import checks
from tests.image.combinations import Combination, of
from tests.image.containers import Container, running, until
from tests.image.load import BUSY, Load, Outcome, stop_under_load
from tests.image.services import Service

pytestmark = pytest.mark.image

BASES = [Combination("web", base, "3.13") for base in ("slim", "distroless", "custom")]
START = ("python", "-c", f"{BUSY}main.main()")
QUIET = "WARNING"

in_runs = pytest.mark.parametrize(
    "run", ["once", *(pytest.param(f"run {n}", marks=pytest.mark.soak) for n in range(1, 7))]
)


def lost(tally: Tally, during: str, outcomes: list[Outcome]) -> Counter[str]:
    """Return what became of accepted requests that were not answered; note how many they were."""
    losses = sum((outcome.lost for outcome in outcomes), start=Counter[str]())
    accepted = sum(outcome.accepted for outcome in outcomes)
    tally(f"requests during {during}", runs=1, accepted=accepted, lost=losses.total())
    return losses


def at_work(container: Container) -> None:
    """Wait until it has answered many requests."""
    until(lambda: int(container.get("/worked")[1]["worked"]) > 200, "load")


@in_runs
@of("web", among=BASES)
def test_a_stop_loses_no_accepted_request(service: Service, run: str, tally: Tally) -> None:
    stop = stop_under_load(service)
    assert lost(tally, "a stop", stop.outcomes) == {}
    checks.loses_nothing(stop)
    assert stop.exit_code == 0


@in_runs
@of("web", among=BASES)
def test_a_restart_loses_no_accepted_request(service: Service, run: str, tally: Tally) -> None:
    with running(service.image, service.network, *START, LOG_LEVEL=QUIET) as container:
        until(container.answers, "an answer")
        with (
            Load(f"{container.url}/work") as kept,
            Load(f"{container.url}/quick", "-disable-keepalive") as single,
            Load(f"{container.url}/stream", "-c", "20") as slow,
        ):
            at_work(container)
            container.docker("restart", "--time=10", container.id)
            until(container.answers, "an answer after the restart")
            at_work(container)
            outcomes = [load.end() for load in (kept, single, slow)]
    assert lost(tally, "a restart", outcomes) == {}
    assert all(outcome.answered and outcome.refused for outcome in outcomes)


@in_runs
@of("web", among=BASES)
def test_a_rolling_replacement_loses_nothing_and_refuses_nobody(
    service: Service, run: str, tally: Tally
) -> None:
    """Where to send requests changes once a new one is ready, while the old one drains."""
    with ExitStack() as stack:

        def start() -> Container:
            begin = running(service.image, service.network, *START, LOG_LEVEL=QUIET, DRAIN_DELAY=1)
            container = stack.enter_context(begin)
            until(container.answers, "an answer")  # as soon as it can, it is ready
            return container

        old = current = start()
        port = stack.enter_context(proxy(lambda: current.port))
        url = f"http://127.0.0.1:{port}"
        loads = [
            stack.enter_context(Load(f"{url}/work", "-c", "20", "-q", "20")),
            stack.enter_context(Load(f"{url}/quick", "-c", "20", "-q", "20", "-disable-keepalive")),
            stack.enter_context(Load(f"{url}/stream", "-c", "20")),
        ]
        at_work(old)
        new = start()
        old.docker("kill", "--signal=TERM", old.id)
        until(lambda: old.get("/health/ready")[0] == 503, "the drain")
        current = new
        assert old.exit_code() == 0
        at_work(new)
        outcomes = [load.end() for load in loads]
    assert lost(tally, "a rolling replacement", outcomes) == {}
    assert all(outcome.answered and not outcome.refused for outcome in outcomes)
