"""`make bases`: the organisation's own builder and runtime images, for each Python on offer.

Each is tagged by its Python, and by its Python and minute (UTC). PUSH=1 pushes them too, and pins
what was pushed in standard.toml: a service keeps its base layers until a release brings the new
digests.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import tomlkit
from copier.errors import UserMessageError
from plumbum import FG, CommandNotFound, ProcessExecutionError, local

sys.path.insert(0, str(Path(__file__).parent.parent))
from extensions.standard import STANDARD, Table, read, table

RECIPE = STANDARD.parent / "bases"
TARGETS = ("builder", "runtime")


def names(standard: Table, python: str) -> dict[str, str]:
    """Return the image of each target as the standard names it, without mirror and digest."""
    base = standard["base"]["custom"]
    debian = standard["python"][python]["debian"]
    fields = {"python": python, "debian": debian, "debian_number": standard["debian"][debian]}
    return {target: base[target].format(**fields) for target in TARGETS}


def build(standard: Table, python: str, minute: str, *, push: bool) -> dict[str, str]:
    """Build both images for one Python, and push them under both their names.

    Returns their names, without the minute, and the digest that the registry gave to each.
    """
    known = table(standard)
    made = {}
    for target, name in names(standard, python).items():
        arguments = {
            "BASE": known["bases"][python][standard["base"]["custom"]["of"]]["runtime"],
            "POETRY": known["poetry"],
            "UV": known["uv"],
            "POETRY_PLUGINS": os.getenv("POETRY_PLUGINS", ""),
        }
        with TemporaryDirectory() as folder:
            metadata = Path(folder, "metadata.json")
            local["docker"][
                "build",
                "--provenance=false",
                *(["--no-cache-filter=patched"] if target == TARGETS[0] else []),
                shlex.split(os.getenv("DOCKER_BUILD_FLAGS", "")),
                f"--target={target}",
                f"--build-context=template={STANDARD.parent / 'template'}",
                [f"--build-arg={key}={value}" for key, value in arguments.items()],
                f"--tag={name}",
                f"--tag={name}-{minute}",
                # Not by `docker push`, which knows nothing of what a builder of its own has made.
                *(["--push", f"--metadata-file={metadata}"] if push else []),
                RECIPE,
            ] & FG
            made[name] = json.loads(metadata.read_text())["containerimage.digest"] if push else ""
    return made


def pin(name: str, digest: str) -> None:
    """Write a digest into standard.toml, over the one that was there."""
    document = tomlkit.parse(STANDARD.read_text("utf-8"))
    document.setdefault("digests", tomlkit.table())[name] = digest
    STANDARD.write_text(tomlkit.dumps(document), "utf-8")


def main() -> None:
    """Build for each Python that is not retired, or for those that are named."""
    parser = argparse.ArgumentParser(prog="make bases", usage="make bases [PYTHONS=3.13] [PUSH=1]")
    parser.add_argument("pythons", nargs="*")
    parser.add_argument("--push", action="store_true")
    options = parser.parse_args()
    standard = read()
    offered = [name for name, python in standard["python"].items() if not python.get("retired")]
    minute = f"{datetime.now(UTC):%Y.%m.%d-%H%M}"
    if unknown := [python for python in options.pythons if python not in offered]:
        sys.exit(f"Python {unknown[0]} is not offered; choose of {', '.join(offered)}.")
    custom = standard["base"].get("custom", {})
    if missing := [key for key in (*TARGETS, "of") if key not in custom]:
        sys.exit(
            f"standard.toml, [base.custom] has no {missing[0]}: `make bases` builds a builder and "
            "a runtime image, of another base."
        )
    for python in options.pythons or offered:
        for name, digest in build(standard, python, minute, push=options.push).items():
            if digest:
                pin(name, digest)
            print(f"{name}, also as {name}-{minute}")


if __name__ == "__main__":
    try:
        main()
    except UserMessageError as error:
        sys.exit(str(error))
    except CommandNotFound:
        sys.exit("make bases needs `docker`, with buildx.")
    except ProcessExecutionError as error:
        sys.exit(f"`{shlex.join(map(str, error.argv))}` failed; see above.")
