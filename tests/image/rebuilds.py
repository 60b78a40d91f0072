"""What a second build makes of the first: after an edit, and from another checkout."""

from __future__ import annotations

import json
import os
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.image.images import Image
from tests.image.services import VERSION, Service

NEWER = "0.2.0"
LIBRARY = "sqlite3"  # which no dependency imports


@dataclass(frozen=True)
class Edits:
    """What builds give, and say, after edits that services see often."""

    source: Image
    version: Image
    output: str
    """What the build said after the new version."""


def edit(service: Service, folder: Path) -> Edits:
    """Edit another checkout and build: first a source, then version and tool settings."""
    twin = service.twin(folder, "edited")
    settings = twin.folder / "app" / "settings.py"
    settings.write_text(settings.read_text("utf-8") + f"\n\nimport {LIBRARY}\n")
    twin.commit()
    twin.make("image")
    project = twin.folder / "pyproject.toml"
    text = project.read_text("utf-8").replace(f'version = "{VERSION}"', f'version = "{NEWER}"')
    project.write_text(text + "\n[tool.coverage.run]\nbranch = true\n")
    twin.commit()
    output = twin.make("image")
    return Edits(twin.tagged(VERSION), twin.tagged(NEWER), output)


def bump(service: Service, folder: Path, package: str) -> Image:
    """Move one package of the lock to another version, as Poetry does it, and build."""
    twin = service.twin(folder, "bumped")
    version = locked(twin)[package]
    project = twin.folder / "pyproject.toml"
    text = project.read_text("utf-8")
    unwanted = f'dependencies = [\n    "{package}!={version}",'
    project.write_text(text.replace("dependencies = [", unwanted, 1), "utf-8")
    twin.lock()
    before, after = locked(service), locked(twin)
    assert {name for name in before if after.get(name) != before[name]} == {package}
    twin.commit()
    twin.make("image")
    return twin.image


def locked(service: Service) -> dict[str, str]:
    """Return the version of each package in the lock."""
    lock = tomllib.loads((service.folder / "poetry.lock").read_text("utf-8"))
    return {package["name"]: package["version"] for package in lock["package"]}


@dataclass(frozen=True)
class Rebuild:
    """The same commit, built without cache from a checkout with other modes and times."""

    plain: Image
    """By a plain `docker build`, to which nobody gave a date."""
    dated: Image
    """By `make image`."""
    output: str
    """What that build said."""
    rewritten: tuple[list[str], list[str]]
    """The digest of each checkout's image, built with times rewritten."""


def rebuild(service: Service, folder: Path) -> Rebuild:
    """Check the service out elsewhere, as with umask 002, and build it."""
    twin = service.twin(folder / "another" / "path", "twin")
    for age, path in enumerate(sorted(twin.folder.rglob("*"))):
        if ".git" not in path.parts:
            path.chmod(path.stat().st_mode | 0o020)
            os.utime(path, (1_600_000_000 + age, 1_600_000_000 + age))
    output = twin.build("--no-cache", f"--tag={twin.name}:plain")
    twin.make("image")
    archive = folder / "image.tar"
    rewritten = ([rewrite(service, archive)], [rewrite(twin, archive)])
    return Rebuild(twin.tagged("plain"), twin.image, output, rewritten)


def rewrite(service: Service, archive: Path) -> str:
    """Build with times rewritten; return the digest of the image."""
    service.make("image", f"--output=type=oci,rewrite-timestamp=true,dest={archive}")
    with tarfile.open(archive) as layout:
        index = layout.extractfile("index.json")
        assert index
        [manifest] = json.load(index)["manifests"]
    archive.unlink()
    return str(manifest["digest"])
