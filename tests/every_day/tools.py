"""Compose, pre-commit, the devcontainers' command: fetched once, installed nowhere."""

from __future__ import annotations

import json
from pathlib import Path

from plumbum.commands.base import BaseCommand

from tests.engine import Engine, apt, npm
from tests.engine.cache import folder, once

DEVCONTAINER = "0.89.0"
PRE_COMMIT = "4.7.0"
RELEASE = "trixie"


def compose(engine: Engine, scratch: Path) -> dict[str, str]:
    """Return the environment in which `docker compose` works, with the scratch folder for it."""
    if engine.docker["compose", "version"].run(retcode=None)[0] == 0:
        return engine.env
    target = folder() / f"compose-{RELEASE}"
    once(target, lambda path: apt.unpack({"docker-compose": RELEASE}, path))
    home = Path(engine.env.get("DOCKER_CONFIG", Path.home() / ".docker"))
    file = home / "config.json"
    configuration = json.loads(file.read_text("utf-8")) if file.exists() else {}
    plugins = configuration.setdefault("cliPluginsExtraDirs", [str(home / "cli-plugins")])
    plugins.append(str(target / "usr/libexec/docker/cli-plugins"))
    (scratch / "config.json").write_text(json.dumps(configuration), "utf-8")
    return {**engine.env, "DOCKER_CONFIG": str(scratch)}


def pre_commit() -> dict[str, str]:
    """Return the environment in which `python3 -m pre_commit` works, and its hook too."""
    target = folder() / f"pre-commit-{PRE_COMMIT}"
    once(target, lambda path: npm.pip(path, {"pre-commit": PRE_COMMIT}))
    return {"PYTHONPATH": str(target)}


def devcontainer() -> BaseCommand:
    """Return the devcontainers' own command line."""
    target = folder() / f"devcontainers-{npm.NODE}-{DEVCONTAINER}"
    once(target, lambda path: npm.install(path, {"@devcontainers/cli": DEVCONTAINER}))
    return npm.node(target)[target / "node_modules/@devcontainers/cli/devcontainer.js"]
