"""Writes charts, and tables between the markers of README.md and docs/benchmark.md."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import bars, tables
from benchmarks.results import Results

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "benchmark.md"
MARKERS = "<!-- figures: make bench writes what follows -->", "<!-- end of figures -->"
APPS = {
    "light": "A small service",
    "heavy": "A large service",
    "empty": "A service without dependencies",
}


def main(results: Results) -> None:
    """Draw and write all that is generated."""
    from benchmarks import charts

    charts.draw(results)
    replace(README, short(results))
    replace(PAGE, everything(results))


def replace(page: Path, text: str, markers: tuple[str, str] = MARKERS) -> None:
    """Put text between the markers of a page; SystemExit where they are not there."""
    begin, end = map(re.escape, markers)
    old = page.read_text("utf-8")
    if not re.search(f"{begin}\n.*{end}\n", old, re.DOTALL):
        raise SystemExit(f"{page.name} has no place for the figures: {' … '.join(markers)}")
    new = f"{markers[0]}\n\n{text.strip()}\n\n{markers[1]}\n"
    changed = re.sub(f"{begin}\n.*{end}\n", lambda _: new, old, flags=re.DOTALL)
    page.write_text(changed, "utf-8")


def picture(name: str, what: str, folder: str) -> str:
    """Return a chart that fits the reader's theme."""
    return (
        "<picture>\n"
        f'  <source media="(prefers-color-scheme: dark)" srcset="{folder}/{name}-dark.svg">\n'
        f'  <img alt="{what}" src="{folder}/{name}-light.svg">\n'
        "</picture>\n"
    )


def conditions(results: Results) -> str:
    """Say on what and with what the figures were taken."""
    about = results.about
    machine, versions = about["machine"], about["versions"]
    return (
        f"Docker {versions['docker']}, Python {versions['python']}, Poetry {versions['poetry']}, "
        f"uv {versions['uv']}, on {machine['cores']} cores with {machine['memory_gb']} GB "
        f"({machine['system']}){', ' + about['day'] if 'day' in about else ''}."
    )


def count(results: Results, app: str) -> int:
    """Return how many packages an application's image holds at most."""
    return len(results.about["apps"][app]["packages"])


def unmet(results: Results) -> str:
    """Return a sentence that names the bars that some place does not meet."""
    names = []
    for bar in bars.BARS:
        values = [bar.value(results, *place) for place in bars.PLACES]
        if not all(value is None or bar.met(value) for value in values):
            names.append(bar.title)
    ratio = bars.copy_ratio(results)
    if ratio and not bars.COPY.met(ratio):
        names.append(bars.COPY.title)
    if not names:
        return "All bars are met."
    return f"Bars not met everywhere: {'; '.join(names)}."


def short(results: Results) -> str:
    """Return what README.md shows."""
    if "light" not in results.samples:
        return "`make bench ONLY=` left the small service out."
    parts = [
        f"A `web` service with {count(results, 'light')} packages, built by several Dockerfiles "
        "with the same lock, base image and engine; medians of raw times.",
        picture("contenders", "Times and bytes of each contender", "benchmarks/figures"),
        tables.markdown(tables.summary(results, "light")),
        "Above the base it is larger than most, for the bytecode is in the image, so that no start "
        "compiles. The standard library's part is one layer for all services on a "
        "base. *The limit* is the wheels, the bytecode of what a start loads and the application, "
        "and nothing else.\n",
        f"{unmet(results)}\n",
        f"{conditions(results)} All figures, how they were taken and the bars they are held to: "
        "[docs/benchmark.md](docs/benchmark.md).",
    ]
    return "\n".join(parts)


def everything(results: Results) -> str:
    """Return what docs/benchmark.md shows."""
    settings = results.about["settings"]
    rounds = f"{settings['rounds']} rounds" if not settings["quick"] else "a quick run"
    parts = [
        f"{conditions(results)} Medians of {rounds}, {results.about['minutes']:g} minutes; where "
        "the samples differ, the middle half of them stands in brackets.\n",
        *(f"{sentence}\n" for sentence in results.missing),
        "## The bars\n",
        "Ours divided by the article's multi-stage image, unless another is named.\n",
        tables.markdown(tables.bars(results)),
    ]
    for app, title in APPS.items():
        if app in results.samples:
            parts.append(f"## {title}: {count(results, app)} packages\n")
            for name, columns in tables.GROUPS.items():
                parts += [f"### {name}\n", tables.markdown(tables.group(results, app, columns))]
    if set(APPS) <= results.samples.keys():
        parts += ["## Growth\n", picture("growth", "Growth", "../benchmarks/figures")]
    return "\n".join(parts)
