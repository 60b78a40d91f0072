"""A mistake in standard.toml is named by file, line and key, in one sentence."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from copier.errors import UserMessageError

from extensions.standard import read
from tests.hostile.answers import ODD
from tests.hostile.conftest import Tally
from tests.render.conftest import Copier
from tests.render.support import ROOT

STANDARD = (ROOT / "standard.toml").read_text("utf-8")
LINES = STANDARD.splitlines()
# What a base may leave out, and so may what is carried.
OPTIONAL = {"builder", "debian", "pythons", "apt", "of", "public", "uv", "root"}
WRONG = ["1979-05-27T07:32:00Z", "1.5", "[[1]]", "{ a = 1 }", '"\\u0000"', "-1", "inf", '""']
UNREADABLE = ['"unclosed', "", "unquoted", "= 1", '"a" "b"', "[1", '"\\q"', "\x00"]
MAY_BE_EMPTY = {"registry.mirror", "registry.images", "index.url", "deploy.collector.address"}


class Broken(NamedTuple):
    """A standard with one mistake, and where that is."""

    what: str
    text: str
    line: int
    key: str = ""


class Statement(NamedTuple):
    """One line that gives a key its value; lines are counted from 1."""

    line: int
    table: str
    header: int
    key: str
    value: str

    @property
    def path(self) -> str:
        """The key with its table."""
        return f"{self.table}.{self.key}"

    def instead(self, *lines: str) -> str:
        """Return the standard with other lines in place of this one."""
        return "\n".join([*LINES[: self.line - 1], *lines, *LINES[self.line :]]) + "\n"


def statements() -> Iterator[Statement]:
    """Yield what the standard says, line by line."""
    table, header = "", 0
    for number, line in enumerate(LINES, 1):
        if found := re.match(r"\[(.*)\]", line):
            table, header = found[1], number
        elif found := re.match(r'(\w+) = ("[^"]*"|.*?)(?: +#.*)?$', line):
            yield Statement(number, table, header, found[1], found[2])


def broken() -> Iterator[Broken]:
    """Yield standards with each mistake that a line can have."""
    for it in statements():
        for value in WRONG[it.line % 2 :: 2]:
            if not (value == '""' and it.path in MAY_BE_EMPTY):
                text = it.instead(f"{it.key} = {value}")
                yield Broken(f"{it.path} = {value}", text, it.line, it.path)
        optional = it.key == "retired" or (it.table.startswith("base.") and it.key in OPTIONAL)
        if not optional and not it.table.endswith((".carried", "debian")):
            yield Broken(f"no {it.path}", it.instead(), it.header, it.path)
        if it.table != "debian":  # which may have any name
            unknown = it.instead(f"{it.key} = {it.value}", "kye = 1")
            yield Broken(f"a kye in {it.table}", unknown, it.line + 1, f"{it.table}.kye")
        doubled = it.instead(*[f"{it.key} = {it.value}"] * 2)
        yield Broken(f"{it.path} twice", doubled, it.line + 1, it.key)
        for value in UNREADABLE[it.line % 3 :: 3]:
            syntax = it.instead(f"{it.key} = {value}")
            yield Broken(f"{it.path} = {value!r}", syntax, it.line, it.key)
        if it.key in ("runtime", "builder", "interpreter"):
            for field in ("{debain}", "{", "}", "{}", "{python.x}", "{python[0]!q}", " ", "$(id)"):
                text = it.instead(f"{it.key} = {it.value[:-1]}{field}{it.value[-1]}")
                yield Broken(f"{it.path} with {field}", text, it.line, it.path)
        if it.key in ("debian", "python_version", "base_image", "of"):
            text = it.instead(f'{it.key} = "nowhere"')
            yield Broken(f"{it.path} = nowhere", text, it.line, it.path)
    for it in statements():
        if it.table in ("ci", "database") and it.key not in ("python", "runner"):
            text = it.instead(f'{it.key} = "image:{{python}}"')
            yield Broken(f"{it.path} with a field", text, it.line, it.path)
    for wrong in ("python:3.13-slim-tricksy", "python:3.12", "ubuntu-24.04"):
        pinned = "\n".join([*LINES, f'"{wrong}" = "sha256:{"0" * 64}"'])
        yield Broken(f"a digest of {wrong}", pinned, len(LINES) + 1, f'digests."{wrong}"')
    for number, line in enumerate(LINES, 1):
        if line.startswith("["):
            header = re.sub(r"\](?!.*\]).*", "", line)
            text = "\n".join([*LINES[: number - 1], header, *LINES[number:]])
            yield Broken(header, text, number)


def sentence(file: Path) -> str:
    """Return what is said of a standard; an empty text where nothing is."""
    try:
        read(file)
    except UserMessageError as error:
        return str(error)
    return ""


def test_the_standard_has_lines_to_break() -> None:
    assert len(list(statements())) >= 40
    assert len({it.path for it in statements()}) == len(list(statements()))


def test_each_mistake_is_named_by_file_line_and_key(tmp_path: Path, tally: Tally) -> None:
    file = tmp_path / "standard.toml"
    named = 0
    for mistake in broken():
        file.write_text(mistake.text, "utf-8")
        said = sentence(file)
        assert said.startswith(f"standard.toml, line {mistake.line}: "), (mistake.what, said)
        assert f"{mistake.key} " in said or f"{mistake.key}: " in said, (mistake.what, said)
        assert len(said) < 300, said
        assert said.isprintable(), said
        named += 1
    assert named > 300
    tally("mistakes in `standard.toml`", tried=named, named=named)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: defaults is missing"),
        (STANDARD.encode("utf-16"), "cannot be read: "),
        (STANDARD.replace("[index]", "[xedni]").encode(), "line 1: index is missing"),
        (STANDARD.replace("13.9", "13.9\x1b").encode(), "line "),
        (STANDARD.replace("[base.slim]", "[base.'s l i m']").encode(), 'base."s l i m" '),
        (STANDARD.replace('"3.14"', '"3.x"').encode(), 'python."3.x" is not a Python'),
    ],
)
def test_a_file_that_is_all_wrong_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "standard.toml"
    file.write_bytes(content)
    assert said in sentence(file)
    assert "\n" not in sentence(file)


@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_file_may_begin_and_lines_may_end_as_on_windows(
    tmp_path: Path, begin: bytes, end: bytes
) -> None:
    (tmp_path / "standard.toml").write_bytes(begin + STANDARD.encode().replace(b"\n", end))
    assert sentence(tmp_path / "standard.toml") == ""


def test_no_text_of_the_standard_takes_what_is_odd(tmp_path: Path, tally: Tally) -> None:
    file = tmp_path / "standard.toml"
    texts = [it for it in statements() if it.value.startswith('"')]
    tried, named, free = 0, 0, {"base.slim.help", "base.distroless.help", "base.custom.help"}
    for number, it in enumerate(texts):
        for odd in ODD[number % 9 :: 9]:  # together the texts see all of them several times
            quoted = "".join(f"\\U{ord(c):08x}" for c in odd if c != "\ud800")
            file.write_text(it.instead(f'{it.key} = "x{quoted} "'), "utf-8")
            said = sentence(file)
            tried += 1
            named += bool(said)
            assert said.startswith(f"standard.toml, line {it.line}: {it.path} ") or it.path in free
    assert named > 200
    tally("odd texts in `standard.toml`", tried=tried, named=named, allowed=tried - named)


@pytest.mark.parametrize("number", range(0, 300, 20))
def test_copier_says_it_and_writes_nothing(
    folder: Path, tmp_path: Path, copier: Copier, number: int
) -> None:
    mistake = list(broken())[number]
    template = shutil.copytree(folder, tmp_path / "template")
    (template / "standard.toml").write_text(mistake.text, "utf-8")
    command = "copy", "--trust", "--defaults", "--vcs-ref=HEAD", "--quiet"
    done = copier(*command, template, tmp_path / "service")
    assert (done.code, done.output) == (1, "")
    assert done.sentence == sentence(template / "standard.toml")
    assert not (tmp_path / "service").exists()
