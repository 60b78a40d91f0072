"""Tables hold what was measured, and stand where the pages say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import figures, tables
from benchmarks.results import Results

PAGE = f"before\n{figures.MARKERS[0]}\nold\n{figures.MARKERS[1]}\nafter\n"


def test_only_what_lies_between_the_markers_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    for _ in range(2):
        figures.replace(page, "new \\1\n")
    assert page.read_text() == PAGE.replace("old", "\nnew \\1\n")


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(SystemExit, match=r"page\.md has no place"):
        figures.replace(page, "new")


def test_the_projects_pages_have_a_place_for_figures(results: Results) -> None:
    for page in (figures.README, figures.PAGE):
        text = page.read_text("utf-8")
        assert all(text.count(marker) == 1 for marker in figures.MARKERS), page


def test_a_table_has_a_cell_for_each_column(results: Results) -> None:
    groups = [tables.group(results, "light", columns) for columns in tables.GROUPS.values()]
    for rows in [tables.bars(results), tables.summary(results, "light"), *groups]:
        assert len(rows) > 1
        assert {len(row) for row in rows} == {len(rows[0])}
        assert tables.markdown(rows).count("\n") == len(rows) + 1


def test_pages_show_raw_and_net_times(results: Results) -> None:
    page = figures.everything(results)
    assert "| 0.80 s (0.75 s to 0.85 s) | 0.50 s |" in page
    assert "| ✗ 0.12 |" in page
    assert "0.80 s" in figures.short(results)


def test_what_was_not_measured_is_said_and_leaves_no_row(results: Results) -> None:
    results.missing.append("Pushes were not measured: there is no registry.")
    page = figures.everything(results)
    assert "Pushes were not measured: there is no registry." in page
    assert "peak memory of a start |" not in tables.markdown(tables.bars(results))
