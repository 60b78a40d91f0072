"""`make drift SERVICE=../my-service`: is it on the newest release, and as the template wrote it?

Ends with 1 where it is not, for an organisation's CI.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from packaging.version import InvalidVersion, Version
from plumbum import local

sys.path.insert(0, str(Path(__file__).parent.parent))
from tasks.rendering import ANSWERS, committed, rendering

OWN = ("pyproject.toml", "README.md", "LICENSE", "tests/", ANSWERS)


def behind(service: Path) -> list[str]:
    """Return the releases of the template after the service's own, oldest first."""
    record = committed(service)
    tags = local["git"]("ls-remote", "--tags", "--refs", record["_src_path"])
    versions = []
    for line in tags.splitlines():
        try:
            versions.append(Version(line.rpartition("/")[2]))
        except InvalidVersion:
            continue
    own = Version(record["_commit"].partition("-")[0])
    return [str(version) for version in sorted(versions) if version > own]


def edited(service: Path) -> dict[str, int | None]:
    """Return how many of its lines each file of the template lost, by name: `{"Makefile": 2}`.

    None where the file itself is gone.
    """
    answers = committed(service)
    app = f"{answers['app_package']}/"
    serving = f"{app}serving.py" if answers.get("serving") else ""
    counts: dict[str, int | None] = {}
    with rendering(service) as written:
        for path in sorted(written.rglob("*")):
            name = path.relative_to(written).as_posix()
            if not path.is_file() or (name.startswith((*OWN, app)) and name != serving):
                continue
            there = service / name
            theirs = path.read_text("utf-8").splitlines()
            ours = there.read_text("utf-8").splitlines() if there.exists() else []
            matching = difflib.SequenceMatcher(None, theirs, ours, autojunk=False)
            lost = len(theirs) - sum(block.size for block in matching.get_matching_blocks())
            if lost:
                counts[name] = lost if there.exists() else None
    return counts


def main() -> int:
    """Say it in a line each; return 0 only for a service that is up to date and unedited."""
    parser = argparse.ArgumentParser(prog="make drift", usage="make drift SERVICE=../my-service")
    parser.add_argument("service", type=Path)
    service = parser.parse_args().service
    if not (service / ANSWERS).exists():
        sys.exit(f"{service} has no {ANSWERS}: name a service that was made from the template.")
    releases = behind(service)
    lines = edited(service)
    if releases:
        print(f"behind by {len(releases)}: {', '.join(releases)}; `copier update` brings them")
    for name, count in lines.items():
        what = f"{count} of the template's lines edited or deleted" if count else "deleted"
        print(f"{name}: {what}")
    if not releases:
        print("up to date" if lines else "up to date, as the template wrote it")
    return 1 if releases or lines else 0


if __name__ == "__main__":
    sys.exit(main())
