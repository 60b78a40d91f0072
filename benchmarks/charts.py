"""Charts as SVG, in a light and a dark version: the same results give the same bytes."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import BEST, MEASURES, REFERENCE, Results
from benchmarks.tables import titles
from benchmarks.units import amount

FOLDER = Path(__file__).with_name("figures")
THEMES = {
    "light": {"ink": "#1f2328", "line": "#d1d9e0", "ours": "#1a7f37", "other": "#8c959f"},
    "dark": {"ink": "#f0f6fc", "line": "#3d444d", "ours": "#3fb950", "other": "#9198a1"},
}
BARS = [
    ("answer", "First answer after docker run", False),
    ("edit", "Rebuild after an edit", False),
    ("edit-bytes", "Changed layers after an edit", True),
    ("cold", "Cold build", False),
]
"""Measure, title, and whether the scale is logarithmic."""
SHOWN = ("slim", "distroless", "builder", "uv", "pip", BEST, REFERENCE)
GROWTH = ("empty", "light", "heavy")
LINES = {"slim": "-", REFERENCE: "--", BEST: ":"}


def draw(results: Results) -> None:
    """Write every chart in both themes into `figures/`."""
    FOLDER.mkdir(exist_ok=True)
    with mpl.rc_context(
        {"svg.hashsalt": "copier-poetry-service", "svg.fonttype": "none", "font.size": 9}
    ):
        for theme in THEMES:
            if "light" in results.samples:
                _save(contenders(results, "light", theme), f"contenders-{theme}.svg")
            if set(GROWTH) <= results.samples.keys():
                _save(growth(results, theme), f"growth-{theme}.svg")


def contenders(results: Results, app: str, theme: str) -> Figure:
    """Bars of every contender for what people wait for."""
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    names = [name for name in reversed(SHOWN) if results.samples[app].get(name)]
    axes = figure.subplots(2, 2, sharey=True)
    for axis, (measure, title, logarithmic) in zip(axes.flat, BARS, strict=True):
        _bars(axis, results, app, measure, names, theme)
        if logarithmic:
            axis.set_xscale("log")
            title = f"{title} (log)"
        axis.set_xlim(left=1000 if logarithmic else 0)
        axis.set_xticks([])
        axis.minorticks_off()
        axis.set_title(title, loc="left", color=THEMES[theme]["ink"], fontweight="bold")
    return figure


def _bars(
    axis: Axes, results: Results, app: str, measure: str, names: list[str], theme: str
) -> None:
    colors, called = THEMES[theme], titles()
    for place, name in enumerate(names):
        found = results.get(app, name, measure)
        if not found:
            continue
        color = colors["ours" if called[name].startswith("this template") else "other"]
        axis.barh(place, found.median, color=color, height=0.7)
        axis.plot([found.low, found.high], [place, place], color=colors["ink"], linewidth=1)
        label = f"  {amount(found.median, MEASURES[measure].unit)}"
        axis.text(max(found.median, found.high), place, label, va="center", color=colors["ink"])
    axis.set_yticks(range(len(names)), [called[name] for name in names])
    axis.margins(x=0.25)
    _plain(axis, theme)
    axis.spines["bottom"].set_visible(False)


def growth(results: Results, theme: str) -> Figure:
    """Lines from no package to many: build time, bytes and start."""
    figure, called = Figure(figsize=(9, 2.9), layout="constrained"), titles()
    packages = [len(results.about["apps"][app]["packages"]) for app in GROWTH]
    panels = [("cold", 1.0, "Cold build, s"), ("above", 1e6, "Files above the base, MB")]
    panels += [("answer", 1.0, "First answer, s")]
    for axis, (measure, scale, title) in zip(figure.subplots(1, 3), panels, strict=True):
        for name, style in LINES.items():
            values = [results.median(app, name, measure) for app in GROWTH]
            heights = [float("nan") if value is None else value / scale for value in values]
            color = THEMES[theme]["ours" if name == "slim" else "other"]
            axis.plot(packages, heights, style, color=color, marker="o", markersize=3)
        axis.set_title(title, loc="left", color=THEMES[theme]["ink"], fontweight="bold")
        axis.set_xlabel("packages", color=THEMES[theme]["ink"])
        axis.set_xticks(packages)
        axis.set_ylim(bottom=0)
        _plain(axis, theme)
    lines = figure.axes[0].get_lines()
    figure.legend(
        lines,
        [called[name] for name in LINES],
        loc="outside lower center",
        ncols=3,
        frameon=False,
        labelcolor=THEMES[theme]["ink"],
    )
    return figure


def _plain(axis: Axes, theme: str) -> None:
    colors = THEMES[theme]
    axis.set_facecolor("none")
    axis.tick_params(colors=colors["ink"], length=0)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(colors["line"])


def _save(figure: Figure, name: str) -> None:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    # Its writer leaves spaces at the ends of lines.
    text = "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())
    (FOLDER / name).write_text(f"{text}\n", "utf-8")
