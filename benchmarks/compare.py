"""`make bench-compare`: what of the template's own figures got worse, beyond their spread.

That is where each median lies outside the middle half of the other's samples.
"""

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
                    more = after.median / before.median - 1 if before.median else 0
                    yield (
                        f"{app}, {contender}: {MEASURES[measure].title} is "
                        f"{amount(after.median, unit)}, it was {amount(before.median, unit)} "
                        f"({more:+.2%})."
                    )


def gone(old: Results, new: Results) -> Iterator[str]:
    """Yield one sentence for each figure of ours that the new results lack."""
    for app, contenders in old.samples.items():
        for contender in OURS:
            for measure in contenders.get(contender, {}):
                if not new.get(app, contender, measure):
                    yield f"{app}, {contender}: {MEASURES[measure].title} was not measured."


def _is_worse(measure: str, before: Spread, after: Spread) -> bool:
    """Whether each median lies outside the other's middle half, in the wrong direction."""
    if measure in MORE_IS_BETTER:
        return after.median < before.low and after.high < before.median
    return after.median > before.high and after.low > before.median


def main(old: Results, new: Results) -> int:
    """Print what got worse, or is measured no more; return 1 if something did."""
    for what in ("machine", "versions", "apps"):
        if old.about.get(what) != new.about.get(what):
            print(f"The two results have not the same {what}.")
    found = [*gone(old, new), *worse(old, new)]
    print("\n".join(found) or "Nothing got worse.")
    return bool(found)
