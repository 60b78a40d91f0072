"""Every page's commands are run by a test, and what a page quotes is what there is."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT, Render
from tests.docs.pages import PAGES, Page

TESTS = [file for file in (ROOT / "tests").rglob("test_*.py") if file != Path(__file__)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_each_page_with_commands_is_run(path: Path) -> None:
    if Page(path).to_run:
        name = re.escape(path.name)
        run = [file for file in TESTS if re.search(rf'"(docs/)?{name}"', file.read_text("utf-8"))]
        assert run, f"{path.name} has commands that no test runs: {Page(path).commands}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_each_command_of_make_that_is_not_run_exists(path: Path) -> None:
    makefiles = [ROOT / "Makefile", ROOT / "template/Makefile.jinja"]
    makefiles += (ROOT / "template").rglob("*.mk*")
    texts = [file.read_text("utf-8") for file in makefiles]
    targets = re.findall(r"^([a-z-]+):", "\n".join(texts), re.MULTILINE)
    for block in Page(path).blocks:
        if block.reason:
            named = re.findall(r"\bmake (?:-\S+ )*([a-z][a-z-]*)", block.text)
            assert set(named) <= set(targets)
            for file in re.findall(r"tests/[\w/.]*\w", block.reason):
                assert (ROOT / file).exists(), f"{path.name}: {block.reason}"


def test_the_page_of_the_dockerfile_quotes_each_line_of_it_in_its_order(render: Render) -> None:
    made = (render(project_name="My Service") / "Dockerfile").read_text("utf-8")
    blocks = [
        block.text
        for block in Page(ROOT / "docs/dockerfile.md").blocks
        if block.language == "dockerfile"
    ]
    assert lines("".join(blocks)) == lines(made)


def lines(dockerfile: str) -> list[str]:
    """Return the lines that say something; those of all tiers are the same but for its number."""
    alike = re.sub(r"\b(tier|lock/)[1-3]\b", r"\g<1>0", dockerfile)
    return list(dict.fromkeys(line for line in alike.splitlines() if line))


def test_each_page_that_another_names_is_there() -> None:
    for path in PAGES:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / link).exists(), f"{path.name} leads to {link}"


def test_a_block_that_no_test_runs_would_be_found(tmp_path: Path) -> None:
    made = tmp_path / "page.md"
    blocks = [
        "    make a  # which is indented",
        "text",
        "<!-- not run: long -->\n```sh\nmake b\n```",
        "```console\n$ make c\nsaid\n```",
    ]
    made.write_text("\n\n".join(["# Page", *blocks, ""]))
    assert Page(made).commands == ["make a", "make c"]


PICTURES = sorted((ROOT / "docs/pictures").glob("*.svg"))


@pytest.mark.parametrize("file", PICTURES, ids=lambda file: file.stem)
def test_a_picture_shows_nothing_of_the_machine_that_took_it(file: Path) -> None:
    assert f"docs/pictures/{file.name}" in (ROOT / "README.md").read_text("utf-8")
    shown = "".join(ElementTree.parse(file).getroot().itertext()).replace("\xa0", " ")
    assert re.findall(r"~/[\w-]+ ?\$", shown), "no prompt is in it"
    assert not re.findall(r"/(?:home|dev|var)/|/root/(?!\.netrc)|/simple\b|mirror", shown)
