"""What a build installs is what Poetry would: our reading of poetry.lock beside Poetry's own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from plumbum import local

from tasks import mirror
from tests.conftest import ROOT

TIERS = 4
WRITTEN_BY = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}  # by whoever installs

EVERYTHING = """\
[project]
name = "service"
version = "0.1.0"
requires-python = ">=3.11,<4"
dependencies = [
    "anyio>=4",
    "colorama ; sys_platform == 'win32'",
    "importlib-metadata ; python_version < '3.10'",
    "click>=8",
    "local-package",
    "typing-extensions>=4",
]

[project.optional-dependencies]
extra = ["iniconfig>=2"]

[dependency-groups]
dev = ["packaging>=24", "click>=8"]

[tool.poetry]
package-mode = false

[tool.poetry.dependencies]
local-package = { git = "GIT" }

[tool.poetry.group.Docs_Only]
optional = true

[tool.poetry.group.Docs_Only.dependencies]
pluggy = "*"
"""
LEGACY = """\
[tool.poetry]
name = "service"
version = "0.1.0"
description = ""
authors = []
package-mode = false

[tool.poetry.dependencies]
python = "^3.11"
idna = ">=3"

[tool.poetry.group.dev.dependencies]
six = "*"
"""
OLD_GROUPS = """\
[project]
name = "service"
version = "0.1.0"
requires-python = ">=3.11"

[tool.poetry]
package-mode = false

[tool.poetry.dev-dependencies]
six = "*"

[[tool.poetry.source]]
name = "own"
url = "https://packages.example.com/simple/"
priority = "explicit"
"""
NOTHING = """\
[project]
name = "service"
version = "0.1.0"
dependencies = []

[tool.poetry]
package-mode = false
"""


@pytest.fixture
def dockerfile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """Return the template's Dockerfile.py, which writes what pip reads below `tmp_path`."""
    spec = importlib.util.spec_from_file_location("dockerfile", ROOT / "template/Dockerfile.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "LOCK", tmp_path / "lock")
    return module


def project(folder: Path, text: str, lock: str = "") -> Path:
    """Write a project."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(text, "utf-8")
    if lock:
        (folder / "poetry.lock").write_text(lock, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (EVERYTHING, "anyio>=4", "anyio>=3"),
        (EVERYTHING, "packaging>=24", "packaging>=25"),
        (EVERYTHING, "iniconfig>=2", "iniconfig>=1"),
        (LEGACY, "^3.11", "^3.12"),
        (LEGACY, 'six = "*"', 'six = ">1"'),
        (OLD_GROUPS, "packages.example.com", "packages.example.org"),
        (OLD_GROUPS, 'six = "*"', 'six = ">1"'),
        (NOTHING, "[]", '["six"]'),
    ],
)
@pytest.mark.parametrize("stale", [False, True])
def test_a_lock_is_stale_for_a_build_exactly_where_it_is_for_poetry(
    text: str,
    old: str,
    new: str,
    stale: bool,
    dockerfile: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = text.replace("GIT", "https://git.example.com/lib.git")
    hash_ = dockerfile.content_hash(tomllib.loads(text))
    lock = (
        "package = []\n[metadata]\n"
        f'lock-version = "2.1"\npython-versions = ">=3.11"\ncontent-hash = "{hash_}"\n'
    )
    folder = project(tmp_path / "project", text.replace(old, new) if stale else text, lock)
    poetry = local[str(ROOT / ".poetry/bin/poetry")]["check", "--lock"].with_cwd(folder)
    said = "".join(map(str, poetry.run(retcode=None)))
    assert ("since poetry.lock was last generated" in said) == stale
    monkeypatch.chdir(folder)
    if stale:
        with pytest.raises(SystemExit, match="is missing or stale: run `make lock`"):
            dockerfile.lock(TIERS)
    else:
        dockerfile.lock(TIERS)


def git_package(folder: Path) -> str:
    """Return the address of a repository that holds a package."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "local-package"\nversion = "1.0"\n')
    (folder / "local_package.py").write_text("HELLO = 'hello'\n")
    git = local["git"].with_env(
        **{f"GIT_{role}_NAME": "Somebody" for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": "somebody@example.com" for role in ("AUTHOR", "COMMITTER")},
    )["-C", folder]
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Begin")
    return folder.as_uri()


def installed(venv: Path) -> dict[str, bytes]:
    """Return what lies in an environment's packages and scripts, by path."""
    [site] = venv.glob("lib/python*/site-packages")
    return {
        path.relative_to(site).as_posix(): path.read_bytes()
        for path in sorted(site.rglob("*"))
        if path.is_file()
        and path.suffix != ".pyc"
        and path.name not in WRITTEN_BY
        and not path.name.startswith("_virtualenv")
    }


def by_pip(venv: Path, *folders: Path) -> dict[str, bytes]:
    """Install as a build does, into an environment of its own."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    pip: list[Any] = [Path(sys.base_prefix, "bin/python3"), "-m", "pip", "--python", venv]
    for folder in folders:
        for file in (folder / "hashed", folder / "unhashed"):
            if file.stat().st_size:
                command = [*pip, "install", "--quiet", "--no-deps", "--no-compile", "-r", file]
                subprocess.run(command, check=True)
    return installed(venv)


@pytest.mark.network
def test_a_build_installs_the_very_files_that_poetry_does(
    dockerfile: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = EVERYTHING.replace("GIT", git_package(tmp_path / "package"))
    folder = project(tmp_path / "project", text)
    monkeypatch.chdir(folder)
    poetry = local[str(ROOT / ".poetry/bin/poetry")].with_cwd(folder)
    poetry = poetry.with_env(POETRY_VIRTUALENVS_IN_PROJECT="true")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    missing = mirror.run(poetry, "lock")
    poetry.with_env(**os.environ | missing)("sync", "--only", "main")
    main = installed(folder / ".venv")
    poetry.with_env(**os.environ | missing)("sync")
    everything = installed(folder / ".venv")
    dockerfile.lock(TIERS)
    tiers = [tmp_path / "lock" / str(tier) for tier in range(TIERS)]

    assert "local_package.py" in main
    assert "packaging/__init__.py" in everything
    assert by_pip(tmp_path / "main", *tiers) == main
    assert by_pip(tmp_path / "all", *tiers, tmp_path / "lock/development") == everything


def test_a_package_by_path_is_refused_by_name(
    dockerfile: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_ = dockerfile.content_hash(tomllib.loads(NOTHING))
    lock = f"""\
[[package]]
name = "lib"
version = "1.0"
groups = ["main"]
files = []
source = {{ type = "directory", url = "../lib" }}

[metadata]
lock-version = "2.1"
content-hash = "{hash_}"
"""
    monkeypatch.chdir(project(tmp_path / "project", NOTHING, lock))
    with pytest.raises(SystemExit, match=r"lib is locked to the path \.\./lib"):
        dockerfile.lock(TIERS)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            {"type": "git", "url": "git@example.com:acme/lib.git", "resolved_reference": "abc1"},
            "lib @ git+ssh://git@example.com/acme/lib.git@abc1",
        ),
        (
            {
                "type": "git",
                "url": "https://example.com/acme/lib.git",
                "resolved_reference": "abc1",
                "subdirectory": "python",
            },
            "lib @ git+https://example.com/acme/lib.git@abc1#subdirectory=python",
        ),
        (
            {"type": "url", "url": "https://example.com/lib-1.0.tar.gz"},
            "lib @ https://example.com/lib-1.0.tar.gz",
        ),
        ({"type": "legacy", "url": "https://example.com/simple", "reference": "own"}, "lib==1.0"),
    ],
)
def test_where_a_package_comes_from_is_said_to_pip(
    source: dict[str, str], line: str, dockerfile: ModuleType
) -> None:
    assert dockerfile.requirement({"name": "lib", "version": "1.0", "source": source}) == line


@pytest.mark.parametrize(
    ("markers", "groups", "line"),
    [
        (None, {"main"}, ""),
        ("a == 'b'", {"main"}, " ; a == 'b'"),
        ({"docs": "a == 'b'"}, {"main"}, ""),
        ({"docs": "a == 'b'"}, {"docs"}, " ; (a == 'b')"),
        ({"docs": "a == 'b'", "dev": "c == 'd'"}, {"docs", "dev"}, " ; (c == 'd') or (a == 'b')"),
    ],
)
def test_the_marker_of_each_group_is_kept(
    markers: Any, groups: set[str], line: str, dockerfile: ModuleType, tmp_path: Path
) -> None:
    package = {
        "name": "lib",
        "version": "1.0",
        "groups": sorted(groups),
        "markers": markers,
        "files": [{"hash": "sha256:00"}],
    }
    dockerfile.write(tmp_path / "tier", [package], {"main", "docs", "dev", "more"})
    written = (tmp_path / "tier/hashed").read_text("utf-8")
    assert written == f"lib==1.0{line} --hash=sha256:00\n"
