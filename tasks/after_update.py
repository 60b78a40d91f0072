"""After an update: keep what the owner changed; say what came, what conflicts, what is next.

Copier removes a file that the template no longer has, with whatever its owner wrote into it; here
it comes back.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from packaging.version import Version
from plumbum import local

sys.path.insert(0, str(Path(__file__).parent.parent))
from tasks import before_update, owed, releases

TELEMETRY = "*/telemetry.py"
# What the application calls, or its database was made by.
CALLED = [TELEMETRY, "*/serving.py", "*/database.py", "migrations/*", "alembic.ini"]
# What an answer brings once.
ONCE = {
    "observability: opentelemetry": [TELEMETRY],
    "database: postgresql": ["*/database.py", "migrations", "alembic.ini"],
    "pre_commit: true": [".pre-commit-config.yaml"],
}
git = local["git"]["-c", f"core.hooksPath={os.devnull}"]  # no hook of the owner's speaks for us


def lines(*arguments: str) -> list[str]:
    """Return the lines that git answers."""
    return [line for line in git(*arguments).splitlines() if line]


def prefix() -> str:
    """Return the service's folder in its repository, with a `/`; nothing where it is all of it."""
    return str(git("rev-parse", "--show-prefix")).strip()


def back() -> str:
    """Return the command that undoes the update, and nothing beside the service."""
    if prefix():
        return "git restore --staged --worktree . && git clean --force -d ."
    return "git reset --hard && git clean --force -d"


def restore(removed: set[str], written: Path) -> list[str]:
    """Bring back each removed file that its owner had changed; return their names."""
    kept = [
        name
        for name in sorted(removed)
        if not (written / name).exists()
        or git("show", f"HEAD:./{name}") != (written / name).read_text("utf-8")
    ]
    for name in kept:
        git("checkout", "HEAD", "--", name)
    return kept


def merge(name: str, base: str) -> bool:
    """Merge the sides that the index has of a file, whatever ends their lines; say if they agree.

    Copier marks the whole of it in a checkout with CRLF, and of a renamed one, whose base it lacks.
    """
    ending = "\r\n" if b"\r\n" in Path(name).read_bytes() else "\n"
    sides = {
        "before updating": git("show", f":2:./{name}"),
        "last update": base,
        "after updating": git("show", f":3:./{name}"),
    }
    with TemporaryDirectory() as folder:
        command = git["merge-file", "--stdout"]
        for label, text in sides.items():
            file = Path(folder, label)
            file.write_text(text.replace("\r\n", "\n"), "utf-8", newline="\n")
            command = command["-L", label]
        command = command[[Path(folder, label) for label in sides]]
        conflicts, merged, _ = command.run(retcode=None)
    Path(name).write_text(merged, "utf-8", newline=ending)
    if not conflicts:
        git("add", "--", name)
    return not conflicts


def keep_edits(removed: set[str], renamed: dict[str, str], unmerged: list[str]) -> list[str]:
    """Mend what Copier does to files dropped and renamed; return those that are brought back.

    Only for that is the old release written once more, which takes as long as a copy.
    """
    dropped = removed - renamed.keys()
    halved = {old: new for old, new in renamed.items() if new in unmerged}
    revived = {
        old: new
        for old, new in renamed.items()
        if Path(new).exists() and not lines("ls-tree", "--name-only", "HEAD", "--", old, new)
    }
    if not dropped and not halved and not revived:
        return []
    from copier.errors import UserMessageError  # here: most updates can do without

    from tasks.rendering import rendering

    try:
        with rendering(Path()) as written:
            for old, new in halved.items():
                merge(new, (written / old).read_text("utf-8"))
            for old, new in revived.items():
                if (written / old).exists():  # its owner had deleted it under its old name
                    Path(new).unlink()
            return restore(dropped, written)
    except UserMessageError as error:
        say(f"What the template had written is not known ({error}), so nothing is removed.")
        return restore(dropped, Path("/nowhere"))


def conflicts() -> list[str]:
    """Settle what only looks like a conflict, as in a checkout with CRLF; return what is one."""
    stages: dict[str, dict[str, str]] = {}
    for line in lines("ls-files", "--unmerged"):
        state, name = line.split("\t")
        mode, blob, stage = state.split()
        stages.setdefault(name, {})[stage] = f"{mode},{blob}"
    for name in list(stages):
        base, ours, theirs = (stages[name].get(stage) for stage in "123")
        settled = theirs if ours in (base, theirs) else ours if base == theirs else None
        if settled:
            git("update-index", "--cacheinfo", f"{settled},{prefix()}{name}")
            git("checkout", "--", name)
            del stages[name]
        elif base and ours and theirs and b"\r\n" in Path(name).read_bytes():
            agreed = merge(name, git("show", f":1:./{name}"))
            if agreed:
                del stages[name]
    return sorted(stages)


def forget(answers_file: str) -> None:
    """Take away what is written once and was written before: its owner has removed it since."""
    _, answers, _ = git["show", f"HEAD:./{answers_file}"].run(retcode=None)
    once = ["deploy/overlays"]
    for answer, names in ONCE.items():
        if f"{answer}\n" in answers:
            once += names
    for name in lines("ls-files", "--others", "--exclude-standard", "--", *once):
        if lines("log", "-1", "--format=%H", "--", name):
            Path(name).unlink()
            for folder in list(Path(name).parents)[:-1]:
                if not any(folder.iterdir()):
                    folder.rmdir()


def say(sentence: str) -> None:
    """Tell the person at the terminal; Copier speaks on the same stream."""
    print(sentence, file=sys.stderr)


def main() -> None:
    """Run in the service, after the merge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("old", type=Version)
    parser.add_argument("new", type=Version)
    parser.add_argument("--answers", default=".copier-answers.yml")
    options = parser.parse_args()
    if reason := before_update.lacking():
        sys.exit(
            f"Not all of the update could be written ({reason}), so do not commit it: mend that, "
            f"then `{back()}` and update again."
        )
    renamed = before_update.renames(options.old, options.new)
    removed = set(
        lines("diff", "--no-renames", "--name-only", "--diff-filter=D", "--relative", "HEAD")
    )
    for name in [name for name in removed if any(map(Path(name).match, CALLED))]:
        git("checkout", "HEAD", "--", name)  # what calls it stays, too
        removed.remove(name)
    forget(options.answers)
    kept = keep_edits(removed, renamed, conflicts())
    unmerged = lines("diff", "--name-only", "--diff-filter=U", "--relative")
    changed = lines("status", "--porcelain", ".")
    left = owed.left(yaml.safe_load(Path(options.answers).read_text("utf-8")))
    steps = "\n  ".join(["What you asked for needs this in files that are yours:", *left])
    if not changed:
        say(steps if left else "Nothing to do: the service was up to date.")
        return
    for change in releases.changes(releases.CHANGELOG.read_text("utf-8"), options.old, options.new):
        say(f"  - {change}")
    for name in kept:
        say(f"{name} is no part of the template any more; it stays, because you changed it.")
    if left:
        say(steps)
    if unmerged:
        say(
            f"Conflicts in {', '.join(unmerged)}: choose between the marked lines, "
            f"then `git add {' '.join(unmerged)}` and commit."
        )
    else:
        say("Next: look at it with `git diff`, then `git add --all && git commit`.")
    say(f"To go back instead: `{back()}`.")


if __name__ == "__main__":
    main()
    before_update.marker().unlink(missing_ok=True)
