"""The fleet's figures: a table for the terminal, one for docs/fleet.md, and all of them as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.table import Table

from benchmarks.fleet_oracle import Verdict
from benchmarks.fleet_service import Took
from tasks.releases import CHECKOUT

BAR = 1.5  # times what a bare template takes
JSON = CHECKOUT / "benchmarks/fleet.json"
PAGE = CHECKOUT / "docs/fleet.md"
HEADINGS = (
    "from", "to", "services", "clean", "true conflicts", "false", "missed", "lost lines",
    "seconds, median", "10 to 90 %", "bare, median", "ratio",
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """One service's update, and its bare twin's where there is one."""

    name: str
    old: str
    new: str
    verdict: Verdict
    took: Took
    bare: Took | None


def middle(values: Iterable[float]) -> float:
    """Return the median to a hundredth."""
    return round(median(values), 2)


def spread(values: list[float]) -> str:
    """Return between which values eight in ten are: `1.81 to 2.46`."""
    tenths = quantiles(values, n=10, method="inclusive") if len(values) > 1 else values
    return f"{tenths[0]:.2f} to {tenths[-1]:.2f}"


def row(old: str, results: list[Result]) -> dict[str, Any]:
    """Return the figures of some services, in the order of `HEADINGS`.

    Services are clean or have true conflicts, or neither; `false`, `missed` and `lost lines` count
    files and lines. A file that nobody wanted, or is not as it ought to be, counts as a line.
    `ratio` is the median of what each service takes to what its twin took a moment before or
    after: what else a machine does hits both.
    """
    verdicts = [result.verdict for result in results]
    bare = [result.bare.seconds for result in results if result.bare]
    ratios = [result.took.seconds / result.bare.seconds for result in results if result.bare]
    seconds = [result.took.seconds for result in results]
    values = (
        old,
        ", ".join(sorted({result.new for result in results})),
        len(results),
        sum(not verdict.true and not verdict.faults for verdict in verdicts),
        sum(bool(verdict.true) and not verdict.faults for verdict in verdicts),
        sum(len(verdict.false) for verdict in verdicts),
        sum(len(verdict.missed) for verdict in verdicts),
        sum(len(verdict.lost) + len(verdict.strays) for verdict in verdicts),
        middle(seconds),
        spread(seconds),
        middle(bare) if bare else None,
        middle(ratios) if ratios else None,
    )
    return dict(zip(HEADINGS, values, strict=True))


def rows(results: list[Result]) -> list[dict[str, Any]]:
    """Return a row for each release that services come from, and one for all of them."""
    versions = list(dict.fromkeys(result.old for result in results))
    each = [row(old, [result for result in results if result.old == old]) for old in versions]
    return [*each, row("all", results)]


def memory(results: list[Result]) -> dict[str, float]:
    """Return the MB that an update took at most, in the first and the last quarter of the run."""
    quarter = max(1, len(results) // 4)
    parts = {"first quarter": results[:quarter], "last quarter": results[-quarter:]}
    return {
        name: round(max(result.took.memory for result in part) / 1e6, 1)
        for name, part in parts.items()
    }


def processor(results: list[Result]) -> dict[str, float]:
    """Return the seconds of a processor that an update takes, here, bare, and as a ratio."""
    figures = {"median": middle(result.took.processor for result in results)}
    twins = [(result.took.processor, result.bare.processor) for result in results if result.bare]
    if twins:
        figures["bare"] = middle(bare for _, bare in twins)
        figures["ratio"] = middle(ours / bare for ours, bare in twins)
    return figures


def figures(results: list[Result], seed: int) -> dict[str, Any]:
    """Return all that a run says."""
    return {
        "day": str(date.today()),
        "seed": seed,
        "rows": rows(results),
        "processor seconds": processor(results),
        "memory in MB, at most": memory(results),
    }


def cells(line: dict[str, Any]) -> list[str]:
    """Return a row's figures as text."""
    return [
        "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)
        for value in line.values()
    ]


def sentences(run: dict[str, Any]) -> list[str]:
    """Return what does not fit into the table."""
    cpu, peak = run["processor seconds"], run["memory in MB, at most"]
    bare = f", bare {cpu['bare']:.2f}: {cpu['ratio']:.2f} times" if "bare" in cpu else ""
    return [
        *([f"Measured on {run['day']}."] if "day" in run else []),
        f"Seconds of a processor, median: {cpu['median']:.2f}{bare}.",
        f"Memory of an update, at most: {peak['first quarter']} MB in the first quarter of the "
        f"run, {peak['last quarter']} MB in the last.",
    ]


def table(run: dict[str, Any]) -> Table:
    """Return the table for a terminal."""
    result = Table(title=f"Seed {run['seed']}")
    for heading in HEADINGS:
        result.add_column(heading, justify="left" if heading in ("from", "to") else "right")
    for line in run["rows"]:
        result.add_row(*cells(line), style="bold" if line["from"] == "all" else "")
    return result


def markdown(run: dict[str, Any]) -> str:
    """Return the table and the sentences for the page."""
    lines = [HEADINGS, ["---", "---", *["--:"] * (len(HEADINGS) - 2)], *map(cells, run["rows"])]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), "", *sentences(run)])


def record(run: dict[str, Any], file: Path = JSON, page: Path = PAGE) -> None:
    """Write the figures, and the table between the markers of the page."""
    file.write_text(json.dumps(run, indent=2) + "\n", "utf-8")
    text = page.read_text("utf-8")
    marked = re.compile(r"(?<=<!-- fleet -->\n).*?(?=<!-- /fleet -->)", re.DOTALL)
    if not marked.search(text):
        raise ValueError(f"{page.name} has no line <!-- fleet --> before a line <!-- /fleet -->")
    page.write_text(marked.sub(lambda _: markdown(run) + "\n", text), "utf-8")


def faults(results: list[Result], ratio: float | None) -> list[str]:
    """Return a sentence for each thing that no update may do."""
    found = [f"{result.name}: {fault}" for result in results for fault in result.verdict.faults]
    if ratio is not None and ratio > BAR:
        found.append(f"An update takes {ratio} times a bare template's; {BAR} is the most")
    return found
