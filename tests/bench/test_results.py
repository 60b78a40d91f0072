"""Medians, net times and bars are what a reader would reckon from the raw samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bars import BARS, Bar, copy_ratio, verdict
from benchmarks.results import BEST, ENGINE, MEASURES, Results, load, spread


def bar(measure: str, against: str | None = None) -> Bar:
    """Return the bar of a measure."""
    return next(b for b in BARS if b.measure == measure and against in (None, b.against))


def test_the_spread_is_where_half_of_the_samples_lie() -> None:
    found = spread([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (found.low, found.median, found.high) == (2, 3, 4)
    assert spread([2.0]).low == spread([2.0]).high == 2


def test_net_takes_the_engines_own_time_off_both_sides(results: Results) -> None:
    assert results.net("light", "slim", "edit") == pytest.approx(0.5)
    assert results.net("light", BEST, "edit") == pytest.approx(1.0)
    assert bar("edit", BEST).value(results, "light", "slim") == pytest.approx(0.5)
    assert bar("answer").value(results, "light", "slim") == pytest.approx(0.15)


def test_net_is_never_less_than_nothing_nor_made_up(results: Results) -> None:
    results.add("light", "uv", "edit", 0.1)
    assert results.net("light", "uv", "edit") == 0
    assert results.net("light", "slim", "import") is None
    assert results.net("heavy", "slim", "edit") is None


def test_every_net_measure_has_its_engine_time() -> None:
    for each in BARS:
        if each.net:
            assert MEASURES[each.measure].engine in MEASURES


def test_bars_say_what_is_met(results: Results) -> None:
    def said(measure: str) -> str:
        return verdict(bar(measure), bar(measure).value(results, "light", "slim"))

    assert said("edit") == "✗ 0.12"
    assert said("answer") == "✓ 0.15"
    assert said("edit-bytes") == "✓ 1/800"
    assert said("above") == "✗ 1.20"
    assert said("version-installs") == "✓ 0"
    assert said("same-layers") == "✓ equal"
    assert said("memory") == ""
    assert copy_ratio(results) == pytest.approx(1.5)
    assert verdict(bar("answer"), 0.3004) == "✗ 0.300"
    assert verdict(bar("bump-bytes"), 0.2564) == "✗ 1/3.9"


def test_results_survive_the_file(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "results.json")
    assert load(tmp_path / "results.json") == results


def test_an_unknown_measure_is_not_written(results: Results) -> None:
    with pytest.raises(KeyError):
        results.add("light", ENGINE, "colder", 1)


@pytest.mark.parametrize(("content", "said"), [(None, "make bench"), ("[]", "no results")])
def test_a_file_without_results_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "results.json"
    if content:
        file.write_text(content)
    with pytest.raises(SystemExit, match=said):
        load(file)
