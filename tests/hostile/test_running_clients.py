"""Whatever some clients do, a web service answers the others, and ends when it is told to."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.hostile.clients import (
    BROKEN,
    NO_BODY,
    NO_REQUEST,
    REQUEST,
    body,
    chunks,
    connect,
    headers,
    hung_up,
    noise,
    say,
    slow,
)
from tests.hostile.conftest import Tally
from tests.hostile.test_running_stops import BASES, START
from tests.image.combinations import of
from tests.image.containers import HARDENED, running, until
from tests.image.load import BUSY, Load
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


@of("web", among=BASES[:1])
def test_who_does_not_finish_the_headers_in_time_is_hung_up_on(service: Service) -> None:
    quick = ("python", "-c", f"{BUSY}main.serving.HEADER_TIMEOUT = 2; main.main()")
    with running(service.image, service.network, *quick) as container, ExitStack() as stack:
        until(container.answers, "an answer")
        upload = stack.enter_context(connect(container.port))
        upload.sendall(REQUEST + b"Content-Length: 4\r\n\r\nab")
        silent, slow = (stack.enter_context(connect(container.port)) for _ in range(2))
        second, kept = (stack.enter_context(container.connection()) for _ in range(2))
        slow.sendall(NO_REQUEST[-1])
        second.request("POST", "/quick")
        assert second.getresponse().read() == b'"done"'
        second.sock.sendall(NO_REQUEST[-1])
        for _ in range(10):  # a client that goes on asking, for longer than the others wait
            kept.request("POST", "/quick")
            assert kept.getresponse().read() == b'"done"'
            time.sleep(0.4)
        assert [hung_up(client) for client in (silent, slow, second.sock)] == [True] * 3
        upload.sendall(b"cd")
        assert b"200 OK" in upload.recv(1 << 16)
