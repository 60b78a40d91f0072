"""Services with what a day's work needs, each made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine import Engine, postgresql
from tests.every_day import tools
from tests.every_day.composed import Composed
from tests.image.conftest import docker, workshop
from tests.image.services import Workshop, alone
from tests.update.conftest import commit, copy, git, template, update

__all__ = ["docker", "template", "workshop"]

Compose = Callable[..., Composed]
Updated = Callable[..., Path]


@pytest.fixture(scope="session")
def newest(template: Path) -> Path:
    """Return the template with what is here now as its newest release."""
    git(template, "tag", "--force", "v99.0.0")
    return template


@pytest.fixture(scope="session")
def updated(newest: Path) -> Updated:
    """Return `updated(folder, old, **answers)`: a service of an old release, updated to here."""

    def updated(folder: Path, old: str, **answers: object) -> Path:
        with alone():
            copy(newest, folder, old, answers)
            git(folder, "init", "--quiet")
            commit(folder)
            update(folder, "99.0.0")
            commit(folder)
        return folder

    return updated


def turn_on(folder: Path, **answers: Any) -> None:
    """Turn options on in a service that is there, by an update."""
    with alone():
        update(folder, **answers)
        commit(folder)


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
