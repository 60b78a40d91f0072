"""An image as it lies on the engine: its configuration, its layers, its bytes."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import filter as matching
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plumbum.commands.base import BaseCommand


@dataclass(frozen=True)
class Layer:
    """What one layer adds or changes, by path without the leading slash."""

    digest: str
    entries: dict[str, tarfile.TarInfo]


@dataclass(frozen=True)
class Image:
    """An image on an engine, and the one that it was built on."""

    docker: BaseCommand
    name: str
    base: str
    composed: bool = False
    """Whether the first layer above the base is what the runtime image could not install."""

    @cached_property
    def config(self) -> dict[str, Any]:
        """What containers inherit: Cmd, Env, User, Labels and so on."""
        return dict(inspect(self.docker, self.name)["Config"])

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of the image."""
        return dict(variable.split("=", 1) for variable in self.config["Env"])

    @cached_property
    def digests(self) -> list[str]:
        """The digests of the layers above the base, uncompressed, from below."""
        base = inspect(self.docker, self.base)["RootFS"]["Layers"]
        own = inspect(self.docker, self.name)["RootFS"]["Layers"]
        assert own[: len(base)] == base, f"{self.name} does not stand on {self.base}"
        return list(own[len(base) :])

    @cached_property
    def layers(self) -> list[Layer]:
        """The layers above the base, from below."""
        with TemporaryDirectory() as folder, tarfile.open(save(self, Path(folder))) as archive:
            [manifest] = json.loads(_read(archive, "manifest.json"))
            layers = []
            for name, digest in zip(
                manifest["Layers"][-len(self.digests) :], self.digests, strict=True
            ):
                with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                    layers.append(Layer(digest, {entry.name: entry for entry in layer}))
        return layers

    @property
    def entries(self) -> dict[str, tarfile.TarInfo]:
        """Everything above what the service runs on, by path."""
        layers = self.layers[self.composed :]
        return {path: entry for layer in layers for path, entry in layer.entries.items()}

    @property
    def additions(self) -> Layer:
        """The layer of what the runtime image could not install."""
        assert self.composed
        return self.layers[0]

    def layer_of(self, path: str) -> Layer:
        """Return the one layer that holds a file, whose path may be a pattern."""
        [layer] = [layer for layer in self.layers if matching(layer.entries, path)]
        return layer

    @property
    def dependencies(self) -> list[Layer]:
        """The layers of the dependencies: those below that of the environment itself."""
        own = self.layer_of("app/.venv/pyvenv.cfg")
        return self.layers[: self.layers.index(own) + 1]

    @property
    def below(self) -> list[str]:
        """The digests of the layers of the dependencies."""
        return [layer.digest for layer in self.dependencies]

    @property
    def code(self) -> Layer:
        """The layer of the application."""
        return self.layer_of("app/app/main.py")

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield every part above the base, configuration and history too, with its name."""
        with TemporaryDirectory() as folder, tarfile.open(save(self, Path(folder))) as archive:
            [manifest] = json.loads(_read(archive, "manifest.json"))
            base = set(manifest["Layers"][: -len(self.digests)])
            for entry in archive:
                if entry.isfile() and entry.name not in base:
                    content = _read(archive, entry.name)
                    packed = content.startswith(b"\x1f\x8b")
                    yield entry.name, gzip.decompress(content) if packed else content


def inspect(docker: BaseCommand, name: str) -> dict[str, Any]:
    """Return what the engine knows of an image or container; a base image is pulled first."""
    if docker["inspect", name].run(retcode=None)[0]:
        docker("pull", "--quiet", name)
    return dict(json.loads(docker("inspect", name))[0])


def save(image: Image, folder: Path) -> Path:
    """Write the image as an archive into the folder."""
    image.docker("save", "--output", folder / "image.tar", image.name)
    return folder / "image.tar"


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file
    return file.read()
