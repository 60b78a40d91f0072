"""Answers that nobody gives who means well, for each question of the questionnaire."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from hypothesis import strategies as st

from tests.render.support import QUESTIONS as ALL

Answers = dict[str, Any]
Strategy = st.SearchStrategy[Any]

QUESTIONS: list[str] = [name for name in ALL if not name.startswith("_")]
# A file that is there only if something was run or written that should not have been.
CANARY = "canary-that-must-not-sing"
# What a template that is rendered makes of it; it stands in no answer.
PRODUCT = "47514"
TOUCH = f"touch {CANARY}"

FRAGMENTS: dict[str, list[str]] = {
    "controls": ["\x00", "\x07", "\x08", "\x1b[31m", "\x7f", "\x85", "\t", "\x0b", "\ud800"],
    "newlines": ["\n", "\r\n", "\r", "\u2028", "\u2029", "\\n", "\nUSER 0\n"],
    "quotes": ['"', "'", "`", '"""', "'''", "\u201c", "\u2019", "\u00ab", '\\"', "\\'", "''"],
    "template": [
        "{{ 6 * 7919 }}",
        "{{",
        "}}",
        "{%",
        "#}",
        "{#",
        "{% raw %}",
        "{% endraw %}",
        "{% include '/etc/passwd' %}",
        "{{ _copier_conf }}",
        "{{ undefined_name }}",
        "{%- if true -%}",
        "{{ '{{' }}",
        f"{{{{ cycler.__init__.__globals__.os.system('{TOUCH}') }}}}",
    ],
    "shell": [
        f"$({TOUCH})",
        f"`{TOUCH}`",
        f"; {TOUCH} ;",
        f"| {TOUCH}",
        f"&& {TOUCH}",
        f"> {CANARY}",
        f"$(shell {TOUCH})",
        "${HOME}",
        "$HOME",
        "$$",
        "$(MAKE)",
        "${x:-y}",
        "!!",
        "*",
        "?",
        "%PATH%",
        "&",
        "|",
        "<",
    ],
    "backslashes": ["\\", "\\\\", "\\u0041", "\\x41", "\\0", "\\U0001F600"],
    "dashes": ["-", "--", "--help", "-rf", f"--upload-pack={TOUCH}", "\u2013", "\u2014"],
    "direction": ["\u202e", "\u202d", "\u200f", "\u2066", "\u2069", "\u200b", "\ufeff", "\u00ad"],
    "look-alikes": ["\u0430", "\u0455", "\uff53", "\u0131", "\u017f", "\u212a", "\uff11", "\u0663"],
    "paths": [
        f"../{CANARY}",
        f"../../{CANARY}",
        f"/tmp/{CANARY}",
        f"~/{CANARY}",
        "/etc/passwd",
        "C:\\Windows",
        "C:relative",
        "\\\\host\\share",
        "file:///etc/passwd",
        ".git/hooks/post-commit",
        ".",
        "..",
        "con",
        "NUL",
        "aux.txt",
        "com1",
        "lpt9.",
    ],
    "yaml": [
        "- a",
        "* a",
        "!tag",
        f"!!python/object/apply:os.system ['{TOUCH}']",
        "&a",
        "%YAML",
        "@",
        "|",
        ">",
        "[a",
        "{a: b}",
        "? a",
        "# a",
        ":",
        "a: b",
        "---",
        "...",
        "null",
        "~",
        "yes",
        "off",
        "1e3",
        "0o17",
        "0x1F90",
        ".inf",
        "1:30",
        "2027-01-01",
        "<<: *a",
    ],
    "toml": ["]]", "[project]", "a = 1", "=", "inf", "nan", "1979-05-27T07:32:00Z"],
    "dockerfile": ["# escape=`", "<<EOF", " AS builder", "ONBUILD RUN id", f"@sha256:{'0' * 64}"],
}
ODD = [fragment for fragments in FRAGMENTS.values() for fragment in fragments]
PLAIN = ["Order", "service", "a", " ", "日本", "😀", "é", "Straße", "x" * 70]
LONG = 10_000


def lines(longest: int, odd: Iterable[str] = ODD) -> Iterator[str]:
    """Yield as few lines as hold each fragment that may stand in one, none longer than that."""
    line = ""
    for fragment in odd:
        if not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", fragment):
            if len(line) + len(fragment) >= longest:
                yield line.strip()
                line = ""
            line += f" {fragment}"
    yield line.strip()


fragments = st.sampled_from(ODD)
words = st.sampled_from([*ODD, *PLAIN])
texts = st.one_of(
    fragments,
    st.lists(words, min_size=1, max_size=5).map("".join),
    st.lists(words, min_size=1, max_size=5).map(" ".join),
    st.text(max_size=60),
    words.map(lambda word: (word * LONG)[:LONG]),
)
# What YAML can say and no question asks for.
odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.lists(texts, max_size=2),
    st.dictionaries(words, words, max_size=2),
)


def mostly(right: Strategy, wrong: Strategy) -> Strategy:
    """Return answers of which two in three are right: each wrong one takes a copy of its own."""
    return st.sampled_from([right, right, wrong]).flatmap(lambda strategy: strategy)


def matching(pattern: str) -> st.SearchStrategy[str]:
    """Return what fits a pattern of ASCII characters from end to end."""
    return st.from_regex(pattern, fullmatch=True)


def spoilt(right: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return right answers with something odd before, behind or within."""

    def spoil(answer: str, odd: str, where: int) -> str:
        where %= len(answer) + 1
        return f"{answer[:where]}{odd}{answer[where:]}"

    return st.builds(spoil, right, words, st.integers(0, 20))


def near(right: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return right answers, nearly right ones, and any text."""
    return mostly(right, st.one_of(spoilt(right), right.map(str.upper), texts))


def lists(right: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    """Return lists of such answers, and what is no list."""
    wrong = st.one_of(st.tuples(right, near(right)).map(list), texts, odd_values)
    return mostly(st.lists(right, max_size=3), wrong)


def choices(question: str) -> st.SearchStrategy[str]:
    """Return what a question offers."""
    offered = {
        "python_version": ["3.11", "3.13", "3.14"],
        "base_image": ["slim", "distroless", "custom"],
    }
    return st.sampled_from(offered.get(question) or list(ALL[question]["choices"].values()))


NUMBERS = st.one_of(st.integers(1024, 65535), st.integers(-1, 70_000), st.integers()).map(str)
FILES = matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}){0,3}")
LINES = texts.filter(lambda text: len(text) <= 80 and text.isprintable() and text == text.strip())
RIGHT: dict[str, st.SearchStrategy[str]] = {
    "project_name": LINES,
    "project_slug": st.one_of(
        matching(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"),
        st.sampled_from(["null", "true", "false", "yes", "no", "on", "off", "y", "con"]),
    ),
    "description": LINES,
    "user_name": LINES,
    "user_email": matching(r"[!#-&*-+/-9=?A-Z^-~-]{1,20}@[a-z0-9.-]{1,20}"),
    "image_repository": matching(
        r"([a-zA-Z0-9.-]{1,20}(:[0-9]{1,5})?/)?[a-z0-9]{1,9}((\.|__?|-+|/)[a-z0-9]{1,9}){0,3}"
    ),
    "package_index": matching(r"https?://[A-Za-z0-9.-]{1,20}(:[0-9]{1,5})?(/[A-Za-z0-9._~%+-]*)*"),
    "app_package": matching(r"[a-z][a-z0-9_]{0,62}"),
    "port": NUMBERS,
    "uid": NUMBERS,
    "schedule": st.sampled_from(["", "@daily", "0 3 * * *", "*/5 0-6 1,15 JAN MON"]),
    "template_source": st.sampled_from(["gh:acme/template", "https://example.com/template.git"]),
}
FLAGS = [q for q in QUESTIONS if ALL[q]["type"] == "bool" and ALL[q].get("when") is not False]
RIGHT |= dict.fromkeys(FLAGS, st.sampled_from(["yes", "no", "true", "false", "on", "off"]))
LISTS: dict[str, st.SearchStrategy[str]] = {
    "build_packages": matching(r"[a-z0-9][a-z0-9+.-]{1,30}"),
    "runtime_packages": matching(r"[a-z0-9][a-z0-9+.-]{1,30}"),
    "absent_libraries": matching(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,30}"),
    "extra_paths": FILES,
}
# What follows from other answers; `make new` alone gives the other one.
COMPUTED = [q for q in QUESTIONS if ALL[q].get("when") is False and q != "template_source"]
ASKED = [question for question in QUESTIONS if question not in COMPUTED]


def hostile(question: str) -> st.SearchStrategy[object]:
    """Return answers to a question."""
    if question in COMPUTED:
        return st.one_of(texts, odd_values)
    if question in LISTS:
        return lists(LISTS[question])
    right = RIGHT[question] if question in RIGHT else choices(question)
    return mostly(right, st.one_of(near(right), near(right), odd_values))


def everything() -> st.SearchStrategy[Answers]:
    """Return an answer to every question, and one to what no one is asked."""
    asked = st.fixed_dictionaries({question: hostile(question) for question in ASKED})
    computed = st.sampled_from(COMPUTED).flatmap(
        lambda question: st.fixed_dictionaries({question: hostile(question)})
    )
    return st.builds(lambda answers, more: {**answers, **more}, asked, computed)
