"""A real registry on loopback: how much a push sends is how much its storage grows."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from plumbum import ProcessExecutionError

from benchmarks.entries import Entry
from tests.engine import apt, cache
from tests.image.containers import free_port

PATIENCE = 20  # seconds
CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


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

    def push(self, entry: Entry) -> tuple[float, int]:
        """Push an entry's image; return the seconds, and the bytes new to the registry."""
        docker = entry.service.engine.docker
        name = f"{self.address}/{entry.app.name}/{entry.contender.name}:newest"
        docker("tag", entry.image, name)
        before, begin = self.size, time.monotonic()
        docker("push", "--quiet", name)
        seconds = time.monotonic() - begin
        docker("image", "rm", name)
        return seconds, self.size - before


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
def registry() -> Iterator[Registry]:
    """Run an empty registry until the end; NoRegistry where that cannot be."""
    command, port = program(), free_port()
    with TemporaryDirectory() as folder:
        file = Path(folder, "config.yml")
        file.write_text(CONFIGURATION.format(folder=f"{folder}/data", port=port), "utf-8")
        process = subprocess.Popen(
            [command, "serve", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait(process, port)
            yield Registry(f"127.0.0.1:{port}", Path(folder, "data"))
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise NoRegistry("The registry on loopback did not start.")
