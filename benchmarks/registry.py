"""How much a push sends is how much the registry's storage grows."""

from __future__ import annotations

import time

from benchmarks.entries import Entry
from tests.engine.registry import NoRegistry, Registry, registry

__all__ = ["NoRegistry", "Registry", "push", "registry"]


def push(registry: Registry, entry: Entry) -> tuple[float, int]:
    """Push an entry's image; return the seconds, and the bytes new to the registry."""
    docker = entry.service.engine.docker
    name = f"{registry.address}/{entry.app.name}/{entry.contender.name}:newest"
    docker("tag", entry.image, name)
    before, begin = registry.size, time.monotonic()
    docker("push", "--quiet", name)
    seconds = time.monotonic() - begin
    docker("image", "rm", name)
    return seconds, registry.size - before
