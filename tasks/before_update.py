"""Before an update: rename what the template renames, so that the owner's edits go along.

Nothing is written yet: what cannot end well is refused here.
"""

from __future__ import annotations

import argparse
import codecs
import locale
import os
import subprocess
import sys
from contextlib import suppress
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


def marker() -> Path:
    """Return the file of an update under way, apart from the tree: its commit and its process.

    A repository may hold several services, each with a name of its own for it.
    """
    name = f"{git('rev-parse', '--show-prefix').replace('/', '-')}unfinished-update"
    return Path(git("rev-parse", "--git-path", name))


def lacking() -> str:
    """Say why nothing can be written here; neither Copier nor git always does, on a full disk."""
    file = marker().with_name("room-for-update")
    try:
        file.write_bytes(os.urandom(2**20))  # more than an update writes
    except OSError as error:
        return error.strerror or f"{error}"
    finally:
        with suppress(OSError):
            file.unlink()
    return ""


def claim() -> None:
    """Say that an update is under way here; end with a sentence where another one is."""
    file, own = marker(), f"{os.getppid()}"
    mine = f"{git('rev-parse', 'HEAD')} {own}\n"
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(mine)
    except FileExistsError:
        for process in file.read_text("utf-8").split()[1:]:
            if process != own and alive(process):  # in a container each Copier may be process 1
                sys.exit(f"Another update is at work here (process {process}): let it end first.")
        file.write_text(mine, "utf-8")  # that one was cut off


def alive(process: str) -> bool:
    """Say whether Copier still runs as this process; one that was killed may not be buried yet."""
    try:
        ps = ["ps", "-o", "stat=", "-o", "args=", "-p", process]
        told = subprocess.run(ps, capture_output=True, encoding="utf-8", errors="replace").stdout
    except OSError:  # there is no ps here
        with suppress(OSError):
            return b"copier" in Path(f"/proc/{process}/cmdline").read_bytes()
        return False
    return "copier" in told and not told.startswith("Z")


def git(*arguments: str) -> str:
    """Return what git answers; plumbum takes its time, which most updates can do without."""
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, encoding="utf-8")
    return done.stdout.strip()


def main() -> None:
    """Run in the service. A file that its owner deleted or moved is left alone."""
    if codecs.lookup(locale.getpreferredencoding(False)).name == "ascii":
        sys.exit(
            "Copier would drop every letter that is not ASCII from your edits in this locale: "
            "run `PYTHONUTF8=1 copier update --trust --defaults`."
        )
    parser = argparse.ArgumentParser()
    parser.add_argument("old", type=Version)
    parser.add_argument("new", type=Version)
    options = parser.parse_args()
    if reason := lacking():
        sys.exit(f"Nothing can be written here ({reason}): mend that, then update again.")
    claim()
    for old, new in renames(options.old, options.new).items():
        if Path(old).exists() and not Path(new).exists():
            git("mv", old, new)


if __name__ == "__main__":
    main()
