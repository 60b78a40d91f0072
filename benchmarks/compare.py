"""`make bench-compare`: what of the template's own figures got worse, beyond their spread."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.results import MEASURES, Results, Spread
from benchmarks.units import amount

OURS = ("slim", "distroless", "builder", "this template")
MORE_IS_BETTER = ("same-layers", "same-image")


def worse(old: Results, new: Results) -> Iterator[str]:
    """Yield one sentence for each figure of ours that got worse."""
    for app, contenders in old.samples.items():
        for contender in OURS:
            for measure in contenders.get(contender, {}):
                before, after = old.get(app, contender, measure), new.get(app, contender, measure)
                if before and after and _is_worse(measure, before, after):
                    unit = MEASURES[measure].unit
                    yield (
                        f"{app}, {contender}: {MEASURES[measure].title} is "
                        f"{amount(after.median, unit)}, it was {amount(before.median, unit)}."
                    )


def gone(old: Results, new: Results) -> Iterator[str]:
    """Yield one sentence for each figure of ours that the new results lack."""
    for app, contenders in old.samples.items():
        for contender in OURS:
            for measure in contenders.get(contender, {}):
                if not new.get(app, contender, measure):
                    yield f"{app}, {contender}: {MEASURES[measure].title} was not measured."


def _is_worse(measure: str, before: Spread, after: Spread) -> bool:
    """Whether the middle halves of the samples lie apart, in the wrong direction."""
    if measure in MORE_IS_BETTER:
        return after.high < before.low
    return after.low > before.high


def main(old: Results, new: Results) -> int:
    """Print what got worse, or is measured no more; return 1 if something did."""
    for what in ("machine", "versions", "apps"):
        if old.about.get(what) != new.about.get(what):
            print(f"The two results have not the same {what}.")
    found = [*gone(old, new), *worse(old, new)]
    print("\n".join(found) or "Nothing got worse.")
    return bool(found)
