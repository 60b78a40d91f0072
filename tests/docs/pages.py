"""The pages as data: their blocks of commands, what each is said to show, and what it may not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = r"^```(?P<language>\w*)\n(?P<fenced>.*?)^```$"
INDENTED = r"(?<=\n\n)(?P<indented>(?: {4}[^\n]+\n|\n(?= {4}))+)"
LEFT_OUT = r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n+)?"
BLOCK = re.compile(f"{LEFT_OUT}(?:{FENCED}|{INDENTED})", re.MULTILINE | re.DOTALL)
INDENT = re.compile("^ {4}", re.MULTILINE)
# What differs from one run to the next, and what it is compared as.
VARIES = {
    r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{7,64}\b": "HASH",
    r"\d{4}-\d\d-\d\d": "DATE",
    r"\d\d:\d\d:\d\d(?:[.,]\d+)?": "TIME",
    r"\bMakefile:\d+": "Makefile:LINE",
    r"\s+": " ",
}


@dataclass(frozen=True)
class Step:
    """A command as a reader types it, and what the page says that it shows."""

    command: str
    sample: str = ""

    @property
    def stopped(self) -> bool:
        """Whether the reader ends it by Ctrl-C."""
        return "^C" in self.sample.splitlines()

    @property
    def fails(self) -> bool:
        """Whether the page shows how it ends with an error."""
        return bool(re.search(r"^make: \*\*\* ", self.sample, re.MULTILINE))

    def lacks(self, output: str) -> str:
        """Return the first line of the sample that the output does not have in its place."""
        said = iter(_compared(line) for line in output.splitlines())
        for line in self.sample.splitlines():
            wanted = re.escape(_compared(line)).replace(r"\.\.\.", ".*")
            if line.strip() and line != "^C" and not any(re.search(wanted, text) for text in said):
                return line
        return ""


@dataclass(frozen=True)
class Block:
    """A block of a page, by its language: `console`, `sh`, `diff`, `dockerfile` and so on."""

    language: str
    text: str
    reason: str = ""
    """Why no test runs it."""

    @property
    def steps(self) -> list[Step]:
        """The commands: after `$` with what they show, else a line each."""
        if self.language == "console":
            parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
            return [_step(part) for part in parts]
        if self.language == "sh":
            lines = re.sub(r"\\\n\s*", "", self.text).splitlines()
            commands = [re.sub(r"\s+# .*|^# .*", "", line).strip() for line in lines]
            return [Step(command) for command in commands if command]
        return []

    @property
    def edits(self) -> Iterator[tuple[str, str, str]]:
        """What a `diff` replaces: the file, the text, and what stands there afterwards."""
        if self.language == "diff":
            for part in re.split(r"^\+\+\+ ", self.text, flags=re.MULTILINE)[1:]:
                file, _, lines = part.partition("\n")
                for hunk in re.split(r"^@@.*\n", lines, flags=re.MULTILINE):
                    split = [(line[:1], line[1:] + "\n") for line in hunk.splitlines()]
                    before = "".join(text for sign, text in split if sign in "- ")
                    after = "".join(text for sign, text in split if sign in "+ ")
                    if before != after:
                        yield file, before, after


@dataclass(frozen=True)
class Page:
    """A page: README.md, or one of docs/ by its path there."""

    path: Path

    @property
    def blocks(self) -> list[Block]:
        """All blocks, in their order; an indented one holds commands."""
        return blocks(self.path.read_text("utf-8"))

    @property
    def to_run(self) -> list[Block]:
        """The blocks with commands, or with edits between these."""
        return [block for block in self.blocks if _runs(block) and not block.reason]

    @property
    def commands(self) -> list[str]:
        """All commands, in their order."""
        return [step.command for block in self.to_run for step in block.steps]


def page(name: str) -> Page:
    """Return a page by its name, which tells a test of all pages that this one is run."""
    found = Page(ROOT / name if name == "README.md" else ROOT / "docs" / name)
    assert found.to_run, f"{name} has no commands"
    return found


def blocks(text: str) -> list[Block]:
    """Return the blocks of a text in Markdown."""
    found = []
    for match in BLOCK.finditer(text):
        content = match["fenced"]
        if content is None:
            content = INDENT.sub("", match["indented"])
        found.append(Block(match["language"] or "sh", content, match["reason"] or ""))
    return found


def _runs(block: Block) -> bool:
    return bool(block.steps) or any(block.edits)


def _step(part: str) -> Step:
    command, *rest = part.splitlines()
    while rest and rest[0].startswith("> "):
        command += "\n" + rest.pop(0)[2:]
    return Step(command, "\n".join(rest))


def _compared(line: str) -> str:
    for pattern, name in VARIES.items():
        line = re.sub(pattern, name, line)
    return line.strip()
