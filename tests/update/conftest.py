"""Services made from real releases of the template, in git, with what their owners wrote."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copier import VcsRef, run_copy, run_update
from plumbum import local

from tasks import releases
from tests.conftest import ROOT

RELEASES = list(releases.releases(ROOT))
PRESETS: dict[str, dict[str, Any]] = {
    "web": {},
    "worker": {
        "service_kind": "worker",
        "base_image": "distroless",
        "python_version": "3.11",
        "license": "MIT",
    },
    "job": {
        "service_kind": "job",
        "base_image": "custom",
        "build_packages": ["gcc"],
        "runtime_packages": ["libpq5"],
        "extra_paths": ["migrations"],
        "user_name": "Zoë",
        "description": 'Says "{{ hello }}" to $USER.',
    },
}
IDENTITY = {
    "GIT_AUTHOR_NAME": "Owner",
    "GIT_AUTHOR_EMAIL": "owner@example.com",
    "GIT_COMMITTER_NAME": "Owner",
    "GIT_COMMITTER_EMAIL": "owner@example.com",
}

Service = Callable[..., Path]


def git(folder: Path, *arguments: str) -> str:
    """Return what git says in the folder."""
    with local.env(**IDENTITY):
        return str(local["git"]("-C", str(folder), *arguments))


def commit(folder: Path, message: str = "What the owner did") -> None:
    """Commit everything in the folder."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def copy(template: Path, folder: Path, version: str, answers: dict[str, Any]) -> Path:
    """Write a service of one release, without its tasks and outside git."""
    run_copy(
        str(template),
        folder,
        data=answers,
        vcs_ref=f"v{version}",
        defaults=True,
        unsafe=True,
        quiet=True,
        skip_tasks=True,
    )
    return folder


def update(folder: Path, version: str | None = None, **data: object) -> None:
    """Update a service to a release, or with new answers to the one that it has."""
    run_update(
        folder,
        data=data,
        vcs_ref=f"v{version}" if version else VcsRef.CURRENT,
        defaults=True,
        overwrite=True,
        unsafe=True,
    )


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of each file by its name, git's own left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clone of this checkout that carries the tags of its releases."""
    clone = tmp_path_factory.mktemp("template") / "template"
    local["git"]("clone", "--quiet", "--no-tags", str(ROOT), str(clone))
    for version, hash_ in releases.releases(ROOT).items():
        git(clone, "tag", f"v{version}", hash_)
    return clone


@pytest.fixture
def service(template: Path, tmp_path: Path) -> Service:
    """Return `service(version, **answers)`, which makes a service and commits it."""

    def service(version: str, template: Path = template, **answers: dict[str, Any]) -> Path:
        folder = copy(template, tmp_path / "service", version, answers)
        shutil.rmtree(folder / ".git", ignore_errors=True)
        git(folder, "init", "--quiet")
        commit(folder, "Create the service")
        return folder

    return service
