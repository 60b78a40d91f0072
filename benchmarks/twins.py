"""Whether another checkout of the same commit gives the same image: other path, umask and time."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from benchmarks.entries import Entry
from tests.image.images import Image
from tests.image.rebuilds import rewrite

OLD = 1_600_000_000  # a day in 2020


def twin(entry: Entry, folder: Path) -> Entry:
    """Return another checkout of the same commit, as with umask 002, its files of another day."""
    service = entry.service
    service.run("git", "clone", "--quiet", ".", str(folder))
    service.run("git", "-C", str(folder), "remote", "remove", "origin")  # a label names it
    for age, path in enumerate(sorted(folder.rglob("*"))):
        if ".git" not in path.parts:
            path.chmod(path.stat().st_mode | 0o020)
            os.utime(path, (OLD + age, OLD + age))
    return replace(entry, service=replace(service, folder=folder))


def same(entry: Entry, folder: Path) -> tuple[bool, bool]:
    """Build both without cache; return whether all layers are equal, and the rewritten image.

    The second is asked of the template alone: it needs the commit's time, which `make image` gives.
    """
    digests, images = [], []
    for checkout in (entry, twin(entry, folder / "another" / "path")):
        checkout.build("--no-cache")
        digests.append(Image(entry.service.engine.docker, entry.image, entry.base).digests)
        if entry.contender.base:
            images.append(rewrite(checkout.service, folder / "image.tar"))
    return digests[0] == digests[1], bool(images) and images[0] == images[1]
