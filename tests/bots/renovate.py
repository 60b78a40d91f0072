"""The real Renovate, installed once into the cache: `python -m tests.bots.renovate` says where."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plumbum import ProcessExecutionError, local
from plumbum.commands.base import BaseCommand

from tests.engine import npm
from tests.engine.cache import folder, once

VERSION = "44.121.2"


class RenovateUnavailable(Exception):
    """Renovate is not here and cannot be fetched; the text says why."""


def program(name: str = "renovate") -> BaseCommand:
    """Return one of Renovate's programs, fetched first where it is not yet here."""
    try:
        root = once(
            folder() / f"renovate-{VERSION}", lambda to: npm.install(to, {"renovate": VERSION})
        )
    except ProcessExecutionError as error:
        lines = f"{error.stdout}\n{error.stderr}".split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        raise RenovateUnavailable(f"Renovate could not be fetched: {said}") from error
    return npm.node(root)[root / f"node_modules/renovate/dist/{name}.js"]


@dataclass(frozen=True)
class Outcome:
    """What a run ended with, and its log."""

    code: int
    log: list[dict[str, Any]]

    @property
    def results(self) -> dict[str, str]:
        """How it ended for each repository."""
        return {
            line["repository"]: line["result"]
            for line in self.log
            if line["msg"] == "Repository finished"
        }


def run(
    endpoint: str, home: Path, path: list[Path], *repositories: str, **administrator: object
) -> Outcome:
    """Run Renovate as an administrator would, with no way to any other host than the loopback.

    `path` holds the bot's tools beside the system's; `home` is its own, with its Copier settings.
    """
    renovate = program()
    config = {
        "platform": "gitea",
        "endpoint": endpoint,
        "token": "none",
        "binarySource": "global",
        "onboarding": False,
        "requireConfig": "required",
        "fetchChangeLogs": "off",
        "repositories": repositories,
        **administrator,
    }
    with TemporaryDirectory() as base:
        nowhere = "http://127.0.0.1:9"
        environment = {
            "RENOVATE_CONFIG": json.dumps(config),
            "RENOVATE_BASE_DIR": base,
            "LOG_LEVEL": "debug",
            "LOG_FORMAT": "json",
            "HOME": str(home),
            "PATH": os.pathsep.join([*map(str, path), "/usr/bin", "/bin"]),
            "HTTP_PROXY": nowhere,
            "HTTPS_PROXY": nowhere,
            "NO_PROXY": "127.0.0.1",
        }
        alone = local["env"]["-i", [f"{name}={value}" for name, value in environment.items()]]
        code, output, errors = alone[renovate].run(retcode=None, timeout=300)
    lines = [line for line in f"{output}\n{errors}".splitlines() if line.startswith("{")]
    return Outcome(code, [json.loads(line) for line in lines])


if __name__ == "__main__":
    print(program())
