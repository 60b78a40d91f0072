"""One copy with an odd answer to every question, and what may come of it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.hostile.answers import CANARY, PRODUCT, Answers
from tests.hostile.places import places
from tests.render.conftest import Copier
from tests.render.support import QUESTIONS as ALL

COMMAND = "copy", "--trust", "--defaults", "--vcs-ref=HEAD", "--quiet"
FILES = {
    *(".copier-answers.yml", ".dockerignore", ".gitignore", "Dockerfile", "Dockerfile.py"),
    *("Dockerfile.runtime.py", "LICENSE", "Makefile", "README.md", "mypy.ini", "poetry.toml"),
    *("pyproject.toml", "renovate.json", "ruff.toml", "tests/test_main.py"),
    *(
        "APP/__init__.py",
        "APP/main.py",
        "APP/serving.py",
        "APP/settings.py",
        ".poetry-constraints.txt",
    ),
    *(".github/workflows/ci.yml", ".gitlab-ci.yml", "release.mk", "release.py"),
    *("compose.yaml", ".pre-commit-config.yaml", "alembic.ini"),
    *("APP/database.py", "APP/telemetry.py"),
    *(".devcontainer/devcontainer.json", ".devcontainer/compose.yaml"),
    *("migrations/env.py", "migrations/script.py.mako", "migrations/versions/0001_begin.py"),
}
MANIFEST = r"deploy/([a-z-]+/){0,3}[a-z-]+\.(yaml|py|mk)"
YES = {"true", "yes", "on", "y", "t", "1"}


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file, and every folder, below one."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def meant(question: str, answer: object) -> object:
    """Return what an answer is where it stands, if it is taken."""
    kind = ALL[question]["type"]
    if kind == "yaml":
        return yaml.safe_load(answer) if isinstance(answer, str) else answer
    text = str(answer)
    if kind == "int":
        assert re.fullmatch("-?[0-9]+", text), f"{text[:99]!r} is no number for {question}"
        return int(text)
    if kind == "bool":
        return text.lower() in YES
    assert not isinstance(answer, bool), f"{question} takes {answer} for a text"
    return text


def check(service: Path, answers: Answers) -> None:
    """Fail where one of the answers is not what it was, or did something."""
    written = snapshot(service)
    files = {name for name in written if (service / name).is_file() and ".git/" not in name}
    found = places(service)
    package = str(found["app_package"][".copier-answers.yml"])
    own = {re.sub(rf"^{package}/", "APP/", name) for name in files}
    own = {name for name in own if not re.fullmatch(MANIFEST, name)}
    assert own <= FILES, own - FILES
    assert not Path("/tmp", CANARY).exists()
    assert not [name for name in files if PRODUCT.encode() in written[name]]
    assert answers.keys() <= found.keys(), "a computed value was taken from outside"
    for question, values in found.items():
        stored = values.get(".copier-answers.yml")
        right = meant(question, answers[question]) if question in answers else stored
        for place, value in values.items():
            assert value == right, f"{question} in {place}: {value!r}, not {right!r}"


@dataclass
class Ordeal:
    """Copies made one after the other in a folder that must stay as it is."""

    template: Path
    sandbox: Path
    copier: Copier
    tried: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.destination.parent.mkdir(parents=True)
        (self.sandbox / "beside").write_text("what was there before")

    @property
    def destination(self) -> Path:
        """Where a service is to be; `../` and `../../` are still in the sandbox."""
        return self.sandbox / "work" / "services" / "service"

    def arguments(self, answers: Answers, in_file: bool) -> list[object]:
        """Return what gives the answers: a file, or the command line for those that are texts."""
        texts = {k: v for k, v in answers.items() if isinstance(v, str) and not in_file}
        file = self.sandbox.parent / "answers.yml"
        others = {name: answer for name, answer in answers.items() if name not in texts}
        file.write_text(yaml.safe_dump(others), "utf-8")
        data = [part for name, text in texts.items() for part in ("--data", f"{name}={text}")]
        return [f"--data-file={file}", *data]

    def copy(self, answers: Answers, in_file: bool, *options: str) -> str | None:
        """Copy; return the question that was refused, or None. Nothing may be beside the copy."""
        before = snapshot(self.sandbox)
        given = self.arguments(answers, in_file)
        done = self.copier(*COMMAND, *options, *given, self.template, self.destination)
        question = None
        if done.code:
            assert (done.code, done.output) == (1, ""), done
            assert not self.destination.exists()
            question, _, sentence = done.sentence.partition(": ")
            assert question in answers, done.sentence
            assert 10 < len(sentence) < 250, done.sentence
            assert sentence.isprintable(), done.sentence
        left = {
            name: content
            for name, content in snapshot(self.sandbox).items()
            if not Path(self.sandbox, name).is_relative_to(self.destination)
        }
        assert left == before
        return question

    def undergo(self, answers: Answers, in_file: bool, context: Answers) -> None:
        """Give every answer: one is refused after the other, and the rest stands in a service.

        What is refused, the next copy lacks; `context` are answers that nobody objects to.
        """
        left = dict(answers)
        self.tried.update(left.keys())
        options = [] if in_file else ["--skip-tasks"]
        while (question := self.copy({**context, **left}, in_file, *options)) is not None:
            assert question in left, f"{question}: {context[question]!r} is refused"
            del left[question]
            self.refused[question] += 1
        try:
            check(self.destination, left)
        finally:
            shutil.rmtree(self.destination)
        self.kept.update(left.keys())
