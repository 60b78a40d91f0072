"""What people and machines do at their worst; the figures are those of docs/reliability.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from tests.image.conftest import docker, service, workers, workshop
from tests.render.conftest import checkout, copier, folder, fork, no_poetry

__all__ = [
    "checkout",
    "copier",
    "docker",
    "folder",
    "fork",
    "no_poetry",
    "service",
    "workers",
    "workshop",
]

# By a fixture: the group of tests that have it of one process.
SHARED = {"docker": "engine", "copies": "copy", "traced": "trust"}
Tally = Callable[..., None]
Track = Callable[[Sequence[Any], str], Iterable[Any]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share a run, let one make what many tests need: such as an engine."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        for name, group in SHARED.items():
            if name in names:
                item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """Return what notes figures of this run: `tally("answers", tried=2000, refused=1400)`.

    `--junitxml` writes them, one property a call.
    """

    def note(row: str, **figures: int) -> None:
        record_property(f"reliability: {row}", json.dumps(figures))

    return note


@pytest.fixture
def track(request: pytest.FixtureRequest) -> Track:
    """Return what goes through the steps of a long test: `for n in track(range(50), "restarts")`.

    `make soak` shows how far it is.
    """
    shown = request.config.pluginmanager.get_plugin("progress")
    return shown.track if shown else lambda steps, what: steps
