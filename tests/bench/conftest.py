"""Results as a run leaves them, small enough to reckon by hand."""

from __future__ import annotations

import pytest

from benchmarks.results import BEST, ENGINE, LIMIT, REFERENCE, Results


@pytest.fixture
def results() -> Results:
    """Return results of one application, in which ours meets some bars and misses others."""
    results = Results(
        about={
            "machine": {"cores": 2, "memory_gb": 25, "system": "x86_64"},
            "versions": {"docker": "26.1.5", "python": "3.13", "poetry": "2.5.1", "uv": "0.13.9"},
            "apps": {"light": {"packages": {"fastapi": "0.165.0"}, "bumped": []}},
            "settings": {"rounds": 3, "only": "", "quick": False},
            "minutes": 1.5,
        }
    )
    samples: dict[str, dict[str, list[float]]] = {
        ENGINE: {"nothing": [0.3], "start": [0.25], "run": [0.25]},
        "slim": {
            "edit": [0.8, 0.9, 0.7],
            "answer": [0.55, 0.65, 0.45],
            "edit-bytes": [7000],
            "above": [23_900_000],
            "version-installs": [0],
            "same-layers": [1],
        },
        REFERENCE: {"edit": [4.3], "answer": [2.25], "edit-bytes": [5_600_000]},
        BEST: {"edit": [1.3]},
        LIMIT: {"above": [20_000_000]},
    }
    for contender, measures in samples.items():
        for measure, values in measures.items():
            results.add("light", contender, measure, *values)
    for contender, seconds in (("this template", 1.5), ("bare template", 1.0)):
        results.add("template", contender, "copy", seconds)
    return results
