"""Clients at their worst: slow, endless, flooding and broken ones, spoken by plain sockets."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import repeat

REQUEST = b"POST /body HTTP/1.1\r\nHost: x\r\n"
NO_REQUEST = [b"", b"G", b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: "]
NO_BODY = [
    REQUEST + b"Content-Length: 1000\r\n\r\nbegun",
    REQUEST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nbeg",
]
BROKEN = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2,  # TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",  # no host
    b"GET / HTTP/1.1\r\nHost: x\r\nX\x00: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n : \r\n\r\n",
    REQUEST + b"Content-Length: -1\r\n\r\n",
    REQUEST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    REQUEST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    REQUEST + b"Transfer-Encoding: gzip, nonsense\r\n\r\n",
    REQUEST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffffffff\r\n",
    REQUEST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    b'GET /%ff%00%0a{"x":1} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
]


@contextmanager
def slow(port: int, count: int, beginnings: list[bytes]) -> Iterator[None]:
    """Keep connections open that never finish their request."""
    with ExitStack() as stack:
        for number in range(count):
            client = stack.enter_context(connect(port))
            client.sendall(beginnings[number % len(beginnings)])
        yield


def body(size: int) -> Iterator[bytes]:
    """Return a request with a body that has its length before it."""
    yield REQUEST + b"Content-Length: %d\r\n\r\n" % (size << 20)
    yield from repeat(bytes(1 << 20), size)


def chunks(size: int) -> Iterator[bytes]:
    """Return a request with a body whose length nobody knows."""
    yield REQUEST + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from repeat(b"100000\r\n" + bytes(1 << 20) + b"\r\n", size)
    yield b"0\r\n\r\n"


def headers(size: int) -> Iterator[bytes]:
    """Return a request whose headers have no end."""
    yield REQUEST
    yield from (b"X-%d: %b\r\n" % (number, bytes([65]) * 1000) for number in range(size << 10))


def noise(seed: int) -> Iterator[bytes]:
    """Return what is no request."""
    chance = random.Random(seed)
    yield chance.choice((b"", b"GET ", b"GET / HTTP/1.1\r\n", REQUEST))
    yield chance.randbytes(chance.randrange(1, 3000)) + b"\r\n\r\n"


def say(port: int, parts: Iterable[bytes]) -> bytes:
    """Send all of it; return the status line of the answer, empty where there is none."""
    answer = b""
    with connect(port) as client, suppress(OSError):  # it may hang up on us
        with suppress(OSError):
            for part in parts:
                client.sendall(part)
        client.shutdown(socket.SHUT_WR)
        while more := client.recv(1 << 16):
            answer += more
    return answer.partition(b"\r\n")[0]


def hung_up(client: socket.socket) -> bool:
    """Wait for an answer or the end; whether it was the end."""
    with suppress(ConnectionResetError):
        return client.recv(1 << 16) == b""
    return True


def connect(port: int) -> socket.socket:
    """Return a connection on which nothing has been said."""
    return socket.create_connection(("127.0.0.1", port), timeout=30)
