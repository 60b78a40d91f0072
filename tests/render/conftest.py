"""What the tests of this folder share: copies to look at, Copier's command, and forks."""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plumbum import local

from .support import ROOT, Fork, Outcome, path_without

Service = Callable[..., Path]
Copier = Callable[..., Outcome]
Refused = Callable[..., str]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of one test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def no_poetry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a `PATH` with what a system has, and no Poetry."""
    return path_without(tmp_path_factory.mktemp("bin"), "poetry")


@pytest.fixture
def service(copie: Any, checkout: Path, shared: Path, no_poetry: str) -> Service:
    """Return `service(**answers)`: a copy to look at, made once for all tests that ask for it.

    Nobody may write into it.
    """

    def service(**answers: object) -> Path:
        wanted = {"project_name": "My Service", **answers}
        name = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]
        kept = shared / "services" / name
        if not kept.exists():
            with local.env(PATH=no_poetry):
                result = copie.copy(extra_answers=wanted, template_dir=checkout)
            if result.exception:
                raise result.exception
            kept.parent.mkdir(exist_ok=True)
            try:
                Path(result.project_dir).rename(kept)
            except OSError:  # another process was quicker
                assert kept.exists()
        return kept

    return service


@pytest.fixture
def copier(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_poetry: str
) -> Copier:
    """Return `copier(*arguments, **variables)`: Copier's command line, with an environment.

    In this process, for that is quicker.
    """

    def copier(*arguments: object, **variables: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["copier", *map(str, arguments)])
        capfd.readouterr()
        code: Any = None
        with local.env(**{"PATH": no_poetry, **variables}):
            try:
                runpy.run_module("copier", run_name="__main__", alter_sys=True)
            except SystemExit as end:
                code = end.code
        output, errors = capfd.readouterr()
        return Outcome(code, output, errors)

    return copier


@pytest.fixture(scope="session")
def folder(checkout: Path) -> Path:
    """Return the template as a folder without history, from which Copier copies quicker."""
    ignored = shutil.ignore_patterns(".git")
    return Path(shutil.copytree(checkout, checkout.parent / "folder", ignore=ignored))


@pytest.fixture
def refused(folder: Path, tmp_path: Path, copier: Copier) -> Refused:
    """Return `refused(*arguments)`: a copy that must end with one sentence and write nothing."""

    def refused(*arguments: object, template: Path = folder) -> str:
        destination = tmp_path / "service"
        command = "--trust", "--defaults", "--vcs-ref=HEAD", "--quiet"
        outcome = copier("copy", *command, *arguments, template, destination)
        assert outcome.code == 1, outcome
        assert not destination.exists()
        assert outcome.output == ""
        return outcome.sentence

    return refused


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template as it stands, committed, so that no test depends on what is not."""
    folder = tmp_path_factory.mktemp("template") / "checkout"
    git = local["git"]["-C", ROOT]
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in listed:
        if name and not name.startswith("tests/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    fork = Fork(folder)
    fork.git("init", "--quiet", "--initial-branch", "main")
    fork.commit("The template as it stands")
    return folder


@pytest.fixture
def fork(checkout: Path, tmp_path: Path) -> Fork:
    """Return a fork of the template, to be changed at will."""
    shutil.copytree(checkout, tmp_path / "fork")
    return Fork(tmp_path / "fork")
