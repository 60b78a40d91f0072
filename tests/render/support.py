"""Small helpers: what the standard offers, forks of the template, what a command did."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
POETRY = ROOT / ".poetry/bin/poetry"
STANDARD: dict[str, Any] = tomllib.loads((ROOT / "standard.toml").read_text("utf-8"))
QUESTIONS: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))


class Combination(NamedTuple):
    """What decides most of a service."""

    service_kind: str
    base_image: str
    python_version: str

    def __str__(self) -> str:
        return "-".join(self)


KINDS: list[str] = list(QUESTIONS["service_kind"]["choices"].values())
PYTHONS: list[str] = [v for v, python in STANDARD["python"].items() if not python.get("retired")]
DEFAULT: str = STANDARD["defaults"]["python_version"]
OTHER = next(python for python in PYTHONS if python != DEFAULT)
DISTROLESS: list[str] = STANDARD["base"]["distroless"].get("pythons", PYTHONS)
NOT_DISTROLESS = [python for python in PYTHONS if python not in DISTROLESS]
# What the standard may lack: then a base is for its own Pythons alone.
CARRIED = r"(?s)^# Any other Python runs here.*?(?=^\[base\.custom\])"
COMBINATIONS = [
    Combination(kind, base, python)
    for kind, base, python in itertools.product(KINDS, STANDARD["base"], PYTHONS)
]
# What `deploy` adds, each value with each kind once.
DEPLOYED: list[dict[str, str]] = [
    {"deploy": "kustomize", "service_kind": kind, **more}
    for kind, more in [
        *(("web", {"canary": canary}) for canary in QUESTIONS["canary"]["choices"].values()),
        ("worker", {}),
        ("job", {}),
        ("job", {"schedule": "30 4 * * mon-fri"}),
    ]
]
# What `observability` adds, to each kind, and to what is deployed.
OBSERVED: list[dict[str, str]] = [
    {"observability": "opentelemetry", **more}
    for more in [
        *({"service_kind": kind} for kind in KINDS),
        *({"service_kind": kind, "deploy": "kustomize"} for kind in KINDS),
        {"service_kind": "web", "deploy": "kustomize", "canary": "rollouts"},
    ]
]
# What a day's work may have, all of it with each kind.
EVERY_DAY: list[dict[str, Any]] = [
    *({"service_kind": kind, "compose": True, "pre_commit": True} for kind in KINDS),
    *({"service_kind": kind, "devcontainer": True} for kind in KINDS),
    {"compose": True, "database": "postgresql", "devcontainer": True},
    *({"service_kind": kind, "compose": True, "database": "postgresql"} for kind in KINDS),
    *(
        {"service_kind": kind, "database": "postgresql", "deploy": "kustomize"}
        for kind in KINDS[:2]
    ),
    {"service_kind": "web", "database": "postgresql", "observability": "opentelemetry"},
]


def composed(base: str, python: str, packages: Sequence[str] = ()) -> bool:
    """Say whether the build adds to the runtime image what that cannot install."""
    table = STANDARD["base"][base]
    carried = "carried" in table and python not in table["pythons"]
    return carried or (bool(packages) and not table.get("apt", True))


def files(service: Path) -> dict[str, bytes]:
    """Return what Copier wrote, by path with forward slashes; not git's own folder."""
    paths = (path.relative_to(service) for path in service.rglob("*") if not path.is_dir())
    return {p.as_posix(): (service / p).read_bytes() for p in sorted(paths) if p.parts[0] != ".git"}


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it said."""

    code: int | None
    output: str
    errors: str

    @property
    def killed(self) -> bool:
        """Whether a signal ended it."""
        return self.code is not None and self.code < 0

    @property
    def sentence(self) -> str:
        """The one thing that was said, and nothing else was."""
        lines = f"{self.output}{self.errors}".splitlines()
        assert len(lines) == 1, lines
        return lines[0]


NO_MAKE = {"MAKEFLAGS": "", "MAKELEVEL": "0"}  # of whoever runs these tests by one


def run(
    *command: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    umask: int = -1,
) -> Outcome:
    """Run a command, with these environment variables beside what is there."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        umask=umask,
        env={**os.environ, "GIT_EDITOR": "false", **NO_MAKE, **(env or {})},
        timeout=120,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def path_without(folder: Path, *missing: str) -> str:
    """Return a `PATH` of one folder: links to what a system has, less what shall be missing."""
    found = {
        file.name: file for part in os.defpath.split(":") for file in Path(part or ".").glob("*")
    }
    for name in ("git", "python3", "make"):
        found.setdefault(name, Path(shutil.which(name) or name))
    for name in found.keys() - set(missing):
        (folder / name).symlink_to(found[name])
    return str(folder)


@dataclass(frozen=True)
class Fork:
    """A checkout of the template that a test may change."""

    path: Path

    def git(self, *arguments: str) -> str:
        """Run git here as somebody."""
        who = {"NAME": "Somebody", "EMAIL": "somebody@example.com"}
        names = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
        done = run("git", *arguments, cwd=self.path, env=names)
        assert done.code == 0, done
        return done.output.strip()

    def commit(self, message: str) -> None:
        """Commit what is there."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def standard(self, text: str, by: str) -> None:
        """Replace a pattern, which must be there, in standard.toml, and commit it."""
        file = self.path / "standard.toml"
        changed, times = re.subn(text, by, file.read_text("utf-8"), count=1, flags=re.MULTILINE)
        assert times == 1, f"standard.toml has no {text}"
        file.write_text(changed, "utf-8")
        self.commit(f"Say {by}")
