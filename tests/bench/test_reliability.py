"""What hostile tests count is added up, kept by run and row, and shown with its command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import reliability
from benchmarks.reliability import MARKERS, ROOT, Table, merged, read, rows, table, write

TESTS = '''\
"""Doors stay shut: whoever knocks."""
import pytest

@pytest.mark.parametrize("knocks", [1000, 234])
def test_doors(knocks, record_property):
    record_property("reliability: doors", '{"tried": %d, "opened": 0}' % knocks)

@pytest.mark.parametrize("broken", [False, True])
def test_windows(broken, record_property):
    record_property("reliability: windows", '{"tried": 1, "opened": 0}')
    record_property("reliability: glass", '{"panes_broken": 7}')
    record_property("other", "nothing")
    assert not broken
'''


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Table]:
    """Return the rows of a run of pytest over tests of its own, one of which fails."""
    (tmp_path / "test_house.py").write_text(TESTS)
    monkeypatch.setattr(reliability, "ROOT", tmp_path)
    options = "-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit1", "--junitxml=report.xml"
    subprocess.run([sys.executable, "-m", "pytest", *options], cwd=tmp_path, capture_output=True)
    return rows(read(tmp_path / "report.xml"))


def test_figures_of_tests_that_passed_are_added_up(counted: dict[str, Table]) -> None:
    assert {name: row["figures"] for name, row in counted.items()} == {
        "doors": {"tried": 1234, "opened": 0},
        "windows": {"tried": 1, "opened": 0},
        "glass": {"panes_broken": 7},
    }


def test_a_row_stands_with_its_command_under_what_its_file_says(
    counted: dict[str, Table], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n{MARKERS[0]}\n{MARKERS[1]}\nafter\n")
    hostile = {"tests": 3, "minutes": 0.5, "cores": 2, "rows": counted}
    write({"hostile": {**hostile, "whole": False}}, page)
    assert "Counted in parts, on 2 cores." in page.read_text()
    write({"hostile": {**hostile, "whole": True}}, page)
    text = page.read_text()
    assert "3 tests in 0.5 minutes" in text
    assert text.count("### Doors stay shut: whoever knocks\n") == 1
    assert "|  | tried | opened | command |" in text
    assert "| doors | 1,234 | 0 | `.venv/bin/pytest test_house.py::test_doors` |" in text
    assert "|  | panes broken | command |" in text
    assert "together" not in text


def test_rows_of_one_kind_are_added_up() -> None:
    row = {"file": "test_house.py", "tests": ["test_doors"], "figures": {"tried": 1000, "lost": 0}}
    lines = table({"front": row, "back": row, "cellar": row}).splitlines()
    assert lines[-1] == "| **together** | **3,000** | **0** |  |"
    row["figures"] = {"requests": 2000, "kB_at_the_end": 49_000}
    assert "together" not in table({"front": row, "back": row, "cellar": row})


def test_a_run_in_parts_leaves_the_other_rows_and_a_whole_one_does_not() -> None:
    kept = {"soak": {"tests": 9, "rows": {"old": 1, "same": 1}}, "hostile": {"rows": {"own": 1}}}
    new: Table = {"tests": 1, "rows": {"same": 2, "new": 2}}
    parts = merged(kept, "soak", new, whole=False)
    rows = {"old": 1, "same": 2, "new": 2}
    assert parts["soak"] == {"tests": 9, "rows": rows, "whole": False}
    assert merged(kept, "soak", new, whole=True)["soak"] == {**new, "whole": True}
    assert parts["hostile"] == kept["hostile"]


def test_the_page_shows_what_is_kept(tmp_path: Path) -> None:
    page = ROOT / "docs/reliability.md"
    again = tmp_path / "again.md"
    again.write_text(page.read_text("utf-8"), "utf-8")
    write(json.loads(reliability.FILE.read_text("utf-8")), again)
    assert again.read_text("utf-8") == page.read_text("utf-8")
