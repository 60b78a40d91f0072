"""Answers over time: stored ones stay, new ones have defaults, retired ones are named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from copier.errors import UserMessageError

from tests.update.conftest import RELEASES, Service, commit, git, update

FIRST, NEWEST = RELEASES[0], RELEASES[-1]


def answers(folder: Path) -> dict[str, object]:
    """Return what the service stores."""
    stored = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    assert isinstance(stored, dict)
    return stored


def test_a_retired_python_stays_and_works_and_is_named(
    service: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = service(FIRST, python_version="3.12")
    update(folder, NEWEST)
    assert answers(folder)["python_version"] == "3.12"
    assert "FROM python:3.12-slim" in (folder / "Dockerfile").read_text("utf-8")
    said = "".join(capfd.readouterr())
    assert "Python 3.12 is retired" in said
    assert "--data python_version=3.13" in said


def test_a_retired_python_is_offered_to_no_new_service(service: Service) -> None:
    with pytest.raises(UserMessageError, match=r"choose one of 3\.11, 3\.13, 3\.14"):
        service(NEWEST, python_version="3.12")


def test_a_python_in_use_is_not_called_retired(
    service: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = service(FIRST)
    update(folder, NEWEST)
    assert "is retired (" not in "".join(capfd.readouterr())


def test_a_changed_default_moves_no_stored_answer(service: Service) -> None:
    folder = service("1.1.0")
    assert answers(folder)["uid"] == 1000
    update(folder, NEWEST)
    assert answers(folder)["uid"] == 1000
    assert "USER 1000:1000" in (folder / "Dockerfile").read_text("utf-8")


def test_a_new_question_takes_its_default(service: Service) -> None:
    folder = service("1.2.0")
    assert "renovate" not in answers(folder)
    update(folder, NEWEST)
    assert answers(folder)["renovate"] is False
    assert not (folder / "renovate.json").exists()


def test_an_owner_fills_the_slots_without_a_new_release(service: Service) -> None:
    folder = service(NEWEST)
    update(folder, build_packages=["gcc"], runtime_packages=["libpq5"], extra_paths=["migrations"])
    assert answers(folder)["_commit"] == f"v{NEWEST}"
    text = (folder / "Dockerfile").read_text("utf-8")
    assert "--no-install-recommends gcc" in text
    assert "--no-install-recommends libpq5" in text
    assert re.search(r"^COPY .* migrations /tmp/layer/.*/app/migrations$", text, re.MULTILINE)
    assert "!migrations" in (folder / ".dockerignore").read_text("utf-8")


def test_another_python_changes_the_image_and_leaves_requires_python(service: Service) -> None:
    folder = service(NEWEST)
    before = (folder / "pyproject.toml").read_bytes()
    update(folder, python_version="3.14")
    assert "FROM python:3.14-slim" in (folder / "Dockerfile").read_text("utf-8")
    assert "python_version = 3.14" in (folder / "mypy.ini").read_text("utf-8")
    assert (folder / "pyproject.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("answer", "right"),
    [({"port": 80}, "from 1024 to 65535"), ({"python_version": "2.7"}, "choose one of 3.11")],
)
def test_a_wrong_answer_is_refused_and_changes_nothing(
    answer: dict[str, Any], right: str, service: Service
) -> None:
    folder = service(NEWEST)
    with pytest.raises(UserMessageError, match=right):
        update(folder, **answer)
    assert git(folder, "status", "--porcelain") == ""


def test_what_the_organisation_decides_is_stored_nowhere(service: Service) -> None:
    stored = (service(NEWEST) / ".copier-answers.yml").read_text("utf-8")
    for decided in (
        "poetry:",
        "2.5.1",
        "slim-trixie",
        "interpreter",
        "standard",
        "template_source",
    ):
        assert decided not in stored


def test_a_fork_tags_its_own_and_takes_the_next_release(
    service: Service, template: Path, tmp_path: Path
) -> None:
    fork = tmp_path / "fork"
    git(tmp_path, "clone", "--quiet", str(template), str(fork))
    git(fork, "checkout", "--quiet", "-b", "acme", "v1.2.0")
    standard = (fork / "standard.toml").read_text("utf-8")
    (fork / "standard.toml").write_text(
        standard.replace('mirror = ""', 'mirror = "mirror.acme.example"'), "utf-8"
    )
    commit(fork, "Go through the mirror of Acme")
    git(fork, "tag", "v1.2.0+acme.1")
    folder = service("1.2.0", template=fork)
    assert "mirror.acme" not in (folder / "Dockerfile").read_text("utf-8")

    update(folder, "1.2.0+acme.1")
    assert "FROM mirror.acme.example/python:3.13" in (folder / "Dockerfile").read_text("utf-8")
    commit(folder, "Take the fork's own")

    git(fork, "merge", "--quiet", "--no-edit", f"v{NEWEST}")
    git(fork, "tag", f"v{NEWEST}+acme.1")
    update(folder, f"{NEWEST}+acme.1")
    assert "FROM mirror.acme.example/python:3.13" in (folder / "Dockerfile").read_text("utf-8")
    assert answers(folder)["_commit"] == f"v{NEWEST}+acme.1"
    assert git(folder, "ls-files", "--unmerged") == ""
