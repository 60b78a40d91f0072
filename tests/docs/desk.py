"""A reader's machine: a home, a checkout of the organisation's fork, a forge that has it too."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from plumbum import local

from tasks import mirror
from tests.conftest import ROOT
from tests.engine import Engine
from tests.image.services import DROPPED
from tests.render.support import BIN, Fork

FORGE = "https://github.com/acme/"
NAME = "copier-poetry-service"
GIT = """\
[user]
	name = Ann Other
	email = ann@example.com
[init]
	defaultBranch = main
[url "file://{forge}/"]
	insteadOf = {there}
"""
# `git remote get-url` says the address as its owner wrote it: the longer of two rules wins.
ITSELF = """\
[url "{there}{name}.git"]
	insteadOf = {there}{name}.git
[url "file://{forge}/"]
	pushInsteadOf = {there}
"""
# A private engine's builds have the machine's network alone.
DOCKER = """\
case "$1" in
build) shift; exec {docker} build --network={network} --build-arg=POETRY_PYPI_MIRROR_URL "$@" ;;
*) exec {docker} "$@" ;;
esac
"""
PIPX = f'exec {BIN}/uvx pipx "$@"'


def network(folder: Path) -> dict[str, str]:
    """Return the environment without which Poetry does not reach the index here."""
    project = '[project]\nname = "x"\nversion = "1"\ndependencies = ["six"]\n'
    (folder / "pyproject.toml").write_text(project)
    poetry = local[str(ROOT / ".poetry/bin/poetry")].with_cwd(folder)
    return mirror.run(poetry.with_env(POETRY_CACHE_DIR=str(folder / "cache")), "lock")


def machine(folder: Path, engine: Engine | None) -> dict[str, str]:
    """Make a home with git's settings and programs; return the environment of its terminal."""
    home = folder / "home"
    bin = home / ".local/bin"
    bin.mkdir(parents=True)
    reach = engine.env if engine else {}
    programs = {"pipx": PIPX}
    if engine:
        found = shutil.which("docker", path=engine.env["PATH"])
        programs["docker"] = DOCKER.format(docker=found, network=engine.network)
    for name, script in programs.items():
        (bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (bin / name).chmod(0o755)
    (home / ".gitconfig").write_text(GIT.format(forge=folder / "forge", there=FORGE))
    path = f"{bin}:{BIN}:{ROOT}/.poetry/bin:{reach.get('PATH', os.environ['PATH'])}"
    env = {name: value for name, value in os.environ.items() if name not in DROPPED}
    env |= reach
    env |= {"PATH": path, "HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig")}
    env["POETRY"] = f"{ROOT}/.poetry/bin/poetry"
    return env


def publish(checkout: Path, forge: Path) -> Fork:
    """Commit a fork's checkout, and have a forge that has its commit."""
    for name in ("pyproject.toml", "poetry.lock"):  # older than what they have installed
        os.utime(checkout / name, (0, 0))
    fork = Fork(checkout)
    if not (checkout / ".git").exists():
        fork.git("init", "--quiet", "--initial-branch=main")
        fork.git("remote", "add", "origin", f"{FORGE}{NAME}.git")
    for name in (".venv", ".poetry"):
        (checkout / name).symlink_to(ROOT / name)
    with (checkout / ".git/info/exclude").open("a") as excluded:
        excluded.write(".venv\n.poetry\n")
    with (checkout / ".git/config").open("a") as config:
        config.write(ITSELF.format(there=FORGE, name=NAME, forge=forge))
    fork.git("add", "--all")
    fork.git("commit", "--quiet", "--allow-empty", "--message", "The organisation's template")
    fork.git("clone", "--quiet", "--bare", ".", str(forge / f"{NAME}.git"))
    fork.git("update-ref", "refs/remotes/origin/main", "HEAD")
    return fork
