"""Services with what a day's work needs, each made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.engine import Engine, postgresql
from tests.every_day import tools
from tests.every_day.composed import Composed
from tests.image.conftest import docker, workshop
from tests.image.services import Workshop

__all__ = ["docker", "workshop"]

Compose = Callable[..., Composed]


@pytest.fixture(scope="session")
def composer(
    docker: Engine, workshop: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Compose]:
    """Return `composer(kind, **answers)`: a service that Compose runs, up to the end."""
    environment = tools.compose(docker, tmp_path_factory.mktemp("docker"))
    known: dict[str, Composed] = {}

    def composer(kind: str, **answers: object) -> Composed:
        name = "-".join([kind, *map(str, answers.values())])
        if name not in known:
            base = str(answers.pop("base_image", "slim"))
            folder = workshop.write(name, kind, base, "3.13", compose=True, **answers)
            if answers.get("database") == "postgresql":
                postgresql.provide(docker)
            workshop.lock(folder)
            service = workshop.finish(folder, name, kind)
            known[name] = Composed(service, environment, folder.parent / f"{name}.yaml")
        return known[name]

    yield composer
    for service in known.values():
        service.compose("down", "--volumes", "--rmi=local", "--timeout=1")
