"""`make constraints`: pin what comes with Poetry and uv, after a version in the standard has moved.

What Poetry brings goes into the constraints by which every service installs it, so that a lock is
written by the same tools on each day. The hashes of uv's wheels go into the standard itself.
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import tomlkit
from packaging.utils import parse_wheel_filename
from plumbum import ProcessExecutionError, local

sys.path.insert(0, str(Path(__file__).parent.parent))
from extensions.standard import STANDARD, read
from tasks import mirror

CONSTRAINTS = STANDARD.parent / "template/.poetry-constraints.txt"
HEADER = "# What Poetry {} comes with: a lock is written by the same tools on each day.\n"
OLDEST = "3.10"  # the first Python that Poetry itself runs on
MACHINES = ("_x86_64", "_aarch64")  # that images are built for


def resolve(wanted: str, index: str, *options: str) -> str:
    """Return what uv makes of requirements, for every platform."""
    uv = local[str(Path(sys.executable).with_name("uv"))]["pip", "compile", "--universal"]
    quiet = uv["--no-config", "--quiet", "--no-header", "--no-annotate"]
    return str((quiet["--default-index", index, options, "-"] << wanted)())


def brought(poetry: str, index: str) -> list[str]:
    """Return a line for each package that comes with Poetry, or with its plugin for mirrors.

    Poetry's own version is the standard's to say, and that of its core Poetry's.
    """
    wanted = f"poetry=={poetry}\n{mirror.PLUGIN}\n"
    lines = resolve(wanted, index, "--python-version", OLDEST).splitlines()
    return [line for line in lines if line and not line.startswith(("poetry==", "poetry-core=="))]


def hashes(uv: str, index: str) -> list[str]:
    """Return the hashes of the wheels that may be installed in a build."""
    [package] = tomllib.loads(resolve(f"uv=={uv}", index, "--format=pylock.toml"))["packages"]
    found = []
    for wheel in package["wheels"]:
        *_, tags = parse_wheel_filename(wheel["url"].rpartition("/")[2])
        platforms = [tag.platform for tag in tags if tag.platform.startswith("manylinux")]
        if any(platform.endswith(MACHINES) for platform in platforms):
            found.append(f"sha256:{wheel['hashes']['sha256']}")
    return found


def main() -> None:
    """Write both, once all is resolved."""
    standard = read()
    poetry, uv = standard["poetry"]["version"], standard["uv"]["version"]
    index = os.environ.get(mirror.URL) or mirror.simple_index()
    lines, wheels = brought(poetry, index), hashes(uv, index)
    text = HEADER.format(poetry) + "".join(f"{line}\n" for line in lines)
    CONSTRAINTS.write_text(text, "utf-8", newline="\n")
    document = tomlkit.parse(STANDARD.read_text("utf-8"))
    pinned = tomlkit.array()
    pinned.extend(wheels)
    known = document["uv"]["hashes"]
    known.clear()
    known[uv] = pinned.multiline(True)
    STANDARD.write_text(tomlkit.dumps(document), "utf-8", newline="\n")
    print(f"Poetry {poetry} and {len(lines)} packages; uv {uv}, of {len(wheels)} wheels")


if __name__ == "__main__":
    try:
        main()
    except (LookupError, ProcessExecutionError) as error:
        said = getattr(error, "stderr", "").strip().splitlines() or [str(error)]
        sys.exit(f"Poetry and uv of standard.toml cannot be resolved: {said[-1].strip()}")
