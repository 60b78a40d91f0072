"""The bars: how far from the article's multi-stage image ours should be, and is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import BEST, LIMIT, REFERENCE, Results

PLACES = [("light", "slim"), ("light", "distroless"), ("light", "builder"), ("heavy", "slim")]
"""Application and contender of each column."""


@dataclass(frozen=True)
class Bar:
    """A figure of ours, divided by another's, is at most `most`."""

    title: str
    measure: str
    most: float
    against: str = REFERENCE
    """Empty: the figure itself is compared."""
    net: bool = False
    only: tuple[str, ...] = ("slim", "distroless", "builder")
    least: bool = False
    """`most` is the least instead."""
    wanted: str = ""
    """How the bar is written, where a number does not say it."""

    def value(self, results: Results, app: str, contender: str) -> float | None:
        """Return the ratio; None where one of both was not measured."""
        if contender not in self.only:
            return None
        get: Callable[[str, str, str], float | None] = results.net if self.net else results.median
        ours = get(app, contender, self.measure)
        if not self.against or ours is None:
            return ours
        theirs = get(app, self.against, self.measure)
        return ours / theirs if theirs else None

    def met(self, value: float) -> bool:
        """Whether it is met."""
        return value >= self.most if self.least else value <= self.most


BUILT = ("slim", "distroless")
BARS = [
    Bar("first answer after `docker run`, net", "answer", 0.3, net=True),
    Bar("import in a fresh container, net", "import", 0.3, net=True),
    Bar("rebuild after a source edit, net", "edit", 0.1, net=True),
    Bar("the same, against the best earlier pattern", "edit", 0.7, BEST, net=True),
    Bar("changed layers after a source edit", "edit-bytes", 1 / 500, wanted="≤ 1/500"),
    Bar("cold build", "cold", 0.75, only=BUILT),
    Bar("cold build with an own builder image", "cold", 0.4, only=("builder",)),
    Bar("files above the base, against the limit", "above", 1.02, LIMIT),
    Bar("install steps after a new version number", "version-installs", 0, "", wanted="none"),
    Bar("changed layers after one dependency moved", "bump-bytes", 1 / 4, wanted="≤ 1/4"),
    Bar("rebuild after one dependency moved", "bump", 0.5),
    Bar("pushed by a cold runner after an edit", "push-bytes", 1 / 200, wanted="≤ 1/200"),
    Bar("layers of two cold builds", "same-layers", 1, "", least=True, wanted="equal"),
    Bar("image with times rewritten", "same-image", 1, "", least=True, wanted="equal"),
    Bar("peak memory of a start", "memory", 1.0),
]
COPY = Bar("`copier copy`, against a bare template", "copy", 1.25, "bare template")


def copy_ratio(results: Results) -> float | None:
    """Return how much longer than a bare template's copy ours takes."""
    ours = results.median("template", "this template", COPY.measure)
    bare = results.median("template", COPY.against, COPY.measure)
    return ours / bare if ours and bare else None


def wanted(bar: Bar) -> str:
    """Say what a bar asks for."""
    return bar.wanted or f"≤ {bar.most:g}"


def verdict(bar: Bar, value: float | None) -> str:
    """Say what was measured and whether that meets the bar."""
    if value is None:
        return ""
    if bar.least:
        return "✓ equal" if bar.met(value) else "✗ differ"
    if not bar.against:
        return f"{'✓' if bar.met(value) else '✗'} {value:g}"
    mark = "✓" if bar.met(value) else "✗"
    if bar.wanted.startswith("≤ 1/") and 0 < value < 1:
        return f"{mark} 1/{1 / value:.{1 if value > 0.1 else 0}f}"
    hidden = not bar.met(value) and round(value, 2) <= bar.most  # why, by rounding
    return f"{mark} {value:.{3 if hidden else 2}f}"
