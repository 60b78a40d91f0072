"""What people write in their own words is kept exactly, wherever it appears."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Service
from .support import BIN, run

NASTY = [
    """Both "double" and 'single', and ''' and \"\"\" too""",
    r"A \ back\slash, C:\new\table, \u0041, \" and, at the end, \\",
    "{{ braces }} {% if x %} {# comment #} {{ '{{' }} {%- raw -%}",
    "${HOME} $HOME $(id) `id` $$ %PATH% $",
    "a: colon, a # hash, a, comma & an = ; | < > ? * ! ~ ^",
    "<b>bold</b> &amp; <!-- hidden -->",
    "Emoji 😀 👩‍👩‍👧, Zażółć, 日本語, combining e\u0301 and not é",
    "שלום עולם \u202eright to left\u202c",
    "no-break\u00a0space, zero\u200bwidth, soft\u00adhyphen",
    "two  spaces   and more    here",
    "x" * 80,
]
# Harmless elsewhere, these mean something else to YAML.
YAML = [
    "- a list",
    "* a list",
    "!tag",
    "&anchor",
    "%directive",
    "@at",
    "| block",
    "> folded",
    "[flow]",
    "{flow: map}",
    "? key",
    "#heading",
    "---",
    "'quoted'",
    '"quoted"',
    "null",
    "true",
    "42",
    "1.0",
    "0o17",
    "2027-01-01",
    "~",
    ": colon first",
    "name: value",
]


def label(dockerfile: str, name: str) -> str:
    """Return a label's value as Docker reads it: its own escapes undone, no variable in it."""
    quoted = re.search(rf'org\.opencontainers\.image\.{name}="((?:[^"\\]|\\.)*)"', dockerfile)
    assert quoted, dockerfile
    assert not re.search(r"(?<!\\)(\\\\)*\$", quoted[1]), "Docker would put a variable in"
    return re.sub(r'\\(["\\$])', r"\1", quoted[1])


def check(made: Path, texts: Mapping[str, str]) -> None:
    """Fail where one of the texts is not what it was."""
    project = tomllib.loads((made / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["description"] == texts["description"]
    assert project["authors"] == [{"name": texts["user_name"]}]

    stored = yaml.safe_load((made / ".copier-answers.yml").read_text("utf-8"))
    assert {question: stored[question] for question in texts} == texts

    dockerfile = (made / "Dockerfile").read_text("utf-8")
    assert label(dockerfile, "title") == texts["project_name"]
    assert label(dockerfile, "description") == texts["description"]

    readme = (made / "README.md").read_text("utf-8").split("\n")
    assert readme[0] == f"# {texts['project_name']}"
    assert texts["description"] in readme

    license = (made / "LICENSE").read_text("utf-8").split("\n")
    assert f"Copyright (c) {texts['user_name']}" in license


def nasty(text: str) -> dict[str, str]:
    """Answer with a text in each question that takes one."""
    return {"project_name": text[:80].strip(), "description": text, "user_name": text}


@pytest.mark.parametrize("text", NASTY)
def test_a_nasty_text_is_kept_exactly(service: Service, text: str) -> None:
    check(service(license="MIT", project_slug="kept", **nasty(text)), nasty(text))


@pytest.mark.parametrize("texts", zip(YAML[0::3], YAML[1::3], YAML[2::3], strict=True))
def test_a_text_that_means_something_to_yaml_is_kept_exactly(
    service: Service, texts: tuple[str, str, str]
) -> None:
    answers = dict(zip(("project_name", "description", "user_name"), texts, strict=True))
    check(service(license="MIT", project_slug="kept", **answers), answers)


# One line without spaces around it, of characters that a person can type; not the controls, which
# are refused, nor halves of a character.
lines = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=80
).filter(lambda text: text == text.strip())


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(project_name=lines, description=lines, user_name=lines)
def test_any_text_is_kept_exactly(
    service: Service, project_name: str, description: str, user_name: str
) -> None:
    texts = {"project_name": project_name, "description": description, "user_name": user_name}
    check(service(license="MIT", project_slug="kept", **texts), texts)


# Not one with a backslash before a quote: Docker reads it rightly, hadolint does not.
@pytest.mark.parametrize("text", [NASTY[0], *NASTY[2:]])
def test_hadolint_reads_a_dockerfile_with_a_nasty_text(service: Service, text: str) -> None:
    made = service(license="MIT", project_slug="kept", **nasty(text))
    linted = run(BIN / "hadolint", "--no-color", "Dockerfile", cwd=made)
    assert (linted.output, linted.errors, linted.code) == ("", "", 0)
