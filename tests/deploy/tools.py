"""Programs that a deployment needs, unpacked into the cache and installed nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from plumbum import local
from plumbum.commands.base import BaseCommand

from tests.engine import apt
from tests.engine.cache import folder, once


def kustomize() -> BaseCommand:
    """Return kustomize, from Debian."""
    unpacked = folder() / "kustomize-trixie"
    once(unpacked, lambda path: apt.unpack({"kustomize": "trixie"}, path))
    return local[str(unpacked / "usr/bin/kustomize")]


def built(folder: Path) -> list[dict[str, Any]]:
    """Return the objects that kustomize makes of a folder."""
    return [item for item in yaml.safe_load_all(kustomize()("build", folder)) if item]


def of_kind(items: Iterable[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the objects of a kind."""
    return [item for item in items if item["kind"] == kind]
