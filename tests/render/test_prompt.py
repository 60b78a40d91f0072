"""At a real terminal: what a person reads who answers wrongly, or takes what is proposed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from .support import BIN, CARRIED, NOT_DISTROLESS, QUESTIONS, Fork

CLEAR = "\x01\x0b"  # to the line's start, and what follows away
ENTER = "\r"
READY = "\x1b[?7h"  # the question is drawn

Ask = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def ask(checkout: Path, tmp_path: Path, no_poetry: str) -> Ask:
    """Return `ask(question, **answers)`: Copier at a terminal asks this alone; without it, all.

    `template` is a fork to copy from.
    """
    environment = {**os.environ, "PATH": no_poetry, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}

    def ask(question: str = "", template: Path = checkout, **answers: str) -> pexpect.spawn[str]:
        data = [part for name, answer in answers.items() for part in ("--data", f"{name}={answer}")]
        asked = ["--defaults", f"--ask={question}"] if question else []
        arguments = ["--trust", "--vcs-ref=HEAD", *asked, *data]
        return pexpect.spawn(
            str(BIN / "copier"),
            ["copy", *arguments, str(template), str(tmp_path / "service")],
            env=environment,
            dimensions=(40, 200),
            timeout=60,
            encoding="utf-8",
        )

    return ask


def stored(tmp_path: Path) -> dict[str, Any]:
    """Return the answers of the service that was made."""
    answers = yaml.safe_load((tmp_path / "service/.copier-answers.yml").read_text("utf-8"))
    assert isinstance(answers, dict)
    return answers


@pytest.mark.parametrize(
    ("question", "wrong", "right", "answer"),
    [
        ("project_name", "x" * 81, "1 to 80 characters", "Shop"),
        ("project_slug", "My_Shop", "such as my-service", "shop"),
        ("user_email", "nobody", "looks like team@example.com", "team@example.com"),
        ("image_repository", "acme/shop:1", "digest, such as", "acme/shop"),
    ],
)
def test_a_wrong_answer_at_the_prompt_is_told_what_would_be_right(
    ask: Ask, tmp_path: Path, question: str, wrong: str, right: str, answer: str
) -> None:
    prompt = ask(question)
    prompt.expect_exact(READY)
    prompt.send(CLEAR + wrong + ENTER)
    prompt.expect_exact(right)
    assert not (tmp_path / "service").exists()
    prompt.send(CLEAR + answer + ENTER)
    prompt.expect(pexpect.EOF)
    assert stored(tmp_path)[question] == answer


@pytest.mark.skipif(not NOT_DISTROLESS, reason="distroless has every Python")
def test_a_base_image_without_the_python_is_shown_with_the_reason(
    ask: Ask, fork: Fork, tmp_path: Path
) -> None:
    python = NOT_DISTROLESS[0]
    fork.standard(CARRIED, "")
    prompt = ask("base_image", fork.path, python_version=python)
    prompt.expect_exact(
        f"distroless, no shell, no package manager (it has no Python {python}, only"
    )
    prompt.expect_exact(READY)
    prompt.send(ENTER)
    prompt.expect(pexpect.EOF)
    assert stored(tmp_path)["base_image"] == "slim"


def test_what_is_proposed_can_be_taken(ask: Ask, tmp_path: Path) -> None:
    prompt = ask("project_*")
    for question in ("What is the service called?", "Its short name"):
        prompt.expect_exact(question)
        prompt.expect_exact(READY)
        prompt.send(ENTER)
    prompt.expect(pexpect.EOF)
    assert "make image" in str(prompt.before)
    assert stored(tmp_path)["project_name"] == "Service"
    assert stored(tmp_path)["project_slug"] == "service"


def test_what_an_update_brings_at_any_time_is_not_asked_for(ask: Ask, tmp_path: Path) -> None:
    later = "compose", "devcontainer", "pre_commit", "renovate"
    questions = {n: q for n, q in QUESTIONS.items() if n[0] != "_" and "when" not in q}
    asked = [q["help"] for n, q in questions.items() if n not in later and q.get("ask", True)]
    assert len(asked) == 15
    prompt = ask()
    for question in asked:  # and no other, for that would wait
        prompt.expect_exact(question)
        prompt.expect_exact(READY)
        prompt.send(ENTER)
    prompt.expect(pexpect.EOF)
    answers = stored(tmp_path)
    assert not any(answers[name] for name in later)
