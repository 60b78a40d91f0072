"""Whatever some clients do, a web service answers the others, and ends when it is told to."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hostile.clients import (
    BROKEN,
    NO_BODY,
    NO_REQUEST,
    body,
    chunks,
    headers,
    noise,
    say,
    slow,
)
from tests.hostile.conftest import Tally
from tests.hostile.test_running_stops import BASES, START
from tests.image.combinations import of
from tests.image.containers import HARDENED, running, until
from tests.image.load import Load
from tests.image.services import Service

pytestmark = pytest.mark.image

# An engine with the usual limit of descriptors, and less memory than the bodies have together.
CONFINED = (*HARDENED, "--ulimit=nofile=1024:8192", "--memory=160m", "--memory-swap=160m")

OTHERS = ("-disable-keepalive", "-c", "5", "-t", "20")


@of("web", among=BASES)
def test_hostile_clients_leave_a_web_service_that_answers_others(
    service: Service, tally: Tally
) -> None:
    with (
        running(service.image, service.network, *START, flags=CONFINED) as container,
        ThreadPoolExecutor(8) as pool,
    ):
        until(container.answers, "an answer")
        with slow(container.port, 1500, NO_REQUEST):
            with (
                slow(container.port, 500, NO_BODY),
                Load(f"{container.url}/quick", *OTHERS) as others,
            ):

                def answers(*requests: Iterable[bytes]) -> set[bytes]:
                    return set(pool.map(lambda request: say(container.port, request), requests))

                assert answers(*(make(40) for make in (body, chunks) for _ in range(4))) == {
                    b"HTTP/1.1 413 Content Too Large"
                }
                flood = answers(*(headers(1) for _ in range(50)))
                assert flood <= {b"HTTP/1.1 400 Bad Request", b""}
                broken = answers(*([request] for request in BROKEN * 5), *map(noise, range(200)))
                assert {answer[:10] for answer in broken} <= {b"HTTP/1.1 4", b""}
                outcome = others.end()
            container.stop()
        assert container.exit_code() == 0
        lines = container.lines
    tally("hostile clients", slow=2000, bodies=8, headers=50, broken=len(BROKEN) * 5 + 200)
    tally(
        "requests beside those of hostile clients",
        runs=1,
        accepted=outcome.accepted,
        lost=outcome.lost.total(),
    )
    assert outcome.lost == {}
    assert outcome.answered
    assert lines  # each of them JSON, whatever was sent
