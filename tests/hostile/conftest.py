"""What people and machines do at their worst; the figures are those of docs/reliability.md."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.image.conftest import docker, workshop

__all__ = ["docker", "workshop"]

Tally = Callable[..., None]


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """Return what notes figures of this run: `tally("answers", tried=2000, refused=1400)`.

    `--junitxml` writes them, one property a call.
    """

    def note(row: str, **figures: int) -> None:
        record_property(f"reliability: {row}", json.dumps(figures))

    return note
