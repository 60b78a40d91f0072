"""Traces of secrets: plain, in usual encodings, and within what is packed into something else."""

from __future__ import annotations

import base64
import binascii
import bz2
import contextlib
import gzip
import hashlib
import io
import json
import lzma
import re
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import zstandard

Part = tuple[str, bytes]
"""Something to search, and the place where it is."""

SHORTEST = 12  # what is shorter is found by accident
TEXT = 1_000_000  # bytes at the most
DEEPEST = 6  # of packed things within packed things


def unzstd(data: bytes) -> bytes:
    """Unpack what zstd packed."""
    return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()


def inflate(data: bytes) -> bytes:
    """Unpack what zlib packed, as git does; what follows it is left."""
    return zlib.decompressobj().decompress(data)


STREAMS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b\x08": gzip.decompress,
    b"\x28\xb5\x2f\xfd": unzstd,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
    **dict.fromkeys((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"), inflate),
}
BROKEN = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
# How those begin, and a zip file, where base64 makes text of them.
ENCODED = re.compile(
    rb"(?:H4sI|KLUv/|QlpoO|/Td6WFoA|eAE|eF4|eJw|eNo|UEsDBB)[A-Za-z0-9+/]{24,}={0,2}"
)


def opened(name: str, data: bytes, depth: int = 0) -> Iterator[Part]:
    """Yield a part, and what is packed within it, however deep.

    The members of a tar file stand in it as they are, so that of these only packed ones come again.
    """
    yield name, data
    if depth == DEEPEST:
        return
    for place, inner in unpacked(data):
        yield from opened(f"{name} > {place}", inner, depth + 1)
    if len(data) < TEXT:
        yield f"{name} > in one line", data.translate(None, b"\r\n")
        for found in ENCODED.finditer(data):
            with contextlib.suppress(binascii.Error):
                text = found[0].rstrip(b"=")
                inner = base64.b64decode(text + b"=" * (-len(text) % 4))
                for place, part in unpacked(inner):
                    yield from opened(f"{name} > base64 > {place}", part, depth + 2)


def unpacked(data: bytes) -> Iterator[Part]:
    """Yield what is packed in the data, one level deep."""
    with contextlib.suppress(*BROKEN):
        for magic, unpack in STREAMS.items():
            if data.startswith(magic):
                yield "unpacked", unpack(data)
                return
    with contextlib.suppress(*BROKEN, tarfile.TarError):
        if data[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                for member in archive:
                    file = archive.extractfile(member) if member.isfile() else None
                    if file and packed(file.read(262)):
                        file.seek(0)
                        yield member.name, file.read()
            return
    with contextlib.suppress(*BROKEN, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        if data.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for entry in archive.infolist():
                    yield entry.filename, archive.read(entry)


def packed(head: bytes) -> bool:
    """Tell from its first bytes whether something holds more than is seen."""
    return head.startswith((*STREAMS, b"PK\x03\x04")) or head[257:262] == b"ustar"


@dataclass(frozen=True)
class Secret:
    """What must be nowhere."""

    name: str
    content: bytes

    @classmethod
    def pem(cls, name: str, file: Path) -> list[Secret]:
        """Return a line out of each body of a PEM file as a secret, and what the body encodes."""
        bodies = re.findall(r"-----BEGIN [^-]+-----\n(.+?)-----END", file.read_text(), re.DOTALL)
        lines = [body.split()[1] for body in bodies]
        encoded = [base64.b64decode(body) for body in bodies]
        return [cls(name, line.encode()) for line in lines] + [cls(name, der) for der in encoded]


def forms(secret: bytes) -> dict[bytes, str]:
    """Return how a secret may look, and what each is called."""
    found = {secret: "plain", secret.hex().encode(): "hex", secret.hex().upper().encode(): "hex"}
    with contextlib.suppress(UnicodeDecodeError):
        text = secret.decode()
        for quoted in (quote(text, safe=""), quote(text), quote_plus(text)):
            lower = re.sub("%..", lambda sign: sign[0].lower(), quoted)
            found |= dict.fromkeys((quoted.encode(), lower.encode()), "quoted")
        found |= {json.dumps(text)[1:-1].encode(): "JSON", text.encode("utf-16-le"): "UTF-16"}
    for shift in range(3):  # a secret may begin anywhere in what is encoded
        encoded = base64.b64encode(bytes(shift) + secret)
        # Less the characters that what stands before and behind it shares.
        core = encoded[-(-shift * 4 // 3) : (shift + len(secret)) * 4 // 3]
        found |= dict.fromkeys((core, core.translate(bytes.maketrans(b"+/", b"-_"))), "base64")
    return {form: name for form, name in found.items() if len(form) >= SHORTEST}


@dataclass(frozen=True)
class Search:
    """What a search saw, and what it found."""

    parts: int
    traces: list[str]


def search(parts: Iterable[Part], secrets: list[Secret], known: Iterable[str] = ()) -> Search:
    """Look for every form of every secret in every part, and in what is packed within it.

    What is known by its digest, such as the layers of a base image, is left out.
    """
    needles: dict[bytes, str] = {}
    for secret in secrets:
        for form, encoding in forms(secret.content).items():
            needles.setdefault(form, f"{secret.name} ({encoding})")
    traces = []
    seen = set(known)
    parts_seen = 0
    for name, data in parts:
        for place, content in opened(name, data):
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            if digest not in seen or len(content) < TEXT:
                seen.add(digest)
                parts_seen += 1
                traces += [f"{place}: {name}" for form, name in needles.items() if form in content]
    return Search(parts_seen, traces)


# ---- places


def layout(archive: Path) -> Iterator[Part]:
    """Yield what an OCI layout in a tar file holds."""
    with tarfile.open(archive) as members:
        for member in members:
            if file := members.extractfile(member) if member.isfile() else None:
                yield f"image {member.name}", file.read()


def below(place: str, folder: Path) -> Iterator[Part]:
    """Yield every file below a folder."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield f"{place} {file.relative_to(folder)}", file.read_bytes()


def tree(folder: Path) -> Iterator[Part]:
    """Yield the files of a work tree, without what only git or a tool of its owner keeps."""
    for path, content in below("work tree", folder):
        if not {".git", ".venv", ".poetry"} & set(path.split(" ", 2)[2].split("/")):
            yield path, content


def objects(repository: Path) -> Iterator[Part]:
    """Yield every object that a git repository has, reachable or not, as it is once unpacked."""
    git = ["git", "-C", str(repository), "cat-file", "--batch-all-objects"]
    listed = subprocess.run([*git, "--batch-check"], capture_output=True, check=True).stdout
    content = io.BytesIO(subprocess.run([*git, "--batch"], capture_output=True, check=True).stdout)
    for _ in listed.splitlines():
        name, kind, size = content.readline().split()
        yield f"git {kind.decode()} {name.decode()}", content.read(int(size))
        content.readline()


def commands() -> Iterator[Part]:
    """Yield the command line of every process of the machine."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            yield f"process {file.parent.name}", file.read_bytes()
