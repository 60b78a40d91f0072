"""`make reliability` and `make soak`: run tests/hostile, and write what they counted.

What `tally` noted is kept in benchmarks/reliability.json, by run and row; docs/reliability.md is
written from that. A run that fails leaves both as they are.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import replace
from benchmarks.progress import Progress

ROOT = Path(__file__).parent.parent
FILE = ROOT / "benchmarks/reliability.json"
PAGE = ROOT / "docs/reliability.md"
MARKERS = "<!-- figures: make reliability writes what follows -->", "<!-- end of figures -->"
PROPERTY = "reliability: "
# The runs, each with the tests that it takes, and what a reader types.
RUNS = {"hostile": ("not soak", "make reliability"), "soak": ("soak", "make soak")}
SHARED = ["--numprocesses=2"]  # as `make test-hostile` does

Table = dict[str, Any]


@dataclass(frozen=True)
class Test:
    """A test that passed, and what it noted: figures by row."""

    file: str
    name: str
    noted: list[tuple[str, dict[str, int]]]


def read(report: Path) -> list[Test]:
    """Return the tests of a report of pytest's (`--junitxml`, family `xunit1`) that passed."""
    tests = []
    for case in ElementTree.parse(report).iter("testcase"):
        if any(case.find(end) is not None for end in ("failure", "error", "skipped")):
            continue
        properties = [(p.attrib["name"], p.attrib["value"]) for p in case.iter("property")]
        noted = [
            (name.removeprefix(PROPERTY), json.loads(value))
            for name, value in properties
            if name.startswith(PROPERTY)
        ]
        name = case.attrib["name"].partition("[")[0]  # without parameters
        tests.append(Test(case.attrib["file"], name, noted))
    return tests


def rows(tests: list[Test]) -> dict[str, Table]:
    """Return the rows: figures that several tests noted under one name are added up."""
    found: dict[str, Table] = {}
    for test in tests:
        for name, noted in test.noted:
            row = found.setdefault(name, {"file": test.file, "tests": [], "figures": {}})
            if test.name not in row["tests"]:
                row["tests"].append(test.name)
            for figure, value in noted.items():
                row["figures"][figure] = row["figures"].get(figure, 0) + value
    return found


def merged(kept: Table, name: str, run: Table, whole: bool) -> Table:
    """Return what is kept with a run in it; one that is not whole leaves the other rows."""
    before = {} if whole else kept.get(name, {})
    rows = {**before.get("rows", {}), **run["rows"]}
    return {**kept, name: {**run, **before, "rows": rows, "whole": whole}}


def sentence(file: str) -> str:
    """Return what a test file says that it proves: the first line of its docstring."""
    source = ROOT / file
    text = ast.get_docstring(ast.parse(source.read_text("utf-8"))) if source.exists() else None
    return (text or file).splitlines()[0]


def command(row: Table) -> str:
    """Return what runs the tests of a row again."""
    only = f"::{row['tests'][0]}" if len(row["tests"]) == 1 else ""
    return f"`.venv/bin/pytest {row['file']}{only}`"


def table(named: dict[str, Table]) -> str:
    """Return rows with the same figures as a table."""
    heads = list(next(iter(named.values()))["figures"])
    lines = [
        ["", *(head.replace("_", " ") for head in heads), "command"],
        ["---", *["---:"] * len(heads), "---"],
    ]
    counted = {name: [row["figures"][head] for head in heads] for name, row in named.items()}
    for name, figures in counted.items():
        lines.append([name, *(f"{figure:,}" for figure in figures), command(named[name])])
    if len(named) > 2 and not any(head.startswith("kB") for head in heads):
        sums = [sum(column) for column in zip(*counted.values(), strict=True)]
        lines.append(["**together**", *(f"**{figure:,}**" for figure in sums), ""])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def section(name: str, run: Table) -> str:
    """Return all that one run counted: a heading for each test file, a table for each kind."""
    parts = [
        f"## {name.capitalize()}: `{RUNS[name][1]}`\n",
        f"{run['tests']} tests in {run['minutes']:g} minutes, on {run['cores']} cores.\n"
        if run["whole"]
        else f"Counted in parts, on {run['cores']} cores.\n",
    ]
    for file in dict.fromkeys(row["file"] for row in run["rows"].values()):
        parts.append(f"### {sentence(file).rstrip('.')}\n")
        kinds: dict[tuple[str, ...], dict[str, Table]] = {}
        for name, row in run["rows"].items():
            if row["file"] == file:
                kinds.setdefault(tuple(row["figures"]), {})[name] = row
        parts += [table(named) for named in kinds.values()]
    return "\n".join(parts)


def write(kept: Table, page: Path = PAGE) -> None:
    """Write the page anew from what is kept."""
    text = "\n".join(section(name, kept[name]) for name in RUNS if name in kept)
    replace(page, text, MARKERS)


def run(name: str, only: str) -> Table:
    """Run the tests of a run, or those of them whose names match; exit where they do not pass."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        chosen = ["-m", RUNS[name][0], *(["-k", only] if only else []), "tests/hostile"]
        written = ["-o", "junit_family=xunit1", f"--junitxml={report}"]
        quiet = ["-q", "--no-header", "-o", "console_output_style=classic"]
        shared = SHARED if name == "hostile" else []
        code = pytest.main([*chosen, *written, *quiet, *shared], plugins=[Progress()])
        if code:
            print("Not all passed: docs/reliability.md stays as it was.", file=sys.stderr)
            sys.exit(code)
        tests = read(report)
    return {
        "tests": len(tests),
        "minutes": round((time.monotonic() - started) / 60, 1),
        "cores": os.cpu_count(),
        "rows": rows(tests),
    }


def main() -> None:
    """Run, record and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability")
    parser.add_argument("run", choices=[*RUNS, "page"], help="`page` writes it from the JSON alone")
    parser.add_argument("--only", default="", help="tests whose names match, as for pytest's -k")
    options = parser.parse_args()
    kept: Table = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    if options.run != "page":
        done = run(options.run, options.only)
        kept = merged(kept, options.run, done, whole=not options.only)
        FILE.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    write(kept)


if __name__ == "__main__":
    main()
