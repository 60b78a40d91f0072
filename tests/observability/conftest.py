"""Services that tell what they do, as real images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.image.conftest import docker, workshop
from tests.image.services import Service, Workshop
from tests.observability.collector import Collector, collector

__all__ = ["docker", "workshop"]

IMAGES = [("web", "slim"), ("web", "distroless"), ("worker", "distroless"), ("job", "slim")]
ANSWER = {"observability": "opentelemetry"}
# What an owner adds: an answer, and one that fails.
PATHS = '''
@app.get("/orders/{number}")
async def order(number: int) -> dict[str, int]:
    """Answer."""
    return {"order": number}


@app.get("/broken")
async def broken() -> None:
    """Fail."""
    raise RuntimeError("no luck")


def main('''

Observed = Callable[[str, str], Service]


def extend(folder: Path) -> None:
    """Give the web service of a folder more paths."""
    main = folder / "app/main.py"
    main.write_text(main.read_text("utf-8").replace("\ndef main(", PATHS), "utf-8")


def name(kind: str, base: str) -> str:
    """Return the short name of a service."""
    return f"observed-{kind}-{base}"


@pytest.fixture(scope="session")
def observed(workshop: Workshop) -> Iterator[Observed]:
    """Return `observed(kind, base)`: a service with its image; all are built, two at a time."""
    locks: dict[str, bytes] = {}
    building: dict[tuple[str, str], Future[Service]] = {}

    def build(service: Service) -> Service:
        service.make("image")
        return service

    with ThreadPoolExecutor(2) as pool:
        for kind, base in IMAGES:
            folder = workshop.write(name(kind, base), kind, base, "3.13", **ANSWER)
            if kind == "web":
                extend(folder)
            if kind not in locks:
                workshop.lock(folder)
                locks[kind] = (folder / "poetry.lock").read_bytes()
            (folder / "poetry.lock").write_bytes(locks[kind])
            service = workshop.finish(folder, name(kind, base), kind)
            building[kind, base] = pool.submit(build, service)
        yield lambda kind, base: building[kind, base].result()
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def sent() -> Iterator[Collector]:
    """Return a collector of its own."""
    with collector() as kept:
        yield kept
