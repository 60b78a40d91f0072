"""A bar for the tests of a long run, and one for the steps of the test that runs."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from typing import Any, TypeVar

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

T = TypeVar("T")
Status = tuple[str, str, Any]


class Progress:
    """A plugin of pytest's that shows bars instead of a dot for each test."""

    __name__ = "progress"  # by which pytest finds it

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        # pytest keeps what a test writes; the bar goes where that went before.
        terminal = os.fdopen(os.dup(2), "w")
        self.bars = Bars(*columns, TimeElapsedColumn(), console=Console(file=terminal))
        self.tests = self.bars.add_task("tests", total=None)

    def pytest_sessionstart(self) -> None:
        """Begin."""
        self.bars.start()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note how many tests were chosen."""
        self.bars.update(self.tests, total=len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note it where several processes share the run."""
        self.bars.update(self.tests, total=len(ids))

    def pytest_runtest_logfinish(self) -> None:
        """Count a test."""
        self.bars.advance(self.tests)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, Status, Status]:
        """Leave a test its name in the summary, and no letter."""
        name, _, word = yield
        return name, "", word

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Make room for the summary."""
        self.bars.stop()

    def track(self, steps: Sequence[T], what: str) -> Iterator[T]:
        """Yield each step, and count it."""
        task = self.bars.add_task(what, total=len(steps))
        for step in steps:
            yield step
            self.bars.advance(task)
        self.bars.remove_task(task)
