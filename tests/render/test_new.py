"""`make new`: a service from a checkout, and where its updates will come from."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from .support import BIN, PYTHONS, Fork, Outcome, files, run

New = Callable[..., Outcome]
# What `make new` installs first is here already.
MAKE = ("make", "--no-print-directory", "--assume-old=.venv/installed", f"BIN={BIN}", "new")


@pytest.fixture
def alone(no_poetry: str) -> dict[str, str]:
    """Return an environment without Poetry, and without the `make` that runs these tests."""
    return {"PATH": no_poetry, "MAKEFLAGS": "", "MAKELEVEL": "0", "DEST": "", "ANSWERS": ""}


@pytest.fixture
def new(fork: Fork, alone: dict[str, str]) -> New:
    """Return `new(DEST=…, ANSWERS=…)`: `make new` in a checkout, without a terminal."""

    def new(**variables: object) -> Outcome:
        given = [f"{name}={value}" for name, value in variables.items()]
        return run(*MAKE, *given, cwd=fork.path, env=alone)

    return new


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """Return where the service goes."""
    return tmp_path / "my-service"


def stored(service: Path) -> dict[str, Any]:
    """Return what the service records."""
    answers = yaml.safe_load((service / ".copier-answers.yml").read_text("utf-8"))
    assert isinstance(answers, dict)
    return answers


def assert_refused(outcome: Outcome, sentence: str, service: Path) -> None:
    """Fail unless it ended with this and left nothing."""
    assert outcome.code != 0
    assert sentence in outcome.errors
    assert "Traceback" not in outcome.errors
    assert not service.exists()


def test_without_a_terminal_the_defaults_are_taken(new: New, service: Path) -> None:
    made = new(DEST=service)
    assert made.code == 0, made
    assert stored(service)["project_name"] == "My Service"
    assert "make run\n  make image\n" in made.errors


def test_a_relative_destination_with_a_space_is_written_there(new: New, tmp_path: Path) -> None:
    made = new(DEST="../my service")
    assert made.code == 0, made
    assert "Dockerfile" in files(tmp_path / "my service")
    assert "cd '../my service'" in made.errors


def test_answers_are_given_as_pairs(new: New, service: Path) -> None:
    answers = f"python_version={PYTHONS[0]} base_image=custom build_packages=[gcc] port=9000"
    made = new(DEST=service, ANSWERS=answers)
    assert made.code == 0, made
    assert (
        stored(service).items()
        >= {
            "python_version": PYTHONS[0],
            "base_image": "custom",
            "build_packages": ["gcc"],
            "port": 9000,
        }.items()
    )


@pytest.mark.parametrize("odd", ["$(shell touch {})", "$$(touch {})", "`touch {}`", "x;touch {}"])
def test_nothing_in_an_answer_is_run(new: New, service: Path, tmp_path: Path, odd: str) -> None:
    odd = odd.format(tmp_path / "trap")
    made = new(DEST=service, ANSWERS=shlex.join([f"description={odd}"]))
    assert made.code == 0, made
    assert stored(service)["description"] == odd
    new(DEST=f"{service}{odd}")
    assert not (tmp_path / "trap").exists()


def test_answers_are_given_in_a_file(new: New, service: Path, tmp_path: Path) -> None:
    answers = {"description": "It's “fine”: $HOME", "service_kind": "job"}
    (tmp_path / "answers.yml").write_text(yaml.safe_dump(answers), "utf-8")
    made = new(DEST=service, ANSWERS=tmp_path / "answers.yml")
    assert made.code == 0, made
    assert stored(service).items() >= answers.items()


def test_a_missing_destination_is_asked_for(new: New, service: Path) -> None:
    assert_refused(new(), "make new DEST=../my-service", service)


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ("port", "'port' is neither a file nor name=value"),
        ("answers-that-are-not-there.yml", "is neither a file nor name=value"),
        ("port=80", "port: a service without privileges listens on a port from 1024"),
        ("prot=9000", "prot"),
        (f"description={'x' * 300}", "description: a description has 1 to 200 characters"),
        ("python_version=3.9", "choose one of 3."),
    ],
)
def test_wrong_answers_get_a_sentence(new: New, service: Path, answers: str, sentence: str) -> None:
    assert_refused(new(DEST=service, ANSWERS=answers), sentence, service)


@pytest.mark.parametrize("text", ["[port", "- port", "port: 80", ""])
def test_a_wrong_answers_file_gets_a_sentence(
    new: New, service: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "answers.yml").write_text(text)
    sentence = "port: " if "80" in text else "answers.yml"
    assert_refused(new(DEST=service, ANSWERS=tmp_path / "answers.yml"), sentence, service)


def test_a_destination_that_is_a_file_gets_a_sentence(new: New, service: Path) -> None:
    service.write_text("mine")
    made = new(DEST=service)
    assert made.code != 0
    assert "Traceback" not in made.errors
    assert f"{service} is a file" in made.errors
    assert service.read_text() == "mine"


def test_a_file_that_is_there_already_is_kept(new: New, service: Path) -> None:
    service.mkdir()
    (service / "Makefile").write_text("# mine\n")
    made = new(DEST=service)
    assert made.code != 0
    assert "Traceback" not in made.errors
    assert f"{service} holds files" in made.errors
    assert "--overwrite" not in made.errors, "make new has no such option"
    assert (service / "Makefile").read_text() == "# mine\n"


def publish(fork: Fork, tmp_path: Path) -> str:
    """Give the checkout a remote that has its commit; return the remote's address."""
    remote = tmp_path / "remote.git"
    fork.git("init", "--quiet", "--bare", str(remote))
    fork.git("remote", "add", "origin", f"file://{remote}")
    fork.git("push", "--quiet", "origin", "HEAD:main")
    fork.git("fetch", "--quiet", "origin")
    return f"file://{remote}"


def test_without_a_remote_updates_come_from_the_checkouts_path(
    new: New, fork: Fork, service: Path
) -> None:
    made = new(DEST=service)
    assert f"will come from {fork.path}." in made.errors
    assert stored(service)["_src_path"] == str(fork.path)


def test_updates_come_from_a_remote_that_has_the_commit(
    new: New, fork: Fork, service: Path, tmp_path: Path, alone: dict[str, str]
) -> None:
    remote = publish(fork, tmp_path)
    made = new(DEST=service)
    assert f"will come from {remote}." in made.errors
    assert stored(service)["_src_path"] == remote
    mine = Fork(service)
    mine.commit("Create the service")
    fork.standard("^uid = 10001", "uid = 10002")
    fork.git("push", "--quiet", "origin", "HEAD:main")
    update = BIN / "copier", "update", "--trust", "--defaults", "--vcs-ref=main"
    updated = run(*update, cwd=service, env=alone)
    assert updated.code == 0, updated
    assert stored(service)["_commit"].endswith(fork.git("rev-parse", "--short", "HEAD"))


def test_updates_come_from_the_path_where_the_remote_lacks_the_commit(
    new: New, fork: Fork, service: Path, tmp_path: Path
) -> None:
    publish(fork, tmp_path)
    fork.standard("^uid = 10001", "uid = 10002")
    made = new(DEST=service)
    assert f"will come from {fork.path}." in made.errors
    assert stored(service)["_src_path"] == str(fork.path)


def test_credentials_in_the_remotes_address_are_not_recorded(
    new: New, fork: Fork, service: Path, tmp_path: Path
) -> None:
    publish(fork, tmp_path)
    fork.git("remote", "set-url", "origin", "https://ci:hunter2@git.example.com/acme/template.git")
    made = new(DEST=service)
    assert "hunter2" not in made.errors
    assert not [name for name, content in files(service).items() if b"hunter2" in content]
    assert stored(service)["_src_path"] == "https://git.example.com/acme/template.git"


def test_a_checkout_with_uncommitted_changes_says_what_updates_need(
    new: New, fork: Fork, service: Path
) -> None:
    with (fork.path / "standard.toml").open("a") as standard:
        standard.write("# a change\n")
    made = new(DEST=service)
    assert made.code == 0, made
    assert "commit" in made.errors.split("will come from")[0]


@pytest.fixture
def terminal(fork: Fork, alone: dict[str, str], service: Path) -> pexpect.spawn[str]:
    """Run `make new` at a terminal."""
    environment = {**os.environ, **alone, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
    arguments = [*MAKE[1:], f"DEST={service}", "ANSWERS=project_slug=shop"]
    return pexpect.spawn(
        MAKE[0],
        arguments,
        cwd=str(fork.path),
        env=environment,
        dimensions=(40, 200),
        timeout=60,
        encoding="utf-8",
    )


def test_at_a_terminal_it_asks_and_can_be_left(terminal: pexpect.spawn[str], service: Path) -> None:
    terminal.expect_exact("What is the service called?")
    terminal.expect_exact("\x1b[?7h")
    terminal.send("\x01\x0bShop\r")
    terminal.expect_exact("What does it do, in one sentence?")
    terminal.sendcontrol("c")
    terminal.expect(pexpect.EOF)
    assert "Nothing was written." in str(terminal.before)
    assert "Traceback" not in str(terminal.before)
    assert not service.exists()
