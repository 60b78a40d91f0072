"""What owners do to their services, drawn from a seed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

from benchmarks.fleet_oracle import changes, is_own, lines
from benchmarks.fleet_template import Files, git
from tasks.rendering import ANSWERS

Place = tuple[str, int]


def places(old: Files, new: Files, renames: dict[str, str]) -> tuple[list[Place], list[Place]]:
    """Return the template's lines that move until `new`, and those that stay and touch none.

    A place is a file of `old` and the number of its line, from 0.
    """
    moving, staying = [], []
    for name in sorted(old):
        now = renames.get(name, name)
        if is_own(name) or name == ANSWERS or now not in new:
            continue
        base = lines(old[name])
        moved = changes(base, lines(new[now]))
        for number, line in enumerate(base):
            if not line.strip():
                continue
            if any(change.start <= number < change.end for change in moved):
                moving.append((name, number))
            elif not any(change.start <= number + 1 and number <= change.end for change in moved):
                staying.append((name, number))
    return moving, staying


def change(folder: Path, place: Place) -> None:
    """Change one line as people do: another number in it, or a word more."""
    name, number = place
    text = (folder / name).read_text("utf-8").splitlines(keepends=True)
    line = text[number].rstrip("\n")
    other = re.sub(r"\d+", lambda digits: str(int(digits[0]) + 7), line, count=1)
    text[number] = (f"{line} # ours" if other == line else other) + "\n"
    (folder / name).write_text("".join(text), "utf-8")


def depend(folder: Path, random: Random) -> None:
    """Add a dependency."""
    file = folder / "pyproject.toml"
    name = random.choice(["requests>=2", "boto3>=1", "sqlalchemy>=2"])
    text = file.read_text("utf-8")
    file.write_text(
        text.replace("dependencies = [\n", f'dependencies = [\n    "{name}",\n', 1), "utf-8"
    )


def apply(folder: Path, random: Random) -> None:
    """Write application code."""
    file = folder / "app/main.py"
    limit = f"\n\nLIMIT = {random.randrange(1000)}\n"
    file.write_text(file.read_text("utf-8").rstrip("\n") + limit, "utf-8")


def rename(folder: Path, random: Random) -> None:
    """Rename a file of the service's own."""
    old, new = random.choice(
        [("app/settings.py", "app/configuration.py"), ("tests/test_main.py", "tests/test_app.py")]
    )
    git(folder, "mv", old, new)


def automate(folder: Path, random: Random) -> None:
    """Add a workflow."""
    file = folder / ".github/workflows/ci.yml"
    file.parent.mkdir(parents=True)
    hour = random.randrange(24)
    file.write_text(f"on:\n  push:\n  schedule:\n    - cron: 0 {hour} * * *\n", "utf-8")


# What owners do without a look at what the template wrote.
EDITS: dict[str, Callable[[Path, Random], None]] = {
    "dependency": depend,
    "application": apply,
    "renamed": rename,
    "workflow": automate,
}
CHANCE = 0.5
# Fewer: each is a conflict, and a fleet is mostly without.
CHANCE_OF_A_MOVING_LINE = 0.25


def live(folder: Path, random: Random, old: Files, new: Files, renames: dict[str, str]) -> None:
    """Do some of what owners do, and commit it; a part of them works in a checkout with CRLF."""
    for edit in EDITS.values():
        if random.random() < CHANCE:
            edit(folder, random)
    moving, staying = places(old, new, renames)
    touched = set()
    for chance, there in ((CHANCE_OF_A_MOVING_LINE, moving), (CHANCE, staying)):
        if random.random() < chance and there:
            place = random.choice(there)
            change(folder, place)
            touched.add(place[0])
    if random.random() < CHANCE:
        deletable = sorted({name for name, _ in staying} - touched)
        (folder / random.choice(deletable)).unlink()
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "What the owner did")
    if random.random() < CHANCE:
        git(folder, "config", "core.autocrlf", "true")
        git(folder, "rm", "--quiet", "--cached", "-r", ".")
        git(folder, "reset", "--quiet", "--hard")
