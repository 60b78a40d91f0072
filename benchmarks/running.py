"""Runs the plan on an engine, with a progress bar, and keeps what was measured."""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import tables
from benchmarks.plan import Run, plans
from benchmarks.results import Results
from extensions.standard import read
from tests.engine import Engine, EngineUnavailable, engine


def main(rounds: int, only: str, quick: bool, output: Path) -> None:
    """Measure and save; SystemExit with one sentence where there is no engine, or no such app."""
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
            _run(Run(found, results, wanted, stack))
    except EngineUnavailable as reason:
        raise SystemExit(str(reason)) from None
    results.about["minutes"] = round((time.monotonic() - begin) / 60, 1)
    results.save(output)
    tables.show(results)


def _run(run: Run) -> None:
    steps = list(run.steps())
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}")) as progress:
        task = progress.add_task("", total=len(steps))
        for title, step in steps:
            progress.update(task, description=title)
            if not progress.console.is_terminal:
                progress.console.print(f"{time.strftime('%T')} {title}")
            step()
            progress.advance(task)


def about(engine: Engine) -> dict[str, object]:
    """Return what the figures were taken with and on; nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
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
