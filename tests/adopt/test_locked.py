"""The versions that ran yesterday are locked today, by the real Poetry, mostly offline."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from .conftest import Adopt
from .services import APPLICATION, pipfile, pipfile_lock
from .support import PYTHON, ROOT, Index, git, repository, write


def entry(version: str, *hashes: str, **more: str) -> str:
    """Return an entry of Pipfile.lock."""
    return json.dumps({"version": f"=={version}", "hashes": hashes, **more})


def locked(service: Path) -> dict[str, dict[str, Any]]:
    """Return the packages of poetry.lock by name."""
    data = tomllib.loads((service / "poetry.lock").read_text())
    return {package["name"]: package for package in data["package"]}


def versions(service: Path) -> dict[str, str]:
    """Return the locked versions by name."""
    return {name: package["version"] for name, package in locked(service).items()}


def agrees(service: Path) -> bool:
    """Tell whether Poetry finds that the lock agrees with pyproject.toml."""
    command = [f"{ROOT}/.poetry/bin/poetry", "check", "--lock"]
    done = subprocess.run(command, cwd=service, capture_output=True, text=True)
    return done.returncode == 0


def poetry_lock(service: Path, cache: Path) -> None:
    """Lock as the owner did."""
    environment = {**os.environ, "POETRY_CACHE_DIR": str(cache)}
    command = [f"{ROOT}/.poetry/bin/poetry", "lock"]
    subprocess.run(command, cwd=service, env=environment, check=True, capture_output=True)


def test_pipfile_lock_keeps_its_versions(adopt: Adopt, private: Index, tmp_path: Path) -> None:
    old = {n: entry(v, private.hashes[n, v]) for n, v in {"alpha": "1.0", "beta": "1.5"}.items()}
    dev = {"gamma": entry("0.3rc1", private.hashes["gamma", "0.3rc1"])}
    files = {"Pipfile": pipfile(private.url), "Pipfile.lock": pipfile_lock(old, dev)}
    service = repository(tmp_path / "service", {**APPLICATION, **files})
    outcome = adopt(service, poetry=True)
    assert outcome.code == 0, outcome
    assert versions(service) == {"alpha": "1.0", "beta": "1.5", "gamma": "0.3rc1"}
    assert "3 of 3 locked versions from Pipfile.lock" in outcome.taken
    assert locked(service)["gamma"]["groups"] == ["dev"]
    assert locked(service)["alpha"]["files"][0]["hash"] == private.hashes["alpha", "1.0"]
    assert agrees(service)
    assert "other files" not in outcome.looks
    assert not (service / ".venv").exists()


def test_a_version_that_no_index_has_is_named(adopt: Adopt, private: Index, tmp_path: Path) -> None:
    old = {"alpha": entry("1.0"), "beta": entry("1.5", "sha256:0"), "left": entry("1")}
    lock = pipfile_lock(old, {"gamma": entry("0.1.5")})
    files = {"Pipfile": pipfile(private.url), "Pipfile.lock": lock}
    service = repository(tmp_path / "service", {**APPLICATION, **files})
    outcome = adopt(service, poetry=True)
    assert versions(service) == {"alpha": "1.0", "beta": "1.5", "gamma": "0.2"}
    assert "2 of 4 locked versions" in outcome.taken
    assert "could not be kept: gamma 0.1.5 -> 0.2" in outcome.looks
    assert "needed by nothing: left" in outcome.looks
    assert "other files under the same version: beta" in outcome.looks


def test_an_index_of_ones_own_serves_only_what_names_it(
    adopt: Adopt, private: Index, tmp_path: Path
) -> None:
    text = f"""\
[[source]]
name = "main"
url = "{private.url}"

[[source]]
name = "own"
url = "{private.url}/"

[packages]
beta = "*"
gamma = {{version = "*", index = "own"}}

[requires]
python_version = "{PYTHON}"
"""
    old = {"beta": entry("1.0", index="main"), "gamma": entry("0.1", index="own")}
    files = {"Pipfile": text, "Pipfile.lock": pipfile_lock(old, {})}
    service = repository(tmp_path / "service", {**APPLICATION, **files})
    outcome = adopt(service, poetry=True)
    assert "source own (explicit)" in outcome.taken
    assert versions(service) == {"beta": "1.0", "gamma": "0.1"}
    references = {n: package["source"]["reference"] for n, package in locked(service).items()}
    assert references == {"beta": "main", "gamma": "own"}
    assert agrees(service)


def test_a_git_dependency_stays_at_its_commit_and_its_branch(
    adopt: Adopt, private: Index, tmp_path: Path
) -> None:
    project = '[project]\nname = "helper"\nversion = "{}"\ndependencies = ["beta"]\n'
    helper = repository(tmp_path / "helper", {"pyproject.toml": project.format("1.0")})
    commit = git(helper, "rev-parse", "HEAD").strip()
    write(helper, {"pyproject.toml": project.format("2.0")})
    git(helper, "commit", "--quiet", "--all", "--message", "Go on")
    text = pipfile(private.url).replace(
        "[dev-packages]", f'helper = {{git = "file://{helper}", ref = "main"}}\n[dev-packages]'
    )
    old = {
        "alpha": entry("1.0"),
        "beta": entry("1.0"),
        "helper": json.dumps({"git": f"file://{helper}", "ref": commit}),
    }
    files = {"Pipfile": text, "Pipfile.lock": pipfile_lock(old, {"gamma": entry("0.1")})}
    service = repository(tmp_path / "service", {**APPLICATION, **files})
    outcome = adopt(service, poetry=True)
    assert outcome.code == 0, outcome
    assert versions(service) == {"alpha": "1.0", "beta": "1.0", "gamma": "0.1", "helper": "1.0"}
    source = locked(service)["helper"]["source"]
    assert (source["reference"], source["resolved_reference"]) == ("main", commit)
    assert f"git+file://{helper}@main" in (service / "pyproject.toml").read_text()
    assert agrees(service)


def test_without_an_index_the_versions_wait(adopt: Adopt, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    files = {
        "Pipfile": pipfile(nowhere),
        "Pipfile.lock": pipfile_lock({"alpha": entry("1.0")}, {"gamma": entry("0.1")}),
    }
    service = repository(tmp_path / "service", {**APPLICATION, **files})
    outcome = adopt(service, poetry=True)
    assert outcome.code == 0, outcome
    assert "the dependencies could not be locked" in outcome.looks
    assert versions(service) == {"alpha": "1.0", "gamma": "0.1"}
    assert not agrees(service)


def poetry_project(private: Index, alpha: str) -> str:
    return f"""\
[project]
name = "desk"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["alpha{alpha}"]

[[tool.poetry.source]]
name = "own"
url = "{private.url}"
"""


def test_a_poetry_lock_that_fits_is_not_touched(
    adopt: Adopt, private: Index, tmp_path: Path, cache: Path
) -> None:
    service = tmp_path / "service"
    write(service, {**APPLICATION, "pyproject.toml": poetry_project(private, "==1.0")})
    poetry_lock(service, cache)
    before = (service / "poetry.lock").read_bytes()
    repository(service, {})
    outcome = adopt(service, poetry=True)
    assert outcome.code == 0, outcome
    assert "poetry.lock, as it is" in outcome.taken
    assert (service / "poetry.lock").read_bytes() == before
    assert agrees(service)


def test_a_stale_poetry_lock_keeps_its_versions(
    adopt: Adopt, private: Index, tmp_path: Path, cache: Path
) -> None:
    service = tmp_path / "service"
    write(service, {**APPLICATION, "pyproject.toml": poetry_project(private, "==1.0")})
    poetry_lock(service, cache)
    repository(service, {"pyproject.toml": poetry_project(private, ">=1.0")})
    assert not agrees(service)
    outcome = adopt(service, poetry=True)
    assert versions(service)["alpha"] == "1.0"
    assert "2 of 2 locked versions from poetry.lock" in outcome.taken
    assert agrees(service)


@pytest.mark.network
def test_pipfile_lock_against_the_real_index(adopt: Adopt, tmp_path: Path) -> None:
    from tasks.adopt_pipenv import public_host

    old = {"requests": "2.31.0", "idna": "3.6", "urllib3": "2.1.0", "certifi": "2024.2.2"}
    old["charset-normalizer"] = "3.3.0"
    text = pipfile(f"https://{public_host()}/simple")
    text = text.replace("alpha", "requests").replace("gamma", "iniconfig")
    entries = {name: entry(version) for name, version in old.items()}
    lock = pipfile_lock(entries, {"iniconfig": entry("2.0.0")})
    files = {"Pipfile": text, "Pipfile.lock": lock}
    service = repository(tmp_path / "service", {**APPLICATION, **files})
    outcome = adopt(service, poetry=True)
    assert outcome.code == 0, outcome
    assert versions(service) == {**old, "iniconfig": "2.0.0"}
    assert "source" not in (service / "poetry.lock").read_text()
    assert agrees(service)


@pytest.mark.network
def test_a_poetry_1_project_without_a_lock_gets_one(adopt: Adopt, tmp_path: Path) -> None:
    text = """\
[tool.poetry]
name = "desk"
version = "1.0.0"
description = ""
authors = []

[tool.poetry.dependencies]
python = "^3.11"
idna = "~3.6"

[tool.poetry.dev-dependencies]
iniconfig = "*"
"""
    service = repository(tmp_path / "service", {**APPLICATION, "pyproject.toml": text})
    outcome = adopt(service, poetry=True)
    assert outcome.code == 0, outcome
    assert "there was no lock" in outcome.looks
    assert versions(service)["idna"].startswith("3.")
    assert agrees(service)
