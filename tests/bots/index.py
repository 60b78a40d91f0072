"""A package index of empty packages, for the forge to serve."""

from __future__ import annotations

import hashlib
import io
import zipfile

from .forge import Forge


def wheel(name: str, version: str) -> bytes:
    """Return a package with one empty module."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        info = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return content.getvalue()


def serve(forge: Forge, name: str, *versions: str) -> str:
    """Offer these versions of a package; return the index's address."""
    links = []
    for version in versions:
        file = f"{name}-{version}-py3-none-any.whl"
        content = wheel(name, version)
        forge.files[f"/files/{file}"] = ("application/zip", content)
        digest = hashlib.sha256(content).hexdigest()
        links.append(f'<a href="/files/{file}#sha256={digest}">{file}</a>')
    page = f"<!DOCTYPE html><html><body>{' '.join(links)}</body></html>"
    forge.files[f"/simple/{name}/"] = ("text/html", page.encode())
    return f"{forge.address}/simple/"
