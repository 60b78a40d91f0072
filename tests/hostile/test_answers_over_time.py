"""What a service has answered is kept by updates and recopies, and refused where it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from plumbum import local

from tests.hostile.answers import FRAGMENTS, Answers, lines
from tests.hostile.conftest import Tally
from tests.hostile.ordeals import check, snapshot
from tests.render.conftest import Copier
from tests.render.support import Fork

KEPT = [("quotes", "backslashes"), ("template", "direction"), ("shell", "yaml")]
# Edited by hand, as no copy would take them.
WRONG: list[tuple[str, Any]] = [
    ("project_name", "two\nlines"),
    ("description", "bell\x07"),
    ("user_email", "team\x7f@example.com"),
    ("service_kind", "{{ 'web' }}"),
    ("image_repository", "acme/$(id)"),
    ("renovate", "perhaps"),
    ("app_package", "../app"),
    ("port", "\uff18\uff10\uff10\uff10"),
    ("uid", "9" * 10_000),
    ("runtime_packages", ["--help"]),
    ("extra_paths", ["../secrets"]),
]
OPTIONS = "--trust", "--defaults", "--vcs-ref=HEAD", "--quiet"
STEPS = (
    ("update", "--data=uid=20002"),
    ("update", "--data=build_packages=[gcc]"),
    ("recopy", "--overwrite"),
)


def made(fork: Fork, folder: Path, copier: Copier, answers: Answers) -> Fork:
    """Return a service with such answers, committed, whose template has moved since."""
    file = folder / "answers.yml"
    file.write_text(yaml.safe_dump(answers), "utf-8")
    service = Fork(folder / "sandbox" / "service")
    done = copier("copy", *OPTIONS, f"--data-file={file}", fork.path, service.path)
    assert done.code == 0, done
    service.git("init", "--quiet")
    service.commit("Make the service")
    fork.standard("^uid = 10001(.*)", r"uid = 10002\1")
    return service


def beside(service: Fork) -> dict[str, bytes]:
    """Return what stands beside a service."""
    there = snapshot(service.path.parent)
    return {name: text for name, text in there.items() if not name.startswith("service")}


@pytest.mark.parametrize("groups", KEPT, ids="-".join)
def test_what_is_odd_is_kept_by_update_and_recopy(
    fork: Fork, copier: Copier, tmp_path: Path, tally: Tally, groups: tuple[str, ...]
) -> None:
    mixed = zip(*(FRAGMENTS[group] for group in groups), strict=False)
    odd = [fragment for fragments in mixed for fragment in fragments]
    answers = {
        "project_name": next(lines(80, odd)),
        "description": next(lines(200, odd)),
        "user_name": next(lines(100, odd)),
        "license": "MIT",
    }
    service = made(fork, tmp_path, copier, answers)
    check(service.path, answers)
    for command, *options in STEPS:
        with local.cwd(service.path):
            done = copier(command, *OPTIONS, *options)
        assert done.code == 0, done
        check(service.path, {**answers, "uid": 20002})
        service.git("commit", "--quiet", "--all", "--allow-empty", f"--message={command}")
    assert beside(service) == {}
    tally(
        "odd answers, over an update, another and a recopy",
        tried=3 * len(STEPS),
        **{"round-tripped": 3 * len(STEPS)},
    )


@pytest.mark.parametrize(("question", "answer"), WRONG, ids=[question for question, _ in WRONG])
def test_what_was_edited_by_hand_is_refused_in_one_sentence(
    fork: Fork, copier: Copier, tmp_path: Path, tally: Tally, question: str, answer: Any
) -> None:
    service = made(fork, tmp_path, copier, {})
    file = service.path / ".copier-answers.yml"
    stored = yaml.safe_load(file.read_text("utf-8"))
    file.write_text(yaml.safe_dump({**stored, question: answer}), "utf-8")
    service.commit("Edit an answer by hand")
    for command in ("update",), ("recopy", "--overwrite"):
        with local.cwd(service.path):
            done = copier(*command, *OPTIONS)
        assert done.code == 1, done
        assert done.sentence.startswith(f"{question}: ")
        assert len(done.sentence) < 250
        assert service.git("status", "--porcelain") == ""
    assert beside(service) == {}
    tally("answers edited by hand, over an update and a recopy", tried=2, refused=2)
