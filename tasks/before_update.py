"""Before an update: rename what the template renames, so that the owner's edits go along."""

from __future__ import annotations

import argparse
from pathlib import Path

from packaging.version import Version

# By the release that renames: {"old": "new"}.
RENAMES = {"1.2.0": {".mypy.ini": "mypy.ini", ".ruff.toml": "ruff.toml"}}


def renames(old: Version, new: Version) -> dict[str, str]:
    """Return the files renamed in the releases after `old` up to `new`, as `{"old": "new"}`."""
    names: dict[str, str] = {}
    for release, renamed in RENAMES.items():
        if old < Version(release) <= new:
            names |= renamed
    return names


def main() -> None:
    """Run in the service. A file that its owner deleted or moved is left alone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("old", type=Version)
    parser.add_argument("new", type=Version)
    options = parser.parse_args()
    for old, new in renames(options.old, options.new).items():
        if Path(old).exists() and not Path(new).exists():
            from plumbum import local  # here: most updates rename nothing, and it takes its time

            local["git"]("mv", old, new)


if __name__ == "__main__":
    main()
