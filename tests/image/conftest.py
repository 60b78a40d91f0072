"""Services and their images, each made once for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.engine import Engine, EngineUnavailable, start
from tests.image.containers import ask
from tests.image.lives import Life, live
from tests.image.rebuilds import Edits, Rebuild, edit, rebuild
from tests.image.services import Service, Workshop
from tests.image.workers import Workers, wanted


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    """Return a Docker engine; without one, image tests are skipped, and fail under CI=true."""
    try:
        found = start()
    except EngineUnavailable as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    yield found
    found.close()


@pytest.fixture(scope="session")
def workshop(
    docker: Engine, copie_session: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    """Return what makes services; a developer's own engine keeps no image of them."""
    workshop = Workshop(docker, copie_session, tmp_path_factory.mktemp("workshop"))
    yield workshop
    workshop.clear()


@pytest.fixture(scope="session")
def workers(request: pytest.FixtureRequest, workshop: Workshop) -> Iterator[Workers]:
    """Return two workers, who are done before the engine goes."""
    services = {image: workshop.service(*image) for image in wanted(request, "service")}
    with ThreadPoolExecutor(2) as pool:
        yield Workers(pool, services)
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def service(request: pytest.FixtureRequest, workers: Workers) -> Service:
    """Return a service of the combination that the test asks for, its image built."""
    return workers.service(request.param)


@pytest.fixture
def life(request: pytest.FixtureRequest, workers: Workers, service: Service) -> Life:
    """Return what the service did in one run."""

    def lived(service: Service) -> Life:
        return live(service.image, service.kind, service.network)

    return workers.result(request, lived)


@pytest.fixture
def touched(request: pytest.FixtureRequest, workers: Workers, service: Service) -> dict[str, Any]:
    """Return what became of touched and edited sources, on a writable root."""
    root = ("--user=0:0", "--no-healthcheck")
    modules = ["app", "typing_extensions", "ipaddress"]
    return workers.result(request, lambda service: ask(service.image, "edit", modules, *root))


@pytest.fixture
def edits(
    request: pytest.FixtureRequest,
    workers: Workers,
    service: Service,
    tmp_path_factory: pytest.TempPathFactory,
) -> Edits:
    """Return what builds give after edits."""
    return workers.result(
        request, lambda service: edit(service, tmp_path_factory.mktemp("edits") / "twin")
    )


@pytest.fixture
def rebuilt(
    request: pytest.FixtureRequest,
    workers: Workers,
    service: Service,
    tmp_path_factory: pytest.TempPathFactory,
) -> Rebuild:
    """Return what a build from another checkout gives."""
    return workers.result(
        request, lambda service: rebuild(service, tmp_path_factory.mktemp("rebuilt"))
    )


@pytest.fixture
def tested(request: pytest.FixtureRequest, workers: Workers, service: Service) -> str:
    """Return what `make test-image` says."""
    return workers.result(request, lambda service: service.make("test-image"))
