"""A comparison names what got worse, and nothing that lies within the spread."""

from __future__ import annotations

from copy import deepcopy

import pytest

from benchmarks import compare
from benchmarks.results import REFERENCE, Results


def changed(results: Results, contender: str, measure: str, *values: float) -> Results:
    """Return the results with other samples of one measure."""
    other = deepcopy(results)
    other.samples["light"][contender][measure] = list(values)
    return other


def test_the_same_results_are_not_worse(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main(results, results) == 0
    assert capsys.readouterr().out == "Nothing got worse.\n"


def test_what_got_slower_is_named_with_both_figures(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main(results, changed(results, "slim", "edit", 1.8, 1.9, 2.0)) == 1
    assert capsys.readouterr().out == (
        "light, slim: rebuild after a source edit is 1.90 s, it was 0.80 s (+137.50%).\n"
    )


def test_what_got_worse_is_seen_where_samples_overlap(results: Results) -> None:
    old = changed(results, "slim", "edit", 0.7, 0.8, 0.9, 1.0)
    assert compare.main(old, changed(old, "slim", "edit", 0.8, 0.95, 1.0, 1.2)) == 1


@pytest.mark.parametrize("values", [(0.8, 1.0, 0.7), (0.1, 0.2, 0.1)])
def test_the_spread_and_what_got_better_are_left_alone(
    results: Results, values: tuple[float, ...]
) -> None:
    assert compare.main(results, changed(results, "slim", "edit", *values)) == 0


def test_others_may_get_worse(results: Results) -> None:
    assert compare.main(results, changed(results, REFERENCE, "edit", 50)) == 0


def test_digests_that_differ_now_are_worse(results: Results) -> None:
    assert compare.main(results, changed(results, "slim", "same-layers", 0)) == 1


def test_other_conditions_and_missing_figures_are_said(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    other = changed(results, "slim", "edit", 0.8)
    del other.samples["light"]["slim"]["above"]
    other.about["machine"] = {"cores": 64}
    assert compare.main(results, other) == 1
    output = capsys.readouterr().out
    assert "The two results have not the same machine." in output
    assert "light, slim: files above the base was not measured." in output
