"""Which contenders are measured with which application, how often, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import applications, copies
from benchmarks.entries import CONTENDERS, OURS, Entry, enter
from benchmarks.registry import NoRegistry, registry
from benchmarks.results import BEST, ENGINE, LIMIT, REFERENCE, Results
from benchmarks.visits import Visitor
from tests.engine import Engine

Step = tuple[str, Callable[[], None]]
ALL = 1000  # packages: more than any lock here has


@dataclass(frozen=True)
class Plan:
    """What is measured with one application."""

    app: str
    rounds: int
    every: tuple[str, ...]
    """The contenders of every round."""
    once: tuple[str, ...] = ()
    """Those of the first round alone: they are under no bar of time."""
    edits: int = 2
    """Source edits in a round."""
    bumps: int = 0
    """At most so many packages are moved, one at a time, where an earlier release fits."""
    bumped: tuple[str, ...] = ()
    twins: tuple[str, ...] = ()


def plans(rounds: int, only: str, quick: bool) -> list[Plan]:
    """Return what to measure: about forty minutes on two cores, some minutes when `quick`."""
    few = ("slim", REFERENCE, BEST)
    if quick:
        light = Plan("light", 2, few, once=(LIMIT,), bumps=2, bumped=few[:2], twins=("slim",))
    else:
        light = Plan(
            "light",
            rounds,
            every=(*OURS, REFERENCE, BEST, "uv", "pip"),
            once=("article-dev", "article-main", "article-path", LIMIT),
            bumps=ALL,
            bumped=few,
            twins=(*OURS, REFERENCE),
        )
    # What takes long is measured less often.
    heavy = Plan(
        "heavy",
        min(rounds, 2),
        every=("slim", REFERENCE),
        once=(BEST, LIMIT),
        edits=1,
        bumps=1 if quick else 12,
        bumped=("slim", REFERENCE),
    )
    empty = Plan("empty", min(rounds, 2), few)
    return [plan for plan in (light, heavy, empty) if only in ("", plan.app)]


class Run:
    """One run of the benchmark; `steps` yields what it does, in turn."""

    def __init__(self, engine: Engine, results: Results, wanted: list[Plan], stack: ExitStack):
        """Prepare; what cannot be measured here is noted in the results."""
        self.engine, self.results, self.wanted = engine, results, wanted
        self.folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        try:
            store = stack.enter_context(registry())
        except NoRegistry as reason:
            results.missing.append(f"Pushes were not measured: {reason}")
            store = None
        self.visitor = Visitor(results, store)
        self.entries: dict[tuple[str, str], Entry] = {}

    def steps(self) -> Iterator[Step]:
        """Yield the title of each step and what it does."""
        for plan in self.wanted:
            yield f"{plan.app}: render and lock", self._make(plan)
            for number in range(plan.rounds):
                names = (ENGINE, *plan.every, *(plan.once if number == 0 else ()))
                for name in names:
                    title = f"{plan.app}: round {number + 1}, {CONTENDERS[name].title}"
                    yield title, self._round(plan, name)
                    if number == plan.rounds - 1 and name in plan.bumped:
                        yield (
                            f"{plan.app}: bumps, {CONTENDERS[name].title}",
                            self._bumps(plan, name),
                        )
            for name in plan.twins:
                yield f"{plan.app}: twins, {CONTENDERS[name].title}", self._twins(plan, name)
        yield "copier copy", lambda: copies.measure(self.results, self.folder / "copies", 5)

    def _make(self, plan: Plan) -> Callable[[], None]:
        def make() -> None:
            app = applications.make(plan.app, self.folder / plan.app / "app")
            applications.find_bumps(app, plan.bumps)
            for name in (ENGINE, *plan.every, *plan.once):
                folder = self.folder / plan.app / name
                self.entries[plan.app, name] = enter(CONTENDERS[name], app, self.engine, folder)
            about = self.results.about.setdefault("apps", {})
            about[plan.app] = {"packages": app.lock.versions, "bumped": sorted(app.bumps)}

        return make

    def _round(self, plan: Plan, name: str) -> Callable[[], None]:
        return lambda: self.visitor.round(self.entries[plan.app, name], plan.edits)

    def _bumps(self, plan: Plan, name: str) -> Callable[[], None]:
        return lambda: self.visitor.bumps(self.entries[plan.app, name])

    def _twins(self, plan: Plan, name: str) -> Callable[[], None]:
        folder = self.folder / plan.app / f"{name}-twins"
        return lambda: self.visitor.twins(self.entries[plan.app, name], folder)
