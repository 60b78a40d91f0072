"""Locks: made once for all contenders, and again with one package at an earlier release."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from plumbum import ProcessExecutionError, local

from tasks import mirror

ROOT = Path(__file__).parent.parent
UV = Path(sys.executable).with_name("uv")
MOST = 3  # packages that one bump may move: some move in pairs


@dataclass(frozen=True)
class Lock:
    """The same versions for each tool, by file name."""

    files: dict[str, bytes]

    @property
    def versions(self) -> dict[str, str]:
        """The packages of the main group; one with several versions by marker has its last."""
        return {package["name"]: package["version"] for package in main(self.files["poetry.lock"])}


def main(lock: bytes) -> list[dict[str, Any]]:
    """Return the entries of `poetry.lock` that the main group needs."""
    packages = tomllib.loads(lock.decode())["package"]
    return [package for package in packages if "main" in package["groups"]]


def requirements(lock: bytes) -> bytes:
    """Return the main group as pip reads it: a pinned line for each package."""
    lines = []
    for package in main(lock):
        markers = package.get("markers", "")
        marker = markers.get("main", "") if isinstance(markers, dict) else markers
        pin = f"{package['name']}=={package['version']}"
        lines.append(f"{pin} ; {marker}\n" if marker else f"{pin}\n")
    return "".join(lines).encode()


class Locker:
    """Locks the project of one folder, and knows what that needs on this network."""

    def __init__(self, project: Path) -> None:
        """Lock with Poetry as a new service does; `ProcessExecutionError` where it cannot."""
        self._project = (project / "pyproject.toml").read_bytes()
        poetry = local.get("poetry", str(ROOT / ".poetry/bin/poetry"))
        self.variables = mirror.run(poetry.with_cwd(project), "lock")
        """The environment variables that building needs on this network."""
        address = {name: value for name, value in self.variables.items() if name == mirror.URL}
        self._poetry = poetry.with_env(**(address | _address()))
        self.index = mirror.simple_index()
        lock = (project / "poetry.lock").read_bytes()
        with TemporaryDirectory() as folder:
            self._uv_lock = self._lock_uv(Path(folder), lock)
        self.lock = self._complete(lock, self._uv_lock)

    def earlier(self, name: str) -> Lock | None:
        """Return the lock with one package, and at most what it pins, at an earlier release.

        None where there is no release that the others allow.
        """
        version = self.lock.versions[name]
        with TemporaryDirectory() as folder:
            project = Path(folder)
            (project / "pyproject.toml").write_text(below(self._project, name, version), "utf-8")
            (project / "poetry.lock").write_bytes(self.lock.files["poetry.lock"])
            try:
                self._poetry.with_cwd(project)("lock")
            except ProcessExecutionError:
                return None
            content = _hash(self.lock.files["poetry.lock"])
            lock = (project / "poetry.lock").read_bytes()
            lock = lock.replace(_hash(lock), content)
            versions = Lock({"poetry.lock": lock}).versions
            moved = dict(versions.items() - self.lock.versions.items())
            if (
                name not in moved
                or len(moved) > MOST
                or versions.keys() - self.lock.versions.keys()
            ):
                return None
            try:
                uv = self._move_uv(project, moved)
            except subprocess.CalledProcessError:
                return None
            return self._complete(lock, uv)

    def _complete(self, lock: bytes, uv: bytes) -> Lock:
        return Lock({"poetry.lock": lock, "uv.lock": uv, "requirements.txt": requirements(lock)})

    def _lock_uv(self, folder: Path, lock: bytes) -> bytes:
        """Write uv's lock of Poetry's versions."""
        project = tomlkit.parse(self._project.decode())
        pins = requirements(lock).decode().splitlines()
        project["tool"]["uv"] = {"constraint-dependencies": pins}
        (folder / "pyproject.toml").write_text(tomlkit.dumps(project), "utf-8")
        self.run_uv(folder)
        return self._move_uv(folder, {})

    def _move_uv(self, folder: Path, moved: dict[str, str]) -> bytes:
        (folder / "pyproject.toml").write_bytes(self._project)
        if moved:
            (folder / "uv.lock").write_bytes(self._uv_lock)
        pins = [f"--upgrade-package={name}=={version}" for name, version in moved.items()]
        self.run_uv(folder, *pins)
        return (folder / "uv.lock").read_bytes()

    def run_uv(self, folder: Path, *flags: str) -> None:
        """Let uv lock the project of a folder; versions stay; `CalledProcessError` if it cannot."""
        environment = {**os.environ, "UV_DEFAULT_INDEX": self.index}
        command = [str(UV), "lock", "--quiet", "--no-python-downloads", *flags]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


def _address() -> dict[str, str]:
    return {mirror.URL: os.environ[mirror.URL]} if mirror.URL in os.environ else {}


def _hash(lock: bytes) -> bytes:
    found = re.search(rb'^content-hash = ".*"$', lock, re.MULTILINE)
    assert found
    return found[0]


def below(project: bytes, name: str, version: str) -> str:
    """Return pyproject.toml with one package, direct or not, below a version."""
    content = tomlkit.parse(project.decode())
    dependencies: Any = content["project"]["dependencies"]
    for number, text in enumerate(dependencies):
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == name:
            requirement.specifier &= f"<{version}"
            dependencies[number] = str(requirement)
            break
    else:
        dependencies.append(f"{name}<{version}")
    return tomlkit.dumps(content)
