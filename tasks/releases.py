"""The template's releases, as main records them: a commit `Release 1.2.0` and a section of the
changelog each. `python tasks/releases.py` sets their tags.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from packaging.version import Version
from plumbum import ProcessExecutionError, local

CHECKOUT = Path(__file__).parent.parent
CHANGELOG = CHECKOUT / "CHANGELOG.md"


def releases(repository: Path = CHECKOUT) -> dict[str, str]:
    """Return the commit of each release by its version, oldest first: `{"1.0.0": "4f5e…"}`."""
    log = local["git"]("-C", str(repository), "log", "--reverse", "--format=%H %s")
    found = re.findall(r"^(\w+) Release (\S+)$", log, re.MULTILINE)
    return {version: commit for commit, version in found}


def changes(changelog: str, old: Version, new: Version) -> list[str]:
    """Return the changelog's lines, one a theme, of the releases after `old` up to `new`."""
    sections = re.split(r"^## (\S+).*$", changelog, flags=re.MULTILINE)[1:]
    texts = {
        Version(version): text for version, text in zip(sections[::2], sections[1::2], strict=True)
    }
    between = sorted(version for version in texts if old < version <= new)
    return [
        " ".join(item.split())
        for version in between
        for item in re.findall(r"^- (.*(?:\n  .*)*)", texts[version], re.MULTILINE)
    ]


def main() -> None:
    """Set the tag `vX.Y.Z` on each release; say so, and stop, where one stands elsewhere."""
    git = local["git"]["-C", CHECKOUT]
    for version, commit in releases().items():
        try:
            git("tag", f"v{version}", commit)
        except ProcessExecutionError:
            if git("rev-parse", f"v{version}^{{commit}}").strip() != commit:
                sys.exit(
                    f"The tag v{version} stands on another commit than main records, {commit}: "
                    f"delete it with `git tag --delete v{version}` and run this again."
                )
    print(git("tag", "--list", "v*", "--sort=version:refname").strip())


if __name__ == "__main__":
    main()
