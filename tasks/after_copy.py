"""After a copy: lock the dependencies, make the first commit, say what comes next.

Whatever cannot be done is said in one sentence, with the command that does it later. The exit code
is 0 always: after any other Copier would throw the new service away.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from pathlib import Path

from plumbum import CommandNotFound, ProcessExecutionError, local
from plumbum.commands.base import BaseCommand

sys.path.insert(0, str(Path(__file__).parent.parent))
from tasks import mirror

OLDEST = (2, 2)


def say(sentence: str) -> None:
    """Tell the person at the terminal; Copier speaks on the same stream."""
    print(sentence, file=sys.stderr, flush=True)


def reason(error: ProcessExecutionError) -> str:
    """Return the first thing that a command said of its failure, as one line."""
    lines = [line.strip() for line in f"{error.stderr}\n{error.stdout}".splitlines()]
    told = (line for line in lines if line and not line.startswith("Creating virtualenv"))
    return next(told, f"exit code {error.retcode}").rstrip(".")


def find_poetry() -> BaseCommand | None:
    """Return Poetry from the `PATH`, or say why it cannot be used."""
    try:
        poetry = local["poetry"]
        version = poetry("--version").strip()
    except (CommandNotFound, ProcessExecutionError):
        say("Poetry was not found, so the dependencies are not locked: run `make lock`.")
        return None
    found = re.search(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        say(
            f"{version} is too old to lock the dependencies, which needs 2.2 or newer: "
            "run `make lock`, which brings its own."
        )
        return None
    return poetry


def lock() -> dict[str, str]:
    """Write poetry.lock; return the environment without which Poetry does not work here."""
    poetry = find_poetry()
    if poetry is None:
        return {}
    say("Locking the dependencies ...")
    try:
        return mirror.run(poetry, "lock", "--no-interaction")
    except ProcessExecutionError as error:
        say(f"The dependencies could not be locked ({reason(error)}): run `make lock` later.")
        return {}


def commit() -> None:
    """Make the first commit where there is no repository yet and git knows who commits."""
    message = "git commit --message 'Create the service'"
    finish = f"git add --all && {message}"
    try:
        git = local["git"]
    except CommandNotFound:
        say(f"git was not found, so nothing is committed: run `git init && {finish}`.")
        return
    try:
        inside = git("rev-parse", "--show-toplevel", retcode=(0, 128)).strip()
        if inside:
            say(f"The service is inside the repository {inside}: run `git add . && {message}`.")
            return
        git("init", "--quiet")
        if git["-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"].run(retcode=None)[0]:
            say(
                "git does not know who commits, so nothing is committed: run `git config --global "
                "user.name You && git config --global user.email you@example.com`, "
                f"then `{finish}`."
            )
            return
        git("add", "--all")
        git("commit", "--quiet", "--message", "Create the service")
    except ProcessExecutionError as error:
        say(f"git refused the first commit ({reason(error)}): run `{finish}`.")


def main() -> None:
    """Run in the new service, which is the working directory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--destination", required=True, help="as the person typed it")
    destination = parser.parse_args().destination
    environment = lock()
    commit()
    change = f"cd {shlex.quote(destination)}"
    if environment:
        change += " && export " + " ".join(f"{k}={shlex.quote(v)}" for k, v in environment.items())
    locked = Path("poetry.lock").exists()
    steps = [change, *([] if locked else ["make lock"]), "make run", "make image"]
    say("\n  ".join(["\nNext:", *steps]))


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # the service is there; nothing here may cost it
        say(f"The service is written, but not all was done for it ({error}): see its README.")
