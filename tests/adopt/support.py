"""Old services to adopt, a package index on the loopback, and how adopting one ended."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[2]
STANDARD = tomllib.loads((ROOT / "standard.toml").read_text("utf-8"))
OFFERED = [v for v, python in STANDARD["python"].items() if not python.get("retired")]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody; return what it said."""
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    command = ["git", *who, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files by path."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())


def repository(folder: Path, files: dict[str, str]) -> Path:
    """Make a git repository with one commit of these files."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, files)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "What there was")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files but git's own, by path."""
    paths = (p.relative_to(folder) for p in sorted(folder.rglob("*")) if not p.is_dir())
    return {p.as_posix(): (folder / p).read_bytes() for p in paths if p.parts[0] != ".git"}


@dataclass(frozen=True)
class Outcome:
    """How an adoption ended: exit code, report, and what else was said."""

    code: int
    report: str
    errors: str

    def group(self, title: str) -> list[str]:
        """Return the lines of one group of the report."""
        found = re.search(rf"^{title}:\n((?:  .*\n?)+)", self.report, re.MULTILINE)
        return (
            [line.removeprefix("  ").removeprefix("- ") for line in found[1].splitlines()]
            if found
            else []
        )

    @property
    def taken(self) -> str:
        """What was taken over."""
        return "\n".join(self.group("Taken over"))

    @property
    def looks(self) -> str:
        """What needs a look."""
        return "\n".join(self.group("Needs a look"))

    @property
    def commands(self) -> list[str]:
        """The next commands."""
        return self.group("Next commands")


def wheel(name: str, version: str, requires: tuple[str, ...] = ()) -> bytes:
    """Return a wheel with nothing but its metadata."""
    information = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.9\n"
    metadata += "".join(f"Requires-Dist: {text}\n" for text in requires)
    tag = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for file, text in (("METADATA", metadata), ("WHEEL", tag), ("RECORD", "")):
            archive.writestr(zipfile.ZipInfo(f"{information}/{file}", (2020, 1, 1, 0, 0, 0)), text)
    return data.getvalue()


Packages = dict[str, dict[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Index:
    """A package index: its address, and the hashes of its files."""

    url: str
    hashes: dict[tuple[str, str], str]


@contextmanager
def index(folder: Path, packages: Packages) -> Iterator[Index]:
    """Serve `{name: {version: requirements}}` as a simple index on the loopback."""
    hashes: dict[tuple[str, str], str] = {}
    for name, versions in packages.items():
        links = ""
        for version, requires in versions.items():
            data = wheel(name, version, requires)
            file = f"{name}-{version}-py3-none-any.whl"
            hashes[name, version] = f"sha256:{sha256(data).hexdigest()}"
            (folder / "files").mkdir(parents=True, exist_ok=True)
            (folder / "files" / file).write_bytes(data)
            fragment = hashes[name, version].replace(":", "=")
            links += f'<a href="/files/{file}#{fragment}">{file}</a>\n'
        write(
            folder,
            {f"simple/{name}/index.html": f"<!DOCTYPE html><html><body>{links}</body></html>"},
        )

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Index(f"http://127.0.0.1:{server.server_port}/simple", hashes)
    finally:
        server.shutdown()
