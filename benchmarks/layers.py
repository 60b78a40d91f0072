"""What an image's layers weigh."""

from __future__ import annotations

import gzip
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from plumbum.commands.base import BaseCommand

from tests.image.images import Image, save


@dataclass(frozen=True)
class Layer:
    """A layer by its uncompressed digest; `packed` and `files` are bytes."""

    digest: str
    packed: int
    """As it is pushed and pulled."""
    files: int
    """What its files hold."""


class Scales:
    """Weighs the layers of images, each once."""

    def __init__(self) -> None:
        """Know none yet."""
        self._known: dict[str, Layer] = {}

    def above(self, docker: BaseCommand, name: str, base: str) -> list[Layer]:
        """Return the layers above the base, from below."""
        image = Image(docker, name, base)
        if not self._known.keys() >= set(image.digests):
            self._weigh(image)
        return [self._known[digest] for digest in image.digests]

    def _weigh(self, image: Image) -> None:
        with TemporaryDirectory() as folder, tarfile.open(save(image, Path(folder))) as archive:
            file = archive.extractfile("manifest.json")
            assert file
            [manifest] = json.load(file)
            names = manifest["Layers"][-len(image.digests) :]
            for name, digest in zip(names, image.digests, strict=True):
                if digest not in self._known:
                    self._known[digest] = _weigh(archive, name, digest)


def _weigh(archive: tarfile.TarFile, name: str, digest: str) -> Layer:
    file = archive.extractfile(name)
    assert file
    packed = archive.getmember(name).size
    if file.read(2) != b"\x1f\x8b":  # an engine that keeps layers as plain archives
        file.seek(0)
        packed = len(gzip.compress(file.read(), mtime=0))
    file.seek(0)
    with tarfile.open(fileobj=file) as layer:
        return Layer(digest, packed, sum(entry.size for entry in layer if entry.isreg()))


def changed(before: list[Layer], after: list[Layer]) -> int:
    """Return the bytes of the layers that were not there before, as they are pushed."""
    known = {layer.digest for layer in before}
    return sum(layer.packed for layer in after if layer.digest not in known)
