"""Work on images, done two at a time and once for all tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from tests.image.combinations import Combination
from tests.image.services import Service

T = TypeVar("T")


class Workers:
    """Two workers, who first build the image of every service."""

    def __init__(self, pool: ThreadPoolExecutor, services: Mapping[Combination, Service]) -> None:
        """Begin to build."""
        self._pool = pool
        self._built = {image: pool.submit(_built, service) for image, service in services.items()}
        self._done: dict[str, dict[Combination, Future[Any]]] = {}

    def service(self, image: Combination) -> Service:
        """Return a service once its image is built."""
        return self._built[image].result()

    def result(self, request: pytest.FixtureRequest, work: Callable[[Service], T]) -> T:
        """Return the result of a fixture's work for the image of the test that asks for it.

        The first test that asks starts the work for all tests that will.
        """
        name = str(request.fixturename)
        if name not in self._done:
            self._done[name] = {
                image: self._pool.submit(lambda built: work(built.result()), self._built[image])
                for image in wanted(request, name)
            }
        return self._done[name][request.node.callspec.params["service"]].result()  # type: ignore[no-any-return]


def wanted(request: pytest.FixtureRequest, fixture: str) -> list[Combination]:
    """Return the images for which the selected tests ask for a fixture."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    asking = [item for item in items if fixture in item.fixturenames and hasattr(item, "callspec")]
    images = [item.callspec.params.get("service") for item in asking]
    return list(dict.fromkeys(image for image in images if isinstance(image, Combination)))


def _built(service: Service) -> Service:
    service.make("image")
    return service
