"""Base images by name: stand-ins for public ones, and the organisation's own by `make bases`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from extensions.standard import read, table
from tasks import bases
from tests.engine import Engine

ROOT = Path(__file__).parents[2]
OWN = "registry.example.com/platform/"

_made: set[tuple[str, str]] = set()


def provide(engine: Engine, name: str) -> None:
    """Have a base image on the engine."""
    if not name.startswith(OWN):
        engine.base(name)
        return
    python = name.rpartition(":")[2]
    made = (engine.env.get("DOCKER_HOST", ""), python)
    if made not in _made:
        standard = read()
        base = table(standard)["bases"][python][standard["base"]["custom"]["of"]]
        engine.base(base["runtime"])
        flags = f"--network={engine.network}"
        subprocess.run(
            [sys.executable, ROOT / "tasks/bases.py", python],
            env={**os.environ, **engine.env, "DOCKER_BUILD_FLAGS": flags},
            check=True,
            capture_output=True,
        )
        _made.add(made)


def remove(engine: Engine) -> None:
    """Remove the organisation's own images again."""
    for _, python in _made:
        engine.docker("image", "rm", "--force", *bases.names(read(), python).values())
