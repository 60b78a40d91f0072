"""A pipeline comes to a service when it is asked for, and not a moment earlier."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.update.conftest import RELEASES, Service, commit, files, git, update

NEXT = "99.0.0"
PATHS = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}
RELEASED = {"release.mk", "release.py"}


@pytest.fixture
def next_release(template: Path, tmp_path: Path) -> Path:
    """Return the template with what is committed here as its next release."""
    git(tmp_path, "clone", "--quiet", str(template), "template")
    git(tmp_path / "template", "tag", f"v{NEXT}")
    return tmp_path / "template"


@pytest.mark.parametrize("release", [RELEASES[0], RELEASES[-1]])
def test_an_update_brings_no_pipeline_by_itself(
    service: Service, next_release: Path, release: str
) -> None:
    folder = service(release, template=next_release)
    update(folder, NEXT)
    there = files(folder)
    assert not there.keys() & {*RELEASED, *PATHS.values()}
    assert b"release" not in there["Makefile"] + there[".gitignore"]
    assert b"ci: none\n" in there[".copier-answers.yml"]


@pytest.mark.parametrize("ci", PATHS)
def test_a_pipeline_comes_by_an_answer(service: Service, next_release: Path, ci: str) -> None:
    folder = service(RELEASES[-1], template=next_release)
    update(folder, NEXT)
    commit(folder, "Take the next release")
    before = files(folder)
    update(folder, ci=ci, image_repository="ghcr.io/acme/service")
    after = files(folder)
    assert after.keys() - before.keys() == {*RELEASED, PATHS[ci]}
    changed = {name for name, content in before.items() if after[name] != content}
    assert changed == {"Makefile", ".gitignore", ".copier-answers.yml"}
    commit(folder, "Ask for a pipeline")
    update(folder, ci="none")
    undone = files(folder)
    assert undone.keys() & {*RELEASED, PATHS[ci]} == set()
    assert undone["Makefile"].startswith(b"IMAGE := ghcr.io/acme/service\nVERSION := $(shell sed")
