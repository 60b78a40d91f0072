"""What cannot be done after a copy is said in one sentence, with the command that finishes it.

And nothing that goes wrong then costs a file or an exit code.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import Copier
from .support import POETRY, Outcome, files, path_without, run

IDENTITY = "[user]\nname = Somebody\nemail = somebody@example.com\n"
POETRY_2 = """#!/bin/sh
case "$*" in
*--version*) echo "Poetry (version 2.5.1)" ;;
*lock*) echo "# locked" >poetry.lock ;;
esac
"""
POETRY_1 = POETRY_2.replace("2.5.1", "1.8.3")
POETRY_BROKEN = """#!/bin/sh
case "$*" in
*--version*) echo "Poetry (version 2.5.1)" && exit ;;
esac
echo "Resolving dependencies..."
echo "Creating virtualenv service in .venv" >&2
printf '\\nAll attempts to connect failed.\\n\\nSee more with -v.\\n' >&2
exit 1
"""


@dataclass
class Made:
    """A service, and what was said when it was made."""

    path: Path
    outcome: Outcome

    @property
    def sentences(self) -> list[str]:
        """What was said before the next steps."""
        return self.outcome.errors.split("\nNext:")[0].splitlines()

    @property
    def next_steps(self) -> list[str]:
        """The commands that come next."""
        lines = self.outcome.errors.split("\nNext:\n")[1].splitlines()
        return [line.strip() for line in lines if line.startswith("  ")]

    def commands(self, sentence: str) -> list[str]:
        """Return the commands that a sentence names."""
        return re.findall(r"`([^`]+)`", sentence)


@pytest.fixture
def tools(tmp_path: Path, no_poetry: str) -> Callable[..., str]:
    """Return `tools(poetry="…")`: a `PATH` with these scripts first."""

    def tools(**scripts: str) -> str:
        folder = tmp_path / "tools"
        folder.mkdir()
        for name, script in scripts.items():
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
        return f"{folder}:{no_poetry}"

    return tools


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let git know who commits; return its configuration."""
    config = tmp_path / "gitconfig"
    config.write_text(IDENTITY)
    return config


@pytest.fixture
def make(checkout: Path, tmp_path: Path, copier: Copier) -> Callable[..., Made]:
    """Return `make(**variables)`: copies, which must succeed, with this environment."""

    def make(path: Path = tmp_path / "service", template: Path = checkout, **env: str) -> Made:
        arguments = "--trust", "--defaults", "--quiet", "--vcs-ref=HEAD"
        outcome = copier("copy", *arguments, template, path, **env)
        assert outcome.code == 0, outcome
        assert "Traceback" not in outcome.errors
        assert {"Dockerfile", "pyproject.toml", "app/main.py"} <= files(path).keys()
        return Made(path, outcome)

    return make


Make = Callable[..., Made]
Tools = Callable[..., str]


def git(service: Path, *arguments: str) -> str:
    """Ask git something about a service."""
    return run("git", *arguments, cwd=service).output.strip()


def as_somebody(config: Path, command: str, cwd: Path) -> Outcome:
    """Run a command line with this git configuration."""
    return run("sh", "-c", command, cwd=cwd, env={"GIT_CONFIG_GLOBAL": str(config)})


def finish(made: Made, sentence: str, config: Path) -> None:
    """Run the command that a sentence names; fail unless all is committed then."""
    command = made.commands(sentence)[-1]
    finished = as_somebody(config, command, made.path)
    assert finished.code == 0, finished
    assert git(made.path, "status", "--porcelain") == ""
    assert git(made.path, "log", "--format=%s") == "Create the service"


def test_all_goes_well(make: Make, tools: Tools, identity: Path) -> None:
    made = make(PATH=tools(poetry=POETRY_2), GIT_CONFIG_GLOBAL=str(identity))
    assert made.sentences == ["Locking the dependencies ..."]
    assert made.next_steps == [f"cd {made.path}", "make run", "make image"]
    assert made.outcome.errors.endswith("lists what you can add later, such as Compose.\n")
    assert git(made.path, "log", "--format=%an %s") == "Somebody Create the service"
    assert git(made.path, "status", "--porcelain") == ""
    assert "poetry.lock" in git(made.path, "ls-files").splitlines()


def test_without_poetry_the_lock_is_left_to_a_command(make: Make, identity: Path) -> None:
    made = make(GIT_CONFIG_GLOBAL=str(identity))
    [sentence] = made.sentences
    assert sentence.startswith("Poetry was not found")
    assert made.commands(sentence) == ["make lock"]
    assert not (made.path / "poetry.lock").exists()


def test_poetry_1_is_too_old_and_is_not_used(make: Make, tools: Tools, identity: Path) -> None:
    made = make(PATH=tools(poetry=POETRY_1), GIT_CONFIG_GLOBAL=str(identity))
    [sentence] = made.sentences
    assert "Poetry (version 1.8.3) is too old" in sentence
    assert made.commands(sentence) == ["make lock"]
    assert not (made.path / "poetry.lock").exists()


def test_make_lock_brings_its_own_poetry_where_that_on_the_path_is_too_old(
    make: Make, tools: Tools
) -> None:
    path = tools(poetry=POETRY_1)
    made = make(PATH=path)
    steps = run("make", "--dry-run", "lock", cwd=made.path, env={"PATH": path}).output
    assert re.search(r"^\S*\.poetry/\S+ lock$", steps, re.MULTILINE)
    assert "venv" in steps


def test_make_lock_finishes_what_was_left(make: Make, tools: Tools) -> None:
    made = make()
    [command] = made.commands(made.sentences[0])
    poetry = tools(poetry=POETRY_2).split(":")[0]
    finished = run(*shlex.split(command), f"POETRY={poetry}/poetry", cwd=made.path)
    assert finished.code == 0, finished
    assert (made.path / "poetry.lock").exists()


def test_what_is_not_locked_is_locked_first_of_the_next_steps(make: Make) -> None:
    assert make().next_steps[1:] == ["make lock", "make run", "make image"]


def test_a_lock_that_fails_is_told_with_poetrys_reason(
    make: Make, tools: Tools, identity: Path
) -> None:
    path = tools(poetry=POETRY_BROKEN)
    variables = {"POETRY_PYPI_MIRROR_URL": "https://packages.example.com/simple/"}
    made = make(PATH=path, GIT_CONFIG_GLOBAL=str(identity), **variables)
    sentence = made.sentences[-1]
    assert "All attempts to connect failed" in sentence
    assert made.commands(sentence) == ["make lock"]
    assert git(made.path, "status", "--porcelain") == ""


@pytest.mark.skipif(not POETRY.exists(), reason="there is no Poetry in .poetry: run `make new`")
def test_without_network_the_real_poetry_says_so(make: Make, no_poetry: str, tools: Tools) -> None:
    nowhere = {"POETRY_PYPI_MIRROR_URL": "http://127.0.0.1:9/simple/", "NO_PROXY": "*"}
    made = make(PATH=f"{POETRY.parent}:{no_poetry}", **nowhere)
    assert made.sentences[0] == "Locking the dependencies ..."
    assert "All attempts to connect to 127.0.0.1:9 failed" in made.sentences[1]
    assert made.commands(made.sentences[1]) == ["make lock"]


def test_without_git_the_commit_is_left_to_a_command(
    make: Make, folder: Path, tmp_path: Path, identity: Path
) -> None:
    (tmp_path / "bin").mkdir()
    path = path_without(tmp_path / "bin", "poetry", "git")
    made = make(template=folder, PATH=path)
    sentence = made.sentences[-1]
    assert sentence.startswith("git was not found")
    finish(made, sentence, identity)


def test_without_an_identity_the_commit_is_left_to_commands(make: Make, tmp_path: Path) -> None:
    config = tmp_path / "home-gitconfig"
    config.touch()
    made = make(GIT_CONFIG_GLOBAL=str(config))
    sentence = made.sentences[-1]
    assert sentence.startswith("git does not know who commits")
    who, _ = made.commands(sentence)
    assert as_somebody(config, who, made.path).code == 0
    finish(made, sentence, config)


def test_a_hook_that_refuses_is_told_with_its_reason(
    make: Make, tmp_path: Path, identity: Path
) -> None:
    hook = tmp_path / "hooks/pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n")
    hook.chmod(0o755)
    identity.write_text(f"{IDENTITY}[core]\nhooksPath = {hook.parent}\n")
    made = make(GIT_CONFIG_GLOBAL=str(identity))
    sentence = made.sentences[-1]
    assert "git refused the first commit (not on a Friday)" in sentence
    hook.unlink()
    finish(made, sentence, identity)


def test_a_commit_that_cannot_be_signed_is_told(make: Make, identity: Path) -> None:
    identity.write_text(f"{IDENTITY}[commit]\ngpgsign = true\n[gpg]\nprogram = false\n")
    made = make(GIT_CONFIG_GLOBAL=str(identity))
    assert "git refused the first commit (" in made.sentences[-1]
    assert "sign" in made.sentences[-1]


def test_inside_another_repository_nothing_is_committed(
    make: Make, tmp_path: Path, identity: Path
) -> None:
    run("git", "init", "--quiet", tmp_path / "mono")
    (tmp_path / "mono/notes.txt").write_text("mine")
    made = make(tmp_path / "mono/services/shop", GIT_CONFIG_GLOBAL=str(identity))
    sentence = made.sentences[-1]
    assert f"inside the repository {tmp_path}/mono" in sentence
    assert not (made.path / ".git").exists()
    assert git(tmp_path / "mono", "diff", "--cached", "--name-only") == ""
    [command] = made.commands(sentence)
    finished = as_somebody(identity, command, made.path)
    assert finished.code == 0, finished
    committed = git(tmp_path / "mono", "show", "--name-only", "--format=").splitlines()
    assert "services/shop/Dockerfile" in committed
    assert "notes.txt" not in committed


def test_a_folder_that_holds_files_keeps_them(make: Make, tmp_path: Path, identity: Path) -> None:
    service = tmp_path / "service"
    (service / "data").mkdir(parents=True)
    (service / "data/notes.txt").write_text("mine")
    (service / ".env").write_text("SECRET=mine")
    made = make(GIT_CONFIG_GLOBAL=str(identity))
    assert (service / "data/notes.txt").read_text() == "mine"
    assert (service / ".env").read_text() == "SECRET=mine"
    assert ".env" not in git(made.path, "ls-files").splitlines()


def test_a_file_that_is_there_already_is_not_replaced_unasked(
    checkout: Path, tmp_path: Path, copier: Copier
) -> None:
    service = tmp_path / "service"
    service.mkdir()
    (service / "pyproject.toml").write_text("# mine\n")
    (service / "notes.txt").write_text("mine")
    arguments = "--trust", "--defaults", "--quiet", "--vcs-ref=HEAD"
    outcome = copier("copy", *arguments, checkout, service)
    assert outcome.code == 1
    assert (service / "pyproject.toml").read_text() == "# mine\n"
    assert (service / "notes.txt").read_text() == "mine"


def test_a_repository_that_is_there_already_gets_no_commit(
    make: Make, tmp_path: Path, identity: Path
) -> None:
    service = tmp_path / "service"
    run("git", "init", "--quiet", service)
    made = make(GIT_CONFIG_GLOBAL=str(identity))
    assert "inside the repository" in made.sentences[-1]
    assert git(service, "log") == ""


def test_the_next_steps_can_be_typed_as_they_stand(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    monkeypatch.chdir(tmp_path)
    made = make(Path("my service's"))
    change = made.next_steps[0]
    where = run("sh", "-c", f"{change} && pwd", cwd=tmp_path).output.strip()
    assert where == os.path.realpath(tmp_path / "my service's")
    assert change == f"cd {shlex.quote('my service' + chr(39) + 's')}"
