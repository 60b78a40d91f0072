"""Poetry where the public index offers its simple API alone, as company mirrors do.

Poetry asks for the JSON API. Where that is missing, a plugin makes it use the simple one.
`python tasks/mirror.py ARGUMENT…` runs Poetry from the `PATH` with that fallback.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

from plumbum import CommandNotFound, ProcessExecutionError, local
from plumbum.commands.base import BaseCommand

ROOT = Path(__file__).parent.parent
PLUGIN = "poetry-plugin-pypi-mirror"
URL = "POETRY_PYPI_MIRROR_URL"


def simple_index() -> str:
    """Return the address of the simple index that pip uses here; `LookupError` without pip."""
    if index := os.environ.get("PIP_INDEX_URL"):
        return index
    builtin = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    for name in (sys.executable, "python3"):
        try:
            python = local[name]
            # Not `pip config get`, which overlooks the setting in some versions of pip.
            configured = re.search(r"\.index-url='(.+)'", python("-m", "pip", "config", "list"))
            return configured[1] if configured else str(python("-c", builtin)).strip()
        except (CommandNotFound, ProcessExecutionError):
            continue
    raise LookupError("there is no pip here to say which package index to use")


def with_plugin(poetry: BaseCommand, folder: Path) -> BaseCommand:
    """Return the Poetry at hand if it has the plugin, else its twin with it, made in `folder`."""
    if PLUGIN in poetry("self", "show", "plugins"):
        return poetry
    version = poetry("--version").strip(" )\n").split()[-1]
    local["python3"]("-m", "venv", folder)
    ours = tomllib.loads((ROOT / "standard.toml").read_text("utf-8"))["poetry"]["version"]
    pinned = ["--constraint", ROOT / "template/.poetry-constraints.txt"] if version == ours else []
    local[str(folder / "bin/pip")]("install", "--quiet", pinned, f"poetry=={version}", PLUGIN)
    return local[str(folder / "bin/poetry")]


def run(poetry: BaseCommand, *arguments: str) -> dict[str, str]:
    """Run Poetry; return the environment variables that are missing for it to work here.

    Raises the `ProcessExecutionError` of the first try where the simple index does not help either.
    """
    try:
        # What the cache remembers of another time would hide that the network needs the mirror.
        poetry("--no-cache", *arguments)
        mirrored = URL in os.environ and "POETRY_PLUGINS" not in os.environ
        return {"POETRY_PLUGINS": PLUGIN} if mirrored else {}
    except ProcessExecutionError as first:
        if URL in os.environ:
            raise
        try:
            index = simple_index()
            with TemporaryDirectory() as folder:
                with_plugin(poetry, Path(folder)).with_env(**{URL: index})(*arguments)
        except (CommandNotFound, LookupError, ProcessExecutionError):
            raise first from None
        return {"POETRY_PLUGINS": PLUGIN, URL: index}


if __name__ == "__main__":
    try:
        run(local["poetry"], *sys.argv[1:])
    except ProcessExecutionError as error:
        sys.exit(f"{error.stdout}{error.stderr}")
