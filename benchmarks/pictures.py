"""`make pictures`: a new service from its questions to an answer, at a real terminal, as SVG.

Commands are typed into a shell, a terminal's emulator keeps what it shows, and rich draws the
screen after each scene. The times that it shows are those of this run.
"""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import pexpect
import pyte
from plumbum import local
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.docs import desk
from tests.engine import engine

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs/pictures"
COLUMNS, ROWS = 100, 80
BASE = "python:3.13-slim-trixie"
# A terminal's own sign that the prompt is there, which no screen shows.
READY = "\x1b]133;A\x07"
PROMPT = r"PS1='\[\e[1;32m\]\w $\[\e[0m\] \[\e]133;A\a\]'"
QUIET = "bind 'set enable-bracketed-paste off'\nunset HISTFILE\n"
ASKED = "\x1b[?7h"  # Copier has drawn its question
CLEAR = "\x01\x0b"  # to the line's start, and what follows away
TYPED = ["Greeter", "greeter", "Says hello."]  # the first answers; then what is proposed


@dataclass(frozen=True)
class Scene:
    """A picture: its name, what it shows, and the commands that are typed for it."""

    name: str
    title: str
    commands: list[str]


SCENES = [
    Scene("new", "A new service", ["make --silent new DEST=../greeter"]),
    Scene("image", "Its image", ["cd ../greeter", "make --silent image"]),
    Scene(
        "run",
        "Its container",
        [
            "docker run --detach --rm --name greeter --publish 8000:8000 greeter:0.1.0",
            "curl --silent --retry 9 --retry-delay 1 --retry-all-errors localhost:8000/health/live"
            " && echo",
            "docker ps --format '{{.Image}}: {{.Status}}'",
            "time docker stop greeter",
        ],
    ),
    Scene(
        "edit",
        "An edit",
        [
            "echo 'GREETING = \"Hello\"' >> app/main.py",
            "git commit --all --message 'Say hello'",
            "time make --silent image",
        ],
    ),
]
INK = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]
# Background, foreground, the eight colours and their bright ones, as GitHub has them.
THEMES = {
    "light": (
        ["ffffff", "1f2328"],
        ["24292f", "cf222e", "116329", "7d4e00", "0550ae", "8250df", "1b7c83", "6e7781"],
        ["57606a", "a40e26", "1a7f37", "633c01", "218bff", "a475f9", "3192aa", "8c959f"],
    ),
    "dark": (
        ["0d1117", "e6edf3"],
        ["484f58", "ff7b72", "3fb950", "d29922", "58a6ff", "bc8cff", "39c5cf", "b1bac4"],
        ["6e7681", "ffa198", "56d364", "e3b341", "79c0ff", "d2a8ff", "56d4dd", "ffffff"],
    ),
}
SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>TITLE</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, monospace; }}
.{unique_id}-title {{ font: 18px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Terminal:
    """A shell, and the screen that shows what it says."""

    def __init__(self, cwd: Path, env: dict[str, str]) -> None:
        """Start the shell, and wait for its prompt."""
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self.screen)
        rc = cwd.parent / "bashrc"
        rc.write_text(f"{PROMPT}\n{QUIET}")
        self._shell = pexpect.spawn(
            "bash",
            ["--noprofile", "--rcfile", str(rc), "-i"],
            cwd=str(cwd),
            env={**env, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)},
            dimensions=(ROWS, COLUMNS),
            timeout=120,
            encoding="utf-8",
        )
        self._shell.logfile_read = self
        self._shell.expect_exact(READY)

    def write(self, text: str) -> None:
        """Show what the shell says."""
        self._stream.feed(text)

    def flush(self) -> None:
        """Nothing waits to be shown."""

    def clear(self) -> None:
        """Begin a new screen, with a prompt."""
        self._shell.send("\x0c")
        self._shell.expect_exact("\x1b[2J")
        self._shell.expect_exact(READY)

    def type(self, command: str) -> None:
        """Type a command, answer what it asks, and wait for the next prompt."""
        self._shell.send(f"{command}\r")
        answers = iter(TYPED)
        while self._shell.expect_exact([READY, ASKED]) == 1:
            answer = next(answers, "")
            self._shell.send(f"{CLEAR}{answer}\r" if answer else "\r")

    def lines(self) -> list[Text]:
        """Return what the screen shows; not the last prompt, and of empty lines one at a time.

        Copier's prompts leave more of them, as they cannot ask this terminal where its cursor is.
        """
        lines: list[Text] = []
        for row in range(self.screen.cursor.y):
            chars = [self.screen.buffer[row][column] for column in range(COLUMNS)]
            line = Text()
            for style, group in groupby(chars, _style):
                line.append("".join(char.data for char in group), style)
            line.rstrip()
            if line.plain or (lines and lines[-1].plain):
                lines.append(line)
        return lines


def _style(char: pyte.screens.Char) -> Style:
    color = char.fg.replace("brown", "yellow").replace("ffaf00", "yellow")  # Copier's, on white
    bright = color.startswith("bright")
    name = color.removeprefix("bright")
    if re.fullmatch("[0-9a-f]{6}", color):
        return Style(color=f"#{color}", bold=char.bold)
    if name not in INK:
        return Style(bold=char.bold)
    return Style(color=f"bright_{name}" if bright else name, bold=char.bold)


def draw(lines: list[Text], title: str, file: Path) -> None:
    """Write the picture in both themes."""
    for theme, colors in THEMES.items():
        (back, ink), normal, bright = ([_rgb(color) for color in part] for part in colors)
        console = Console(record=True, width=COLUMNS, file=io.StringIO())
        for line in lines:
            console.print(line, no_wrap=True, overflow="crop", soft_wrap=True)
        svg = console.export_svg(
            title=title,
            theme=TerminalTheme(back, ink, normal, bright),
            code_format=SVG.replace("TITLE", title),
            unique_id=file.stem,
        )
        file.with_name(f"{file.name}-{theme}.svg").write_text(svg, "utf-8")


def _rgb(color: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(color)
    return red, green, blue


def main() -> None:
    """Take all pictures, in one terminal."""
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, engine() as found:
        found.base(BASE)
        aside = Path(folder, "aside")
        aside.mkdir()
        env = desk.machine(Path(folder), found) | desk.network(aside)
        env |= {"PROMPT_TOOLKIT_NO_CPR": "1", "PYTHONWARNINGS": "ignore"}
        checkout = Path(env["HOME"], desk.NAME)
        local["git"]("clone", "--quiet", ROOT, checkout)
        local["git"]("-C", checkout, "remote", "set-url", "origin", f"{desk.FORGE}{desk.NAME}.git")
        desk.publish(checkout, Path(folder, "forge"))
        terminal = Terminal(checkout, env)
        for scene in SCENES:
            print(f"{scene.title} ...", file=sys.stderr)
            terminal.clear()
            for command in scene.commands:
                terminal.type(command)
            draw(terminal.lines(), scene.title, FOLDER / scene.name)


if __name__ == "__main__":
    main()
