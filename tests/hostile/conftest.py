"""What people and machines do at their worst; the figures are those of docs/reliability.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

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

# Tests that need nothing which is made for several; and files whose tests share it among them.
ALONE = {"test_answers", "test_answers_over_time", "test_standard"}
TOGETHER = {"test_faults_of_copy", "test_faults_of_update", "test_trust"}
Tally = Callable[..., None]
Track = Callable[[Sequence[Any], str], Iterable[Any]]


class Shares(LoadScopeScheduling):  # type: ignore[misc]
    """Lets one process make what several tests need: above all the engine, and what it builds."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0]).stem
        if file in ALONE and "docker" not in nodeid:
            return nodeid
        return file if file in TOGETHER else "engine"


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Shares:
    """Say how several processes share a run."""
    return Shares(config, log)


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
