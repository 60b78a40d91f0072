"""What was measured: raw samples, in `results.json`; medians, spread and net times of them."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FILE = FOLDER / "results.json"

REFERENCE = "article-stages"
BEST = "poetry-stages"
LIMIT = "limit"
ENGINE = "engine"


@dataclass(frozen=True)
class Measure:
    """One thing that is measured; less is better in all of them but `same-…`."""

    title: str
    unit: str
    """`s`, `B`, or nothing for a number."""
    engine: str = ""
    """What the engine alone takes for it: a measure of the contender `engine`."""


MEASURES = {
    "cold": Measure("cold build, nothing cached", "s"),
    "nothing": Measure("build with nothing to do", "s"),
    "edit": Measure("rebuild after a source edit", "s", "nothing"),
    "version": Measure("rebuild after a new version number", "s", "nothing"),
    "bump": Measure("rebuild after one dependency moved", "s", "nothing"),
    "answer": Measure("first answer after `docker run`", "s", "start"),
    "import": Measure("import of the application in a fresh container", "s", "run"),
    "start": Measure("container that only starts", "s"),
    "run": Measure("container that only starts and ends", "s"),
    "memory": Measure("peak memory of a start", "B"),
    "above": Measure("files above the base", "B"),
    "above-packed": Measure("layers above the base, compressed", "B"),
    "edit-bytes": Measure("changed layers after a source edit, compressed", "B"),
    "version-bytes": Measure("changed layers after a new version number, compressed", "B"),
    "version-installs": Measure("install steps run after a new version number", ""),
    "bump-bytes": Measure("changed layers after one dependency moved, compressed", "B"),
    "push-bytes": Measure("bytes pushed by a cold runner after a source edit", "B"),
    "push": Measure("push by a cold runner after a source edit", "s"),
    "same-layers": Measure("layers equal in two cold builds", ""),
    "same-image": Measure("image digest equal with times rewritten", ""),
    "copy": Measure("`copier copy`", "s"),
    "copy-files": Measure("`copier copy` without tasks", "s"),
}


@dataclass(frozen=True)
class Spread:
    """A median, and where half of the samples lie."""

    median: float
    low: float
    high: float


def spread(samples: list[float]) -> Spread:
    """Return median and quartiles of one sample or more."""
    if len(samples) == 1:
        return Spread(samples[0], samples[0], samples[0])
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Spread(median, low, high)


@dataclass
class Results:
    """The samples by application, contender and measure, and what they were taken on and with."""

    about: dict[str, Any] = field(default_factory=dict)
    samples: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """What could not be measured, and why: one sentence each."""

    def add(self, app: str, contender: str, measure: str, *values: float) -> None:
        """Add samples; KeyError for an unknown measure."""
        MEASURES[measure]
        measures = self.samples.setdefault(app, {}).setdefault(contender, {})
        measures.setdefault(measure, []).extend(round(value, 4) for value in values)

    def get(self, app: str, contender: str, measure: str) -> Spread | None:
        """Return the spread of the raw samples; None where nothing was measured."""
        samples = self.samples.get(app, {}).get(contender, {}).get(measure)
        return spread(samples) if samples else None

    def median(self, app: str, contender: str, measure: str) -> float | None:
        """Return the median of the raw samples; None where nothing was measured."""
        found = self.get(app, contender, measure)
        return found.median if found else None

    def net(self, app: str, contender: str, measure: str) -> float | None:
        """Return the median less the engine's own time in the same run, at least 0."""
        raw = self.median(app, contender, measure)
        engine = self.median(app, ENGINE, MEASURES[measure].engine or measure)
        return None if raw is None or engine is None else max(0.0, raw - engine)

    def save(self, file: Path = FILE) -> None:
        """Write all of it as JSON."""
        content = {"about": self.about, "missing": self.missing, "samples": self.samples}
        file.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def load(file: Path = FILE) -> Results:
    """Read what `save` wrote; SystemExit with one sentence where there is no such file."""
    try:
        return Results(**json.loads(file.read_text("utf-8")))
    except OSError:
        raise SystemExit(f"{file} cannot be read: `make bench` writes one.") from None
    except (TypeError, ValueError):
        raise SystemExit(f"{file} holds no results of `make bench`.") from None
