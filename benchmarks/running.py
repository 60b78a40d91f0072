"""Runs the plan on an engine, with a progress bar, and keeps what was measured."""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from copy import deepcopy
from datetime import date
from importlib.metadata import version
from pathlib import Path
from subprocess import CalledProcessError

from plumbum import ProcessExecutionError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import tables
from benchmarks.plan import Run, plans
from benchmarks.results import Results
from benchmarks.starts import Silent
from extensions.standard import read
from tests.engine import Engine, EngineUnavailable, engine
from tests.image.services import BuildFailed

LOST = "parent snapshot"  # of the engine's own: collected while it was in use
FAILURES = (BuildFailed, Silent, ProcessExecutionError, CalledProcessError)


def main(rounds: int, only: str, quick: bool, output: Path) -> bool:
    """Measure and save; return whether every step succeeded.

    What was measured so far stands beside `output` as `….partial.json`. SystemExit with one
    sentence where there is no engine, or no such application.
    """
    wanted = plans(rounds, only, quick)
    if not wanted:
        raise SystemExit(f"There is no application called {only}.")
    # So that an end from outside leaves no engine, registry or folder behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    results, begin = Results(), time.monotonic()
    try:
        with ExitStack() as stack:
            found = stack.enter_context(engine())
            results.about |= about(found)
            results.about["settings"] = {"rounds": rounds, "only": only, "quick": quick}
            failed = _run(Run(found, results, wanted, stack), output)
    except EngineUnavailable as reason:
        raise SystemExit(str(reason)) from None
    results.about["minutes"] = round((time.monotonic() - begin) / 60, 1)
    partial(output).unlink()
    results.save(output)
    tables.show(results)
    return not failed


def partial(output: Path) -> Path:
    """Return where an unfinished run keeps its results."""
    return output.with_suffix(".partial.json")


def _run(run: Run, output: Path) -> int:
    """Take every step; one that fails is noted, and the next one taken. Return how many failed."""
    failed, steps = 0, list(run.steps())
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}")) as progress:
        task = progress.add_task("", total=len(steps))
        for title, step in steps:
            progress.update(task, description=title)
            if not progress.console.is_terminal:
                progress.console.print(f"{time.strftime('%T')} {title}")
            try:
                _take(step, run.results)
            except FAILURES as error:
                failed += 1
                said = (str(error).strip().splitlines() or [repr(error)])[-1]
                run.results.missing.append(f"{title}: {said}")
                progress.console.print(f"{title} failed: {error}", markup=False)
            run.results.save(partial(output))
            progress.advance(task)
    return failed


def _take(step: Callable[[], None], results: Results) -> None:
    """Take a step, and once more without its samples where the engine lost a layer of its own."""
    before = deepcopy(results.samples)
    try:
        step()
    except BuildFailed as error:
        if LOST not in str(error):
            raise
        results.samples = before
        step()


def about(engine: Engine) -> dict[str, object]:
    """Return what the figures were taken with and on; nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "day": str(date.today()),
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": round(memory / 1e9),
            "system": platform.machine(),
        },
        "versions": {
            "docker": engine.docker("version", "--format", "{{.Server.Version}}").strip(),
            "buildx": engine.docker("buildx", "version").split()[1],
            "python": read()["defaults"]["python_version"],
            "poetry": read()["poetry"]["version"],
            **{name: version(name) for name in ("copier", "uv")},
        },
    }
