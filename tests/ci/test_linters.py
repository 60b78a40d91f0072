"""The tools that read pipelines have nothing to say of ours, and something of a spoiled one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from plumbum.commands.base import BaseCommand

from tests.ci import tools
from tests.ci.conftest import copy
from tests.conftest import ROOT

GITHUB, GITLAB = ".github/workflows/ci.yml", ".gitlab-ci.yml"

Tool = Callable[[], BaseCommand]
READERS: list[tuple[str, Tool, str, str, str]] = [
    ("github", tools.actionlint, GITHUB, "github.ref_type", "github.reftype"),
    ("github", tools.zizmor, GITHUB, "make lint", "echo ${{ github.head_ref }}"),
    ("github", lambda: tools.schema("github-workflows"), GITHUB, "runs-on:", "runs:"),
    ("gitlab", lambda: tools.schema("gitlab-ci"), GITLAB, "resource_group:", "resource-group:"),
]
names = pytest.mark.parametrize(
    ("ci", "tool", "file", "was", "spoiled"),
    READERS,
    ids=["actionlint", "zizmor", "github-schema", "gitlab-schema"],
)


def read(tool: Tool, folder: Path, file: str) -> tuple[int, str]:
    """Return how a tool ends that reads the file, and what it says."""
    code, output, errors = tool().with_cwd(folder)[file].run(retcode=None)
    return code, output + errors


@names
def test_the_tools_find_nothing_but_what_is_spoiled(
    template: Path, tmp_path: Path, ci: str, tool: Tool, file: str, was: str, spoiled: str
) -> None:
    service = copy(template, tmp_path / "service", ci=ci)
    code, said = read(tool, service, file)
    assert code == 0, said
    text = (service / file).read_text("utf-8")
    assert was in text
    (service / file).write_text(text.replace(was, spoiled), "utf-8")
    code, said = read(tool, service, file)
    assert code != 0, said


@pytest.mark.parametrize(
    "tool",
    [tools.actionlint, tools.zizmor, lambda: tools.schema("github-workflows")],
    ids=["actionlint", "zizmor", "schema"],
)
@pytest.mark.parametrize(
    "file", sorted((ROOT / ".github/workflows").iterdir()), ids=lambda path: path.stem
)
def test_the_tools_find_nothing_in_the_workflows_of_the_template_itself(
    tool: Tool, file: Path
) -> None:
    code, said = read(tool, ROOT, str(file.relative_to(ROOT)))
    assert code == 0, said


def test_nothing_is_released_that_was_not_tested() -> None:
    workflows = ROOT / ".github/workflows"
    release = yaml.safe_load((workflows / "release.yml").read_text("utf-8"))["jobs"]
    assert release["test"]["uses"] == "./.github/workflows/ci.yml"
    assert [name for name, job in release.items() if job.get("needs") != "test"] == ["test"]
    [test] = yaml.safe_load((workflows / "ci.yml").read_text("utf-8"))["jobs"].values()
    assert test["steps"][-1]["run"] == "make test"
