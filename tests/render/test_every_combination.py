"""Every kind, on every base image, with every Python that the standard offers."""

from __future__ import annotations

import configparser
import json
import sys
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from .conftest import Service
from .support import (
    BIN,
    COMBINATIONS,
    DEPLOYED,
    KINDS,
    OBSERVED,
    POETRY,
    PYTHONS,
    Combination,
    Outcome,
    composed,
    files,
    run,
)

QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
LESS = ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "MAKEFLAGS")

every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
# A base image changes the image alone: see the test that says so.
every_code = pytest.mark.parametrize(
    "combination",
    [c for c in COMBINATIONS if c.base_image == COMBINATIONS[0].base_image],
    ids=lambda c: f"{c.service_kind}-{c.python_version}",
)


@pytest.fixture
def made(combination: Combination, service: Service) -> Path:
    """Return the service of one combination, all else by default."""
    return service(**combination._asdict())


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what runs these tests out of the tools of the service."""
    for name in LESS:
        monkeypatch.delenv(name, raising=False)


def ini(text: str) -> None:
    """Parse an INI file."""
    configparser.ConfigParser(interpolation=None).read_string(text)


def python(text: str) -> None:
    """Compile a Python file; a warning, as for a wrong escape, fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile(text, "service", "exec", dont_inherit=True)


PARSERS: dict[str, Callable[[str], object]] = {
    ".toml": tomllib.loads,
    ".yml": yaml.safe_load,
    ".yaml": lambda text: list(yaml.safe_load_all(text)),
    ".json": json.loads,
    ".ini": ini,
    ".py": python,
}
# make and hadolint read theirs in tests of their own; the others have no grammar.
OTHERS = {
    "Dockerfile",
    "Makefile",
    "release.mk",
    ".poetry-constraints.txt",
    "README.md",
    "LICENSE",
    ".dockerignore",
    ".gitignore",
}


def test_the_standard_offers_every_kind_on_every_base_with_two_pythons_or_more() -> None:
    assert {"web", "worker", "job"} <= set(KINDS)
    for kind in KINDS:
        for base in ("slim", "distroless", "custom"):
            pythons = [c for c in COMBINATIONS if c[:2] == (kind, base)]
            assert len(pythons) >= 2


@every_combination
def test_every_file_parses(made: Path) -> None:
    for name, content in files(made).items():
        suffix = Path(name).suffix
        assert suffix in PARSERS or name in OTHERS, f"nobody here can say whether {name} is right"
        PARSERS.get(suffix, str)(content.decode("utf-8"))


every_deployed = pytest.mark.parametrize(
    "answers", DEPLOYED, ids=lambda answers: "-".join(answers.values()).replace(" ", "_")
)


@every_deployed
def test_every_file_of_a_deployed_service_parses(service: Service, answers: dict[str, str]) -> None:
    made = service(**answers)
    parsed = [
        PARSERS[path.suffix](path.read_text("utf-8"))
        for path in (made / "deploy").rglob("*")
        if path.suffix in PARSERS
    ]
    assert len(parsed) > 10


@every_deployed
def test_make_lists_what_promotes(service: Service, answers: dict[str, str], clean: None) -> None:
    listed = run("make", cwd=service(**answers))
    assert listed.code == 0, listed.errors
    targets = [line.split()[1] for line in listed.output.splitlines()]
    assert {"releases", "promote", "rollback"} <= set(targets)
    assert ("canary" in targets) == (answers.get("canary", "none") != "none")


@every_deployed
def test_the_lint_of_a_deployed_service_finds_nothing(
    service: Service, answers: dict[str, str], clean: None
) -> None:
    made = service(**answers)
    for command in (("ruff", "format", "--check"), ("ruff", "check")):
        linted = run(BIN / command[0], *command[1:], "--no-cache", cwd=made)
        assert linted.code == 0, linted.output


@pytest.mark.parametrize("answers", OBSERVED, ids=lambda answers: "-".join(answers.values()))
def test_what_tells_of_itself_parses_and_its_ruff_finds_nothing(
    service: Service, answers: dict[str, str], clean: None
) -> None:
    made = service(**answers)
    for name, content in files(made).items():
        PARSERS.get(Path(name).suffix, str)(content.decode("utf-8"))
    for command in (("format", "--check"), ("check",)):
        linted = run(BIN / "ruff", *command, "--no-cache", cwd=made)
        assert linted.code == 0, linted.output


@pytest.mark.parametrize("kind", KINDS)
def test_telling_of_itself_is_one_file_more_and_two_or_three_lines_of_the_application(
    service: Service, kind: str
) -> None:
    plain, observed = (
        service(service_kind=kind, observability=answer) for answer in ("none", "opentelemetry")
    )
    known = {".copier-answers.yml", "README.md", "pyproject.toml", "app/main.py"}
    assert differing(plain, observed) == {*known, "app/telemetry.py"}
    before, after = ((s / "app/main.py").read_text("utf-8").splitlines() for s in (plain, observed))
    assert len(after) - len(before) == 2
    assert len(set(before) - set(after)) == 1


def test_deploying_changes_nothing_of_the_image_nor_of_the_application(service: Service) -> None:
    plain = service(service_kind="web")
    deployed = service(service_kind="web", deploy="kustomize", canary="gateway")
    changed = {name for name in differing(plain, deployed) if not name.startswith("deploy/")}
    known = {".copier-answers.yml", ".gitignore", "Makefile", "README.md"}
    assert changed <= known | {"release.mk", "release.py"}


@every_combination
def test_make_reads_the_makefile(made: Path, clean: None) -> None:
    assert run("make", "--dry-run", "help", cwd=made).code == 0


@every_combination
def test_hadolint_says_nothing(made: Path) -> None:
    linted = run(BIN / "hadolint", "--no-color", "Dockerfile", cwd=made)
    assert (linted.output, linted.errors, linted.code) == ("", "", 0)


@every_combination
def test_the_dockerfile_has_at_most_65_lines(made: Path) -> None:
    assert len((made / "Dockerfile").read_text("utf-8").splitlines()) <= 65


@every_combination
def test_the_service_has_at_most_18_files_and_one_to_compose_the_runtime(
    made: Path, combination: Combination
) -> None:
    there = files(made).keys() | {"poetry.lock"}
    assert ("Dockerfile.runtime.py" in there) == composed(*combination[1:])
    assert ("app/serving.py" in there) == (combination.service_kind == "web")
    assert len(there - {"Dockerfile.runtime.py", "app/serving.py"}) <= 17


@every_combination
def test_what_its_owner_reads_first_has_less_than_80_lines(made: Path) -> None:
    code = [(made / "app" / name).read_text("utf-8") for name in ("main.py", "settings.py")]
    assert sum(len(text.splitlines()) for text in code) < 80


@every_combination
def test_a_base_image_changes_the_image_alone(
    made: Path, combination: Combination, service: Service
) -> None:
    other = service(**combination._replace(base_image="slim")._asdict())
    image = {"Dockerfile", "Dockerfile.runtime.py", ".dockerignore"}
    assert differing(made, other) <= {*image, ".copier-answers.yml", "README.md"}


@every_code
def test_a_python_changes_no_code(made: Path, combination: Combination, service: Service) -> None:
    other = service(**combination._replace(python_version=PYTHONS[0])._asdict())
    tools = {"Makefile", "mypy.ini", "ruff.toml", "pyproject.toml"}
    assert differing(made, other) <= {"Dockerfile", ".copier-answers.yml", "README.md", *tools}


def differing(one: Path, other: Path) -> set[str]:
    """Return the paths of the files that differ."""
    ours, theirs = files(one), files(other)
    return {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}


@every_code
@pytest.mark.parametrize("command", ["ruff format --check --no-cache", "ruff check --no-cache"])
def test_its_own_ruff_finds_nothing(made: Path, command: str) -> None:
    tool, *arguments = command.split()
    checked = run(BIN / tool, *arguments, cwd=made)
    assert checked.code == 0, checked.output


@pytest.mark.parametrize("python_version", PYTHONS)
def test_its_own_ruff_finds_nothing_in_what_composes_the_runtime(
    service: Service, python_version: str
) -> None:
    made = service(python_version=python_version, base_image="distroless")
    for command in ("format", "--check"), ("check",):
        checked = run(BIN / "ruff", *command, "--no-cache", cwd=made)
        assert checked.code == 0, checked.output


@pytest.mark.parametrize("python_version", PYTHONS)
def test_its_own_mypy_finds_nothing(
    service: Service, python_version: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.getbasetemp() / "mypy"
    for kind in KINDS:  # in one test, for the first fills the cache of the others
        made = service(service_kind=kind, python_version=python_version)
        checked = run(BIN / "mypy", "--cache-dir", cache, cwd=made)
        assert checked.code == 0, checked.output


@pytest.mark.parametrize("kind", KINDS)  # no Python changes the code, and this is run by one
def test_its_own_tests_pass(service: Service, kind: str, clean: None) -> None:
    made = service(service_kind=kind)
    command = sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"
    tested = run(*command, cwd=made, env=QUIET)
    assert tested.code == 0, tested.output


@pytest.mark.parametrize("python_version", PYTHONS)
def test_the_dockerfile_runs_on_the_python_that_was_chosen(
    service: Service, python_version: str
) -> None:
    dockerfile = (service(python_version=python_version) / "Dockerfile").read_text("utf-8")
    others = [version for version in PYTHONS if version != python_version]
    assert python_version in dockerfile
    assert not [version for version in others if version in dockerfile]


@pytest.mark.skipif(not POETRY.exists(), reason="there is no Poetry in .poetry: run `make new`")
@pytest.mark.parametrize("kind", KINDS)
def test_poetry_finds_nothing(service: Service, kind: str) -> None:
    owner = {"user_name": "Team", "user_email": "team@example.com", "license": "MIT"}
    made = service(service_kind=kind, package_index="https://packages.example.com/simple/", **owner)
    assert run(POETRY, "check", "--strict", cwd=made) == Outcome(0, "All set!\n", "")
