"""Wrong answers in files and in a developer's settings get the same sentences."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from plumbum import local

from .conftest import Copier, Refused
from .support import OTHER, Fork

# YAML of an answers file, what the sentence begins with, what would be right
WRONG_IN_A_FILE = [
    ("port: 80", "port: ", "from 1024 to 65535"),
    ("port: null", "port: ", "whole number"),
    ("port: true", "port: ", "whole number"),
    ("port: 8000.5", "port: ", "whole number"),
    ("uid: [1000]", "uid: ", "whole number"),
    ("python_version: 2.7", "python_version: ", "choose one of 3."),
    ("service_kind: [web]", "service_kind: ", "text"),
    ("description: null", "description: ", "text"),
    ("description: {a: b}", "description: ", "text"),
    ('description: "half of \\ud83d\\u0020an emoji"', "description: ", "one line"),
    ("runtime_packages: {libpq5: 15}", "runtime_packages: ", "such as [libpq5]"),
    ("runtime_packages: [5]", "runtime_packages: ", "such as [libpq5]"),
    ("runtime_packages: null", "runtime_packages: ", "such as [libpq5]"),
    ("extra_paths: [{a: b}]", "extra_paths: ", "such as [migrations"),
]
WRONG_IN_SETTINGS = [
    ("user_email", "nobody", "looks like team@example.com"),
    ("user_name", ["a", "b"], "text"),
    ("python_version", "2.7", "choose one of 3."),
    ("license", "GPL", "choose one of none"),
    ("port", 80, "from 1024 to 65535"),
]


@pytest.mark.parametrize(("text", "question", "right"), WRONG_IN_A_FILE)
def test_a_wrong_answer_in_a_file_is_told_what_would_be_right(
    refused: Refused, tmp_path: Path, text: str, question: str, right: str
) -> None:
    (tmp_path / "answers.yml").write_text(text, "utf-8")
    sentence = refused("--data-file", tmp_path / "answers.yml")
    assert sentence.startswith(question)
    assert right in sentence


def test_a_python_that_yaml_takes_for_a_number_is_understood(
    checkout: Path, tmp_path: Path, copier: Copier
) -> None:
    (tmp_path / "answers.yml").write_text(f"python_version: {OTHER}\nproject_name: 42\n")
    arguments = "--trust", "--defaults", "--data-file", tmp_path / "answers.yml"
    assert copier("copy", *arguments, checkout, tmp_path / "service").code == 0
    stored = yaml.safe_load((tmp_path / "service/.copier-answers.yml").read_text("utf-8"))
    assert (stored["python_version"], stored["project_name"]) == (OTHER, "42")


@pytest.mark.parametrize(("question", "answer", "right"), WRONG_IN_SETTINGS)
def test_a_wrong_default_in_a_developers_settings_is_told_what_would_be_right(
    refused: Refused,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    question: str,
    answer: object,
    right: str,
) -> None:
    settings = tmp_path / "settings.yml"
    settings.write_text(yaml.safe_dump({"defaults": {question: answer}}))
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))
    sentence = refused()
    assert sentence.startswith(f"{question}: ")
    assert right in sentence


def test_text_that_is_no_utf_8_is_refused(refused: Refused) -> None:
    assert "one line" in refused("--data", os.fsdecode(b"description=caf\xe9"))


@pytest.mark.parametrize(
    ("stored", "wrong", "right"),
    [
        ("port: 8000", "port: 80", "port: a service without privileges"),
        ("service_kind: web", "service_kind: batch", "choose one of web, worker, job"),
        ("project_slug: service", "project_slug: My_Service", "lower-case letters"),
    ],
)
def test_a_wrong_answer_in_the_stored_ones_is_told_what_would_be_right(
    fork: Fork, tmp_path: Path, copier: Copier, stored: str, wrong: str, right: str
) -> None:
    service = Fork(tmp_path / "service")
    assert copier("copy", "--trust", "--defaults", fork.path, service.path).code == 0
    answers = service.path / ".copier-answers.yml"
    answers.write_text(answers.read_text("utf-8").replace(stored, wrong), "utf-8")
    service.commit("Edit an answer by hand")
    fork.git("commit", "--quiet", "--allow-empty", "--message", "Go on")
    with local.cwd(service.path):
        updated = copier("update", "--trust", "--defaults", "--vcs-ref=HEAD", "--quiet")
    assert updated.code == 1
    assert right in updated.sentence
    assert service.git("status", "--porcelain") == ""
