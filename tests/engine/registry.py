"""A real registry on loopback, which tells what it keeps."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

from plumbum import ProcessExecutionError

from tests.engine import apt, cache, loopback, remains
from tests.engine.contained import bound

CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


class NoRegistry(Exception):
    """There is none here; the message is one sentence that says why."""


@dataclass(frozen=True)
class Registry:
    """A running registry."""

    address: str
    storage: Path

    @property
    def size(self) -> int:
        """The bytes of all that it keeps: layers, configurations and manifests."""
        return sum(file.stat().st_size for file in self.storage.rglob("data") if file.is_file())

    def layers(self, name: str, tag: str) -> dict[str, int]:
        """Return the layers of an image, as a client reads them: `{"sha256:…": bytes, packed}`."""
        request = Request(f"http://{self.address}/v2/{name}/manifests/{tag}")
        request.add_header("Accept", ", ".join(MANIFESTS))
        with build_opener(ProxyHandler({})).open(request) as answer:
            return {layer["digest"]: layer["size"] for layer in json.load(answer)["layers"]}


def program() -> str:
    """Return the path of the registry: installed, or unpacked into the cache; else NoRegistry."""
    if found := shutil.which("docker-registry"):
        return found
    try:
        release = apt.codename()
        folder = cache.folder() / f"docker-registry-{release}"
        cache.once(folder, lambda path: apt.unpack({"docker-registry": release}, path))
    except (LookupError, ProcessExecutionError) as error:
        reason = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1]
        raise NoRegistry(f"Debian's docker-registry cannot be had: {reason}") from error
    return str(folder / "usr/bin/docker-registry")


@contextmanager
def registry(auth: str = "") -> Iterator[Registry]:
    """Run an empty registry until the end; NoRegistry where that cannot be.

    `auth` is the part of its configuration that says who may do what; without it, everybody.
    """
    command = program()
    port = loopback.free_port()
    folder = remains.Folder("copier-poetry-registry-")
    try:
        file = folder.path / "config.yml"
        text = CONFIGURATION.format(folder=folder.path / "data", port=port) + auth
        file.write_text(text, "utf-8")
        process = subprocess.Popen(
            bound(command, "serve", str(file)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[folder.lock],
        )
        try:
            if not loopback.listens(process, port):
                raise NoRegistry("The registry on loopback did not start.")
            yield Registry(f"127.0.0.1:{port}", folder.path / "data")
        finally:
            process.kill()
            process.wait()
    finally:
        folder.remove()
