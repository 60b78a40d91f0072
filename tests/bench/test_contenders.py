"""Contenders share the base image; what a build installed and what a lock holds is read rightly."""

from __future__ import annotations

import re

import pytest

from benchmarks.applications import APPS
from benchmarks.bars import BARS, PLACES
from benchmarks.entries import CONTENDERS, RECIPES, Build
from benchmarks.locks import below, requirements
from benchmarks.plan import plans

DOCKERFILES = {file.stem: file.read_text("utf-8") for file in RECIPES.glob("*.Dockerfile")}

OUTPUT = """
#4 [builder 2/5] RUN pip install poetry==2.5.1
#4 CACHED
#5 [builder 3/5] COPY . /app
#5 DONE 0.1s
#6 [builder 5/5] RUN poetry install --without dev
#6 0.5 Installing dependencies from lock file
#6 DONE 3.1s
#7 [stage-1 2/3] RUN useradd nonroot
#7 DONE 0.2s
"""

LOCK = b"""
[[package]]
name = "fastapi"
version = "0.165.0"
groups = ["main"]

[[package]]
name = "mypy"
version = "2.4.0"
groups = ["dev"]

[[package]]
name = "tzdata"
version = "2026.6"
groups = ["main", "dev"]
markers = {main = "sys_platform == \\"win32\\"", dev = "python_version < \\"3.12\\""}
"""

PROJECT = b'[project]\ndependencies = ["FastAPI>=0.165", "redis[hiredis]"]\n'


def test_each_contender_has_one_dockerfile() -> None:
    assert {name for name, one in CONTENDERS.items() if not one.base} == DOCKERFILES.keys()


@pytest.mark.parametrize("text", DOCKERFILES.values(), ids=DOCKERFILES.keys())
def test_all_stand_on_the_same_base(text: str) -> None:
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", text, re.MULTILINE)
    assert stages[0][0] == "${BASE}"
    assert {image for image, _ in stages} <= {"${BASE}", *(name for _, name in stages)}


def test_bars_look_at_what_is_measured() -> None:
    full = {plan.app: plan for plan in plans(3, "", quick=False)}
    for app, contender in PLACES:
        assert contender in full[app].every
    for bar in BARS:
        assert not bar.against or bar.against in (*full["light"].every, *full["light"].once)
    assert full.keys() == {folder.name for folder in APPS.iterdir()}


def test_a_step_that_installs_is_seen_unless_it_was_cached() -> None:
    assert Build(1.0, OUTPUT).installs == ["RUN poetry install --without dev"]


def test_requirements_hold_the_main_group_with_its_markers() -> None:
    assert requirements(LOCK).decode().splitlines() == [
        "fastapi==0.165.0",
        'tzdata==2026.6 ; sys_platform == "win32"',
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [("fastapi", "FastAPI<0.165.0,>=0.165"), ("redis", "redis[hiredis]<8"), ("anyio", "anyio<4")],
)
def test_a_package_is_asked_for_below_its_version(name: str, line: str) -> None:
    version = line.partition("<")[2].partition(",")[0]
    assert f'"{line}"' in below(PROJECT, name, version)
