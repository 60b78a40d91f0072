"""What goes wrong: processes are killed, disks are full, indexes answer wrongly, clocks are off."""

from __future__ import annotations

import io
import os
import random
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from urllib.parse import urljoin
from urllib.request import Request, urlopen

import pytest

from tests.engine import apt, cache
from tests.engine.contained import contained
from tests.image.services import ENVIRONMENT
from tests.render.support import Outcome

SEED = int(os.environ.get("FAULTS_SEED", "6"))
PATIENCE = 300  # seconds, after which a command hangs
IDENTITY = "[user]\nname = Somebody\nemail = somebody@example.com\n"
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


class Moments(random.Random):
    """What decides the moments of a test; fails it where none of a hundred was a good one."""

    left = 100

    def uniform(self, a: float, b: float) -> float:
        """Return a moment between two."""
        self.left -= 1
        if self.left < 0:
            pytest.fail("A hundred moments came too early or too late.")
        return super().uniform(a, b)


def chance(name: object) -> Moments:
    """Return what decides the moments of a test, the same in every run of a seed."""
    return Moments(f"{SEED} {name}")


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a command."""
    return {**ENVIRONMENT, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **variables}


def somebody(folder: Path, path: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a person with a name for git, who first finds programs in `path`.

    What they leave outside of a service lies in `folder`.
    """
    config = folder / "gitconfig"
    config.write_text(IDENTITY)
    scratch = folder / "tmp"
    scratch.mkdir()
    env = environment(GIT_CONFIG_GLOBAL=str(config), TMPDIR=str(scratch), **variables)
    return {**env, "PATH": f"{path}:{env['PATH']}"}


def run(
    *command: object, cwd: Path, env: Mapping[str, str], killed_after: float | None = None
) -> Outcome:
    """Run a command; where told to, kill it then with all that it has started.

    A command that was killed has a code below 0.
    """
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=killed_after or PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
        assert killed_after, f"{command} hangs: {output}{errors}"
    return Outcome(process.returncode, output, errors)


def clock(year: int) -> dict[str, str]:
    """Return the variables under which programs live in another year, or skip the test."""
    try:
        suite = apt.codename()
        folder = cache.once(
            cache.folder() / f"libfaketime-{suite}",
            lambda path: apt.unpack({"libfaketime": suite}, path),
        )
    except (LookupError, OSError) as error:
        pytest.skip(f"libfaketime cannot be had: {error}")
    [library] = folder.glob("usr/lib/*/faketime/libfaketimeMT.so.1")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"@{year}-01-02 00:00:00",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
        "TZ": "UTC",
    }


class Room:
    """A file system of a few megabytes, which goes with the test, however that ends."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        """Mount it at a folder, where only commands that run in it see it."""
        if sys.platform != "linux" or os.geteuid():
            pytest.skip("A small file system needs Linux and root.")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        mount = f'mount -t tmpfs -o size={megabytes}m tmpfs "$0" && echo && exec sleep infinity'
        self._holder = subprocess.Popen(
            contained("sh", "-c", mount, str(folder)), stdout=subprocess.PIPE
        )
        assert self._holder.stdout
        assert self._holder.stdout.readline()

    @property
    def seen(self) -> Path:
        """The folder as this process sees it."""
        return Path(f"/proc/{self._holder.pid}/root{self.folder}")

    def command(self, *command: object) -> list[str]:
        """Return the command that runs another one in it."""
        enter = ["nsenter", f"--target={self._holder.pid}", "--mount", f"--wd={self.folder}"]
        return [*enter, *map(str, command)]

    def remount(self, options: str) -> None:
        """Change how it is mounted."""
        remount = self.command("mount", "-o", f"remount,{options}", self.folder)
        subprocess.run(remount, check=True, env={**os.environ, "PATH": os.defpath + ":/sbin"})

    def leave(self, kilobytes: int) -> None:
        """Leave room for so much."""
        used = os.statvfs(self.seen)
        kept = (used.f_blocks - used.f_bfree) * used.f_frsize // 1024
        self.remount(f"size={kept + kilobytes}k")

    def close(self) -> None:
        """Forget it."""
        self._holder.kill()
        self._holder.wait()


@contextmanager
def room(folder: Path, megabytes: int = 64) -> Iterator[Room]:
    """Give a small file system until the end."""
    made = Room(folder, megabytes)
    try:
        yield made
    finally:
        made.close()


@dataclass
class Index:
    """A package index on loopback that leads to this machine's, and fails as it is told to.

    The fault is one of `FAULTS`; it begins after so many good answers.
    """

    url: str = ""
    fault: str = ""
    after: int = 0
    share: float = 0.5
    """How much of an answer comes before the network goes, or before a byte that is wrong."""
    name: str = ""
    """Part of the name of the only file or page that the fault befalls; all where it is empty."""
    kept: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def fail(self, fault: str, *, after: int = 0, share: float = 0.5, name: str = "") -> None:
        """Fail from now on."""
        self.fault, self.after, self.share, self.name = fault, after, share, name

    def heal(self) -> None:
        """Answer well again."""
        self.fault = ""

    def failing(self, path: str) -> str:
        """Return the fault that befalls this request."""
        with self.lock:
            if not self.fault or self.name not in path:
                return ""
            if self.after:
                self.after -= 1
                return ""
            return self.fault


class _Server(ThreadingHTTPServer):
    """Says nothing of clients that go away, as killed ones do."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        pass


FAULTS = ("404", "429", "500", "gone", "half", "wrong")


def other(wheel: bytes) -> bytes:
    """Return a wheel that works and is not the one that was published."""
    content = io.BytesIO(wheel)
    with zipfile.ZipFile(content, "a") as archive:
        archive.comment = b"not the one that was published"
    return content.getvalue()


@contextmanager
def serve(origin: str, *, linked: bool = True, warm: Index | None = None) -> Iterator[Index]:
    """Serve what lies at an address, with the files that its pages link to.

    One that is warm lends what it has fetched.
    """
    index = Index(kept=warm.kept if warm else {})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            fault = index.failing(self.path)
            if fault.isdigit():
                self.send_error(int(fault))
                return
            try:
                kind, body = fetch(self.path)
            except OSError as error:
                self.send_error(getattr(error, "code", 404))
                return
            if fault == "other":
                body = other(body)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            part = int(len(body) * index.share)
            if fault == "wrong":
                body = body[:part] + bytes([body[part] ^ 1]) + body[part + 1 :]
            if fault in ("gone", "half"):
                body = body[:part]
                self.close_connection = True
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    def fetch(path: str) -> tuple[str, bytes]:
        if path not in index.kept:
            with urlopen(Request(address(path), headers={"Accept": "text/html, */*;q=0.1"})) as got:
                kind, body, url = got.headers["Content-Type"] or "text/plain", got.read(), got.url
            if linked and "html" in kind:
                links = rb'(?<=href=")[^"#]+'
                body = re.sub(links, lambda link: here(urljoin(url, link[0].decode())), body)
            index.kept[path] = kind, body
        return index.kept[path]

    def address(path: str) -> str:
        folder, _, name = path.partition("?")[0][1:].partition("/")
        return name.replace("/", "://", 1) if folder == "file" else f"{origin.rstrip('/')}/{name}"

    def here(link: str) -> bytes:
        return f"/file/{link.replace('://', '/', 1)}".encode()

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        index.url = f"http://127.0.0.1:{server.server_port}/root/"
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()
