"""What an update ought to come to, from what the releases write and what the owner did.

It knows neither Copier nor git: lines are compared by Python's difflib.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from benchmarks.fleet_template import Files
from tasks.rendering import ANSWERS

# Of what a template writes, these are the service's own from its first commit.
OWN = ("pyproject.toml", "README.md", "LICENSE", "app/", "tests/")
# This is the template's, where the service says so.
SERVING = "app/serving.py"


@dataclass(frozen=True)
class Change:
    """Lines `start` to `end` (from 0, without `end`) of a text become `lines`."""

    start: int
    end: int
    lines: tuple[str, ...]


def is_own(name: str) -> bool:
    """Say whether a file that the template writes is the service's own."""
    return name.startswith(OWN) and name != SERVING


def lines(content: bytes) -> list[str]:
    """Return the lines of a text, whatever ends them."""
    return content.decode("utf-8").splitlines()


def changes(base: list[str], other: list[str]) -> list[Change]:
    """Return what makes `other` of `base`."""
    matcher = SequenceMatcher(None, base, other, autojunk=False)
    return [
        Change(start, end, tuple(other[first:last]))
        for tag, start, end, first, last in matcher.get_opcodes()
        if tag != "equal"
    ]


def merge(base: list[str], ours: list[str], theirs: list[str]) -> list[str] | None:
    """Return the text with both sides' changes, or None where they meet: a true conflict.

    Lines side by side meet, as for git: nothing says which of the two comes first.
    """
    mine = changes(base, ours)
    its = [change for change in changes(base, theirs) if change not in mine]
    if any(a.start <= b.end and b.start <= a.end for a in mine for b in its):
        return None
    merged = list(base)
    for change in sorted(mine + its, key=lambda change: change.start, reverse=True):
        merged[change.start : change.end] = change.lines
    return merged


def gone(wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    """Return the wanted lines that are not there, each as often as it is missing."""
    return list((Counter(wanted) - Counter(there)).elements())


@dataclass(frozen=True)
class Truth:
    """What ought to be in a service after an update, by name of file."""

    own: Files
    merged: dict[str, list[str]]
    # Of a file in conflict, the lines that either side wrote.
    conflicts: dict[str, list[str]]


@dataclass
class Verdict:
    """What an update did wrong, and the conflicts that it rightly marked; names of files."""

    true: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    # "Makefile: a line", and "Makefile" where a file came that nobody wanted
    lost: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Return each fault as a sentence."""
        return [
            *(f"false conflict in {name}" for name in self.false),
            *(f"conflict in {name} is not marked" for name in self.missed),
            *(f"lost from {line}" for line in self.lost),
            *(f"{name} is not what it ought to be" for name in self.strays),
        ]


def truth(before: Files, old: Files, new: Files, renames: dict[str, str]) -> Truth:
    """Return what ought to come of a service that has `before` where the template wrote `old`."""
    shipped = {name for name in old if not is_own(name)} - {ANSWERS}
    coming = {name for name in new if not is_own(name)} - {ANSWERS}
    own = {n: content for n, content in before.items() if n not in shipped and n != ANSWERS}
    result = Truth(own, {}, {})
    for name in coming - shipped - set(renames.values()):
        result.merged[name] = lines(new[name])
    for name in shipped & before.keys():
        base, ours = lines(old[name]), lines(before[name])
        now = renames.get(name, name)
        if now not in coming:
            if ours != base:
                result.own[name] = before[name]
            continue
        theirs = lines(new[now])
        merged = merge(base, ours, theirs)
        if merged is None:
            result.conflicts[now] = [*gone(ours, base), *gone(theirs, base)]
        else:
            result.merged[now] = merged
    return result


def judge(expected: Truth, after: Files, marked: set[str]) -> Verdict:
    """Compare what is there, and which files are marked as conflicts, with what ought to be."""
    verdict = Verdict(
        true=sorted(marked & expected.conflicts.keys()),
        false=sorted(marked - expected.conflicts.keys()),
        missed=sorted(expected.conflicts.keys() - marked),
    )
    for name, content in expected.own.items():
        if after.get(name) != content:
            missing = gone(lines(content), lines(after.get(name, b"")))
            verdict.lost += [f"{name}: {line}" for line in missing]
            verdict.strays += [] if missing else [name]
    for name, wanted in (expected.merged | expected.conflicts).items():
        there = lines(after.get(name, b""))
        missing = gone(wanted, there)
        verdict.lost += [f"{name}: {line}" for line in missing]
        if not missing and name in expected.merged and name not in marked and there != wanted:
            verdict.strays.append(name)
    known = expected.own.keys() | expected.merged.keys() | expected.conflicts.keys() | {ANSWERS}
    verdict.strays += sorted(after.keys() - known)
    return verdict
