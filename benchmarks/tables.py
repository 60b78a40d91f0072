"""Tables of the results: for the terminal by rich, for pages as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.bars import BARS, COPY, PLACES, copy_ratio, verdict, wanted
from benchmarks.results import BEST, ENGINE, LIMIT, MEASURES, REFERENCE, Results, Spread
from benchmarks.units import amount

if TYPE_CHECKING:
    from benchmarks.entries import Contender

Rows = list[list[str]]
"""The first row is the head."""

SUMMARY = ("answer", "edit", "edit-bytes", "push-bytes", "cold", "above", "memory")
SHOWN = ("slim", REFERENCE, BEST, "uv", "pip", LIMIT)
GROUPS = {
    "Builds": ("cold", "nothing", "edit", "edit net", "version", "bump"),
    "Bytes": ("above", "above-packed", "edit-bytes", "version-bytes", "bump-bytes", "push-bytes"),
    "Starts": ("answer", "answer net", "import", "import net", "memory"),
}


def markdown(rows: Rows) -> str:
    """Write rows as a table of Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"| --- |{' ---: |' * (len(rows[0]) - 1)}")
    return "\n".join(lines) + "\n"


def titles() -> dict[str, str]:
    """Return what each contender is called."""
    from benchmarks.entries import CONTENDERS

    named: dict[str, Contender] = CONTENDERS
    return {name: contender.title for name, contender in named.items()}


def bars(results: Results) -> Rows:
    """Each bar, what was measured, and whether that meets it."""
    places = [(app, name) for app, name in PLACES if results.samples.get(app, {}).get(name)]
    called = {name: title.removeprefix("this template, ") for name, title in titles().items()}
    columns = [f"{app}, {called[name]}" for app, name in places] or ["measured"]
    rows = [["", "wanted", *columns]]
    for bar in BARS:
        cells = [verdict(bar, bar.value(results, app, name)) for app, name in places]
        if any(cells):
            rows.append([bar.title, wanted(bar), *cells])
    copied = verdict(COPY, copy_ratio(results))
    if copied:
        rows.append([COPY.title, wanted(COPY), copied, *[""] * (len(rows[0]) - 3)])
    return rows


def summary(results: Results, app: str) -> Rows:
    """What matters most, of the contenders that people know."""
    names = [name for name in SHOWN if results.samples.get(app, {}).get(name)]
    called = titles()
    rows = [["", *(called[name] for name in names)]]
    for measure in SUMMARY:
        unit = MEASURES[measure].unit
        cells = [amount(results.median(app, name, measure), unit) for name in names]
        rows.append([MEASURES[measure].title, *cells])
    return rows


def group(results: Results, app: str, columns: tuple[str, ...]) -> Rows:
    """Some measures of every contender, with their spread."""
    rows = [["", *(_title(column) for column in columns)]]
    for name, title in titles().items():
        if name != ENGINE and (measured := results.samples.get(app, {}).get(name)) is not None:
            cells = [_cell(results, app, name, column) for column in columns]
            if measured and any(cells):
                rows.append([title, *cells])
    return rows


def _title(column: str) -> str:
    measure, _, net = column.partition(" ")
    return "of it, net" if net else MEASURES[measure].title


def _cell(results: Results, app: str, name: str, column: str) -> str:
    measure, _, net = column.partition(" ")
    unit = MEASURES[measure].unit
    if net:
        return amount(results.net(app, name, measure), unit)
    found = results.get(app, name, measure)
    return spread(found, unit) if found else ""


def spread(found: Spread, unit: str) -> str:
    """Write a median, and where the middle half of the samples lies unless that says nothing."""
    median, low, high = (amount(value, unit) for value in (found.median, found.low, found.high))
    return median if low == high else f"{median} ({low} to {high})"


def show(results: Results) -> None:
    """Print the bars, and what matters most."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    wished = [("The bars", bars(results))]
    wished += [(app, summary(results, app)) for app in results.samples if app != "template"]
    for title, rows in wished:
        table = Table(title=title)
        for number, head in enumerate(rows[0]):
            table.add_column(head, justify="right" if number else "left")
        for row in rows[1:]:
            table.add_row(*row)
        console.print(table)
    for sentence in results.missing:
        console.print(sentence)
