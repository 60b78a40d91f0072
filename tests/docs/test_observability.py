"""A service that tells what it does, as its page has it."""

from __future__ import annotations

import pytest

from tests.docs.conftest import Desk
from tests.docs.pages import page
from tests.engine import Engine

pytestmark = pytest.mark.image


def test_who_follows_the_page_of_observability_sees_a_trace_and_metrics(
    desk: Desk, docker: Engine
) -> None:
    docker.base("python:3.13-slim-trixie")
    desk(docker).play(page("observability.md"))
