"""Images that break the contract, made from one that keeps it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.image.images import Image
from tests.image.services import Service


def spoil(service: Service, *lines: str, **files: str) -> Image:
    """Add lines to the end of the service's Dockerfile, as it were; `files` are their context."""
    image = service.image
    tag = hashlib.sha256(repr((lines, files)).encode()).hexdigest()[:12]
    name = f"{image.name.rpartition(':')[0]}:{tag}"
    with TemporaryDirectory() as folder:
        for file, content in files.items():
            Path(folder, file).write_text(content)
        Path(folder, "Dockerfile").write_text("\n".join([f"FROM {image.name}", *lines]) + "\n")
        flags = [f"--network={service.engine.network}", "--provenance=false", f"--tag={name}"]
        image.docker("build", *flags, folder)
    return replace(image, name=name)
