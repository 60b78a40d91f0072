"""After a copy: lock the dependencies, make the first commit, say what comes next.

Whatever cannot be done is said in one sentence, with the command that does it later. The exit code
is 0 always: after any other Copier would throw the new service away. A copy that was cut off is
finished by running it again.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from plumbum import CommandNotFound, ProcessExecutionError, local
from plumbum.commands.base import BaseCommand

sys.path.insert(0, str(Path(__file__).parent.parent))
from tasks import mirror

OLDEST = (2, 2)
# Lies beside the repository that is ours to finish, until it has its first commit.
UNFINISHED = Path(".git/unfinished-copy")


def say(sentence: str) -> None:
    """Tell the person at the terminal; Copier speaks on the same stream."""
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other copy is at work on this service."""
    folder = None
    with suppress(ImportError, OSError):  # Windows and some file systems know no such lock
        import fcntl

        folder = os.open(".", os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if folder is not None:
            os.close(folder)


def reason(error: OSError) -> str:
    """Return the first thing that a command said of its failure, as one line."""
    if not isinstance(error, ProcessExecutionError):
        return error.strerror or f"{error}"
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
        return write_lock(poetry)
    except OSError as error:  # which one of a command is, too
        say(f"The dependencies could not be locked ({reason(error)}): run `make lock` later.")
        return {}


def write_lock(poetry: BaseCommand) -> dict[str, str]:
    """Write poetry.lock as a whole or not at all, for Poetry cannot go on from half of one."""
    folder = Path(".poetry/lock")  # git ignores it
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        for name in ("pyproject.toml", "poetry.toml", "poetry.lock"):
            if Path(name).exists():
                shutil.copy(name, folder)
        with local.cwd(folder), local.env(POETRY_VIRTUALENVS_CREATE="false"):
            missing = mirror.run(poetry, "lock", "--no-interaction")
        (folder / "poetry.lock").replace("poetry.lock")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # it may hold a Poetry
            folder.parent.rmdir()
    return missing


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
        if inside and not to_be_finished(git):
            if git("status", "--porcelain", "--untracked-files", "--", "."):
                say(f"The service is inside the repository {inside}: run `git add . && {message}`.")
            return
        UNFINISHED.parent.mkdir(exist_ok=True)
        UNFINISHED.touch()
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
        UNFINISHED.unlink()
    except OSError as error:
        say(f"git refused the first commit ({reason(error)}): run `git init --quiet && {finish}`.")


def to_be_finished(git: BaseCommand) -> bool:
    """Say whether the repository is that of a copy that was cut off; free it of what git held."""
    if not UNFINISHED.exists():
        return False
    if git("rev-parse", "--verify", "--quiet", "HEAD", retcode=(0, 1)):  # it was just so done
        UNFINISHED.unlink()
        return False
    for held in UNFINISHED.parent.rglob("*.lock"):
        held.unlink()
    return True


def main() -> None:
    """Run in the new service, which is the working directory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--destination", required=True, help="as the person typed it")
    destination = parser.parse_args().destination
    with alone():
        environment = lock()
        commit()
    change = f"cd {shlex.quote(destination)}"
    if environment:
        change += " && export " + " ".join(f"{k}={shlex.quote(v)}" for k, v in environment.items())
    locked = Path("poetry.lock").exists()
    steps = [change, *([] if locked else ["make lock"]), "make run", "make image"]
    say("\n  ".join(["\nNext:", *steps]))
    say("README.md lists what you can add later, such as Compose.")


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # the service is there; nothing here may cost it
        say(f"The service is written, but not all was done for it ({error}): see its README.")
