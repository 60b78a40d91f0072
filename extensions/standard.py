"""The organisation's standard as one table, `standard`, for the questionnaire and the templates.

Copier runs this file anew for each version of the template, yet caches what it imports: so it
imports nothing of its own and finds its data beside itself.
"""

from __future__ import annotations

import keyword
import sys
import tomllib
from pathlib import Path
from typing import Any

from copier.errors import UserMessageError
from jinja2 import Environment
from jinja2.ext import Extension

STANDARD = Path(__file__).parent.parent / "standard.toml"

# Names that Windows cannot check out.
WINDOWS_DEVICES = {"aux", "con", "nul", "prn"} | {
    f"{d}{n}" for d in ("com", "lpt") for n in range(10)
}

Table = dict[str, Any]


def read(path: Path = STANDARD) -> Table:
    """Return the standard as written; raise `UserMessageError` where it is no TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UserMessageError(f"{path.name} cannot be read: {error}") from error


def reference(name: str, standard: Table, public: bool) -> str:
    """Return the reference of a base image: behind the mirror, and by digest where one is pinned.

    `python:3.13-slim` -> `mirror.example.com/hub/python:3.13-slim@sha256:…`
    """
    mirror, digests = standard["registry"]["mirror"], standard["digests"]
    prefix = f"{mirror.rstrip('/')}/" if mirror and public else ""
    digest = f"@{digests[name]}" if name in digests else ""
    return f"{prefix}{name}{digest}"


def image(base: Table, python: str, standard: Table) -> Table:
    """Return what a service needs to know of one base image for one Python.

    `unavailable` says why it cannot be had, and is empty where it can. `carried` says whether its
    Python is the builder's.
    """
    debian = base.get("debian", standard["python"][python]["debian"])
    fields = {
        "python": python,
        "debian": debian,
        "debian_number": standard["debian"][debian],
    }
    offered = base.get("pythons", [python])
    carried = {} if python in offered else base.get("carried", {})
    base = base | carried
    runtime = base["runtime"].format(**fields)
    builder = base.get("builder", runtime).format(**fields)
    public = base.get("public", True)
    missing = f"it has no Python {python}, only {' and '.join(offered)}"
    return {
        "builder": reference(builder, standard, public),
        "runtime": reference(runtime, standard, public),
        "name": runtime,
        "digest": standard["digests"].get(runtime, ""),
        "help": base["help"],
        "interpreter": base["interpreter"].format(**fields),
        "root": base.get("root", True),
        "apt": base.get("apt", True),
        "uv": base.get("uv", False),
        "carried": bool(carried),
        "unavailable": "" if carried or python in offered else missing,
    }


def table(standard: Table) -> Table:
    """Return every choice and image reference that follows from the standard: plain data."""
    pythons = standard["python"]
    return {
        "defaults": standard["defaults"],
        "poetry": standard["poetry"]["version"],
        "uv": standard["uv"]["version"],
        "index": standard["index"]["url"],
        "images": standard["registry"]["images"],
        "pythons": {
            version: {
                "end_of_life": str(python["end_of_life"]),
                "retired": python.get("retired", False),
            }
            for version, python in pythons.items()
        },
        "bases": {
            version: {
                name: image(base, version, standard) for name, base in standard["base"].items()
            }
            for version in pythons
        },
        "reserved_names": sorted({*sys.stdlib_module_names, *keyword.kwlist, *WINDOWS_DEVICES}),
    }


def checked(standard: Table) -> Table:
    """Return the table; raise `UserMessageError` with one sentence for a mistake in it."""
    try:
        result = table(standard)
        offered = [
            version for version, python in result["pythons"].items() if not python["retired"]
        ]
        for name, values in (("python_version", offered), ("base_image", standard["base"])):
            if standard["defaults"][name] not in values:
                raise UserMessageError(
                    f"standard.toml proposes {name} = {standard['defaults'][name]!r} "
                    f"and offers only {', '.join(values)}"
                )
    except KeyError as error:
        raise UserMessageError(
            f"standard.toml says nothing of {error}, which it names or needs"
        ) from error
    return result


class Standard(Extension):
    """Makes the table known as `standard` to every template."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["standard"] = checked(read())
