"""A terminal in which a page's commands are typed, one after the other, as its reader would."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pexpect

from tests.docs.pages import Page, Step

PATIENCE = 120  # seconds between two lines
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@dataclass
class Shell:
    """What a command changes for those after it: folder and environment."""

    folder: Path
    env: dict[str, str]
    replaced: dict[str, str] = field(default_factory=dict)
    """What this machine's commands have in place of the page's, such as a port that is free."""

    def play(self, page: Page) -> list[str]:
        """Run all commands and edits of a page; return what each command showed."""
        shown = []
        for block in page.to_run:
            for step in block.steps:
                shown.append(self.take(step))
            for name, before, after in block.edits:
                file = self.folder / name
                text = file.read_text("utf-8")
                assert text.count(before) == 1, f"{file} does not have once:\n{before}"
                file.write_text(text.replace(before, after), "utf-8")
        return shown

    def take(self, step: Step) -> str:
        """Run a command, which must end as the page says, and show what that shows."""
        step = Step(self._here(step.command), self._here(step.sample))
        code, output = self.type(
            step.command, (lambda said: not step.lacks(said)) if step.stopped else None
        )
        ended = step.stopped or (code != 0) == step.fails
        assert ended, f"$ {step.command}\n{output}\nended with {code}"
        missing = step.lacks(output)
        assert not missing, f"$ {step.command}\n{output}\ndoes not say: {missing}"
        return output

    def type(self, command: str, enough: Callable[[str], bool] | None = None) -> tuple[int, str]:
        """Run a command, to its end or until it said enough; return its exit code and output.

        It writes to a terminal, and can ask nobody.
        """
        with TemporaryDirectory() as folder:
            state = Path(folder)
            note = f'pwd >"{state}/pwd"; env --null >"{state}/env"'
            process = pexpect.spawn(
                "bash",
                ["-c", f"exec </dev/null\n{command}\ncode=$?; {note}; exit $code"],
                cwd=str(self.folder),
                env={**self.env, "TERM": "dumb"},
                dimensions=(50, 500),
                timeout=PATIENCE,
                encoding="utf-8",
            )
            said, ended = "", False
            while not ended:
                ended = process.expect(["\n", pexpect.EOF]) == 1
                said += ESCAPES.sub("", process.before or "").replace("\r", "") + "\n"
                if enough and enough(said):
                    process.sendintr()
                    enough = None
            process.close()
            if (state / "env").exists():
                self.folder = Path((state / "pwd").read_text("utf-8").rstrip("\n"))
                lines = (state / "env").read_text("utf-8").split("\0")
                self.env = dict(line.split("=", 1) for line in lines if line)
            return process.exitstatus or 0, said

    def _here(self, text: str) -> str:
        for theirs, ours in self.replaced.items():
            text = text.replace(theirs, ours)
        return text
