"""After an adoption: the owner's files as they were, the template's as from a copy, and updates."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest
import yaml
from copier import run_copy, run_update

from .conftest import Adopt
from .services import APPLICATION, POETRY_1, POETRY_2, pipfile, pipfile_lock
from .support import OFFERED, PYTHON, STANDARD, Outcome, contents, git, repository

TEMPLATE = {
    ".copier-answers.yml",
    ".dockerignore",
    ".poetry-constraints.txt",
    "Dockerfile",
    "Dockerfile.py",
    "Makefile",
    "mypy.ini",
    "poetry.toml",
    "ruff.toml",
}
PIPENV = {
    **APPLICATION,
    "Pipfile": pipfile("https://packages.example.com/simple"),
    "Pipfile.lock": pipfile_lock({"alpha": '{"version": "==1.0"}'}, {}),
    "ci.yml": "run: pipenv install\n",
}
SHAPES = {"poetry 1": POETRY_1, "poetry 2": POETRY_2, "pipenv": PIPENV}


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return an old service of each shape."""
    return SHAPES[request.param]


def added(old: bytes, new: bytes) -> tuple[list[str], list[str]]:
    """Return the lines that are gone and the lines that are new."""
    lines = difflib.ndiff(old.decode().splitlines(), new.decode().splitlines())
    changed = [line for line in lines if line[0] in "-+"]
    return [x[2:] for x in changed if x[0] == "-"], [x[2:] for x in changed if x[0] == "+"]


def test_only_what_the_report_names_has_changed(
    adopt: Adopt, tmp_path: Path, shape: dict[str, str]
) -> None:
    service = repository(tmp_path / "service", shape)
    before = contents(service)
    outcome = adopt(service)
    assert outcome.code == 0, outcome
    after = contents(service)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    manifests = {"pyproject.toml", "poetry.lock"} if "Pipfile" in shape else {"pyproject.toml"}
    assert changed == TEMPLATE | {".gitignore"} | manifests
    named = outcome.report
    assert [name for name in changed if name not in named] == []
    assert before.keys() <= after.keys()
    assert {n for n in TEMPLATE if n in before} == {"Dockerfile", "Makefile"}
    assert "replaced, yours are in git (`git show HEAD:./Dockerfile`): Dockerfile, Makefile" in (
        outcome.looks
    )


def test_the_next_commands_undo_it_all(adopt: Adopt, tmp_path: Path, shape: dict[str, str]) -> None:
    service = repository(tmp_path / "service", shape)
    before = contents(service)
    undo = adopt(service).commands[-1].partition("  #")[0]
    assert contents(service) != before
    for command in undo.split(" && "):
        git(service, *command.split()[1:])
    assert contents(service) == before
    assert git(service, "status", "--porcelain") == ""


def test_pyproject_gets_only_the_lines_that_it_lacks(adopt: Adopt, tmp_path: Path) -> None:
    for shape, lines in ((POETRY_1, 2), (POETRY_2, 4)):
        service = repository(tmp_path / f"service{lines}", shape)
        adopt(service)
        old = shape["pyproject.toml"].encode()
        gone, new = added(old, (service / "pyproject.toml").read_bytes())
        assert not gone
        wanted = ["package-mode = false", 'requires-poetry = ">=2.2"']
        assert [line for line in new if line not in ("", "[tool.poetry]")] == wanted
        assert len(new) == lines


def test_a_package_that_poetry_installs_stays_one(adopt: Adopt, tmp_path: Path) -> None:
    text = POETRY_1["pyproject.toml"].replace('name = "order-desk"', 'name = "app"')
    service = repository(tmp_path / "service", {**POETRY_1, "pyproject.toml": text})
    adopt(service)
    assert "package-mode" not in (service / "pyproject.toml").read_text()


def test_windows_line_ends_stay(adopt: Adopt, tmp_path: Path) -> None:
    text = POETRY_1["pyproject.toml"].replace("\n", "\r\n")
    service = repository(tmp_path / "service", {**POETRY_1, "pyproject.toml": text})
    adopt(service)
    written = (service / "pyproject.toml").read_bytes()
    assert b"requires-poetry" in written
    assert written.count(b"\n") == written.count(b"\r\n")


def test_the_owners_gitignore_stays_and_gets_what_it_lacks(adopt: Adopt, tmp_path: Path) -> None:
    service = repository(tmp_path / "service", POETRY_1)
    adopt(service)
    lines = (service / ".gitignore").read_text().splitlines()
    assert lines[:2] == ["*.sqlite", ".env"]
    assert ".venv/" in lines[2:]
    assert lines.count(".env") == 1


def answers(service: Path) -> dict[str, object]:
    """Return the recorded answers."""
    return dict(yaml.safe_load((service / ".copier-answers.yml").read_text()))


def test_answers_are_guessed(adopt: Adopt, template: Path, tmp_path: Path) -> None:
    service = repository(tmp_path / "service", POETRY_1)
    outcome = adopt(service)
    found = answers(service)
    wanted = {
        "project_name": "Order Desk",
        "project_slug": "order-desk",
        "description": "Takes orders.",
        "user_name": "Ann Other",
        "user_email": "ann@example.com",
        "license": "MIT",
        "service_kind": "web",
        "python_version": OFFERED[-1],
        "app_package": "app",
        "port": 9000,
        "uid": 1234,
        "serving": False,
        "build_packages": ["gcc", "libpq-dev"],
        "runtime_packages": ["libpq5", "ffmpeg"],
        "extra_paths": ["alembic.ini", "migrations", "core"],
        "_src_path": str(template),
    }
    assert {name: found[name] for name in wanted} == wanted
    assert not (service / "LICENSE").exists()
    dockerfile = (service / "Dockerfile").read_text()
    assert re.search("apt-get install .* gcc libpq-dev", dockerfile)
    assert re.search("apt-get install .* libpq5 ffmpeg", dockerfile)
    for told in (
        "left out as tools: curl",
        "the old image set WORKERS, REGION",
        "the old image ran `uvicorn app.main:app --port 9000`",
        "the old image held the whole repository",
        "targets of the old Makefile are gone: deploy",
        "[tool.ruff] in pyproject.toml counts no more",
        "scripts desk stay in pyproject.toml",
        "service_kind=web is a guess (fastapi)",
    ):
        assert told in outcome.looks


def test_updates_come_from_where_the_checkout_came_from(
    adopt: Adopt, template: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", str(template), "clone")
    service = repository(tmp_path / "service", POETRY_1)
    outcome = adopt(service, checkout=tmp_path / "clone")
    assert f"updates come from {template}" in outcome.taken
    assert answers(service)["_src_path"] == str(template)


def test_answers_of_the_second_shape(adopt: Adopt, tmp_path: Path) -> None:
    files = {name: text for name, text in POETRY_2.items() if name != "Dockerfile"}
    service = repository(tmp_path / "service", {**files, ".python-version": "3.9.1\n"})
    outcome = adopt(service)
    found = answers(service)
    assert found["service_kind"] == "worker"
    assert (found["user_name"], found["user_email"]) == ("Night Team", "night@example.com")
    assert found["python_version"] == OFFERED[1]
    assert f"it ran on Python 3.9; the image runs {OFFERED[1]}" in outcome.looks
    assert "extras pdf: the image installs none" in outcome.looks


def test_given_answers_win_and_impossible_guesses_are_told(adopt: Adopt, tmp_path: Path) -> None:
    dockerfile = POETRY_1["Dockerfile"].replace("USER 1234:1234", "USER 4000000000")
    service = repository(tmp_path / "service", {**POETRY_1, "Dockerfile": dockerfile})
    python = OFFERED[-1]
    given = ("service_kind=job", "base_image=distroless", f"python_version={python}", "port=7000")
    outcome = adopt(service, *given)
    assert outcome.code == 0, outcome
    found = answers(service)
    assert [found[n.partition("=")[0]] for n in given] == ["job", "distroless", python, 7000]
    assert found["runtime_packages"] == ["libpq5", "ffmpeg"]
    assert found["uid"] == STANDARD["defaults"]["uid"]
    assert "uid=4000000000 was not taken" in outcome.looks
    assert "service_kind" not in outcome.looks


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"app/main.py": "app = 1\n"}, "app/main.py starts nothing when it is run"),
        ({"app/main.py": None}, "`python -m app.main` does not exist"),
        (
            {
                "app/main.py": None,
                "app/__init__.py": None,
                "src/desk/main.py": "",
                "core/__init__.py": None,
            },
            "the image need; move src/desk to the top",
        ),
        ({"core/rules.py": ""}, "GET /health/ready, which nothing here answers"),
        ({"tests/test_main.py": None, "test/test_main.py": ""}, "(yours are in test/)"),
        ({".ruff.toml": ""}, ".ruff.toml comes before the template's ruff.toml"),
        (
            {".gitignore": "*.ini\n!alembic.ini\n"},
            "your .gitignore hides mypy.ini: `git add --force mypy.ini`",
        ),
        ({"Pipfile": "[packages]\n"}, "Pipfile counts no more"),
    ],
)
def test_what_does_not_fit_is_said(
    adopt: Adopt, tmp_path: Path, files: dict[str, str | None], told: str
) -> None:
    wanted = {name: text for name, text in {**POETRY_1, **files}.items() if text is not None}
    outcome = adopt(repository(tmp_path / "service", wanted))
    assert told in outcome.looks


def test_pipfile_becomes_pyproject(adopt: Adopt, tmp_path: Path) -> None:
    service = repository(tmp_path / "old-desk", PIPENV)
    outcome = adopt(service)
    text = (service / "pyproject.toml").read_text()
    major, minor = PYTHON.split(".")
    assert f'requires-python = ">={PYTHON},<{major}.{int(minor) + 1}"' in text
    assert 'name = "old-desk"' in text
    assert '    # held back: 2 breaks us\n    "alpha>=1", # the engine\n' in text
    assert answers(service)["package_index"] == "https://packages.example.com/simple"
    assert "ci.yml" in outcome.looks
    assert "git rm Pipfile Pipfile.lock" in outcome.commands
    # Without Poetry the old versions wait in a lock that Poetry knows to be stale.
    assert 'name = "alpha"\nversion = "1.0"' in (service / "poetry.lock").read_text()
    assert "`make lock`, which keeps the versions that poetry.lock names" in outcome.looks


def test_a_pyproject_beside_the_pipfile_is_kept(adopt: Adopt, tmp_path: Path) -> None:
    beside = '[project]\nname = "desk"\nrequires-python = ">=3.8"  # ours\n\n[tool.black]\nx = 1\n'
    service = repository(tmp_path / "service", {**PIPENV, "pyproject.toml": beside})
    adopt(service)
    gone, new = added(beside.encode(), (service / "pyproject.toml").read_bytes())
    assert not gone
    assert '    "alpha>=1", # the engine' in new
    assert any(line.startswith(f'python = ">={PYTHON},<') for line in new)


def test_a_service_in_a_folder_of_a_larger_repository(adopt: Adopt, tmp_path: Path) -> None:
    files = {f"services/desk/{name}": text for name, text in POETRY_1.items()}
    whole = repository(tmp_path / "whole", {**files, "Dockerfile": "FROM scratch\n"})
    (whole / "elsewhere.txt").write_text("not of this service\n")
    outcome = adopt(whole / "services/desk")
    assert outcome.code == 0, outcome
    assert (whole / "Dockerfile").read_text() == "FROM scratch\n"
    assert (whole / "services/desk/Dockerfile.py").exists()


def commit(service: Path) -> None:
    """Do what the report asks for."""
    git(service, "add", "--all")
    git(service, "commit", "--quiet", "--message", "Adopt the template")


def updated(outcome: Outcome, service: Path, template: Path, answers: dict[str, object]) -> None:
    """Bring in the newest template, as `copier update` does."""
    assert outcome.code == 0, outcome
    commit(service)
    run_update(
        str(service),
        data=answers,
        defaults=True,
        overwrite=True,
        unsafe=True,
        quiet=True,
        vcs_ref="HEAD",
    )
    assert git(service, "ls-files", "--unmerged") == ""


def test_updates_follow(
    adopt: Adopt, template: Path, tmp_path: Path, shape: dict[str, str]
) -> None:
    service = repository(tmp_path / "service", shape)
    outcome = adopt(service)
    kept = {n: b for n, b in contents(service).items() if n not in TEMPLATE}
    dockerfile = template / "template/Dockerfile.jinja"
    old = dockerfile.read_text()
    dockerfile.write_text("# Moved.\n" + old)
    git(template, "commit", "--quiet", "--all", "--message", "Move")
    updated(outcome, service, template, {"port": 9999})
    assert (service / "Dockerfile").read_text().startswith("# Moved.\n")
    assert answers(service)["port"] == 9999
    assert {n: b for n, b in contents(service).items() if n not in TEMPLATE} == kept
    dockerfile.write_text(old)
    git(template, "commit", "--quiet", "--all", "--message", "Move back")


def test_the_templates_files_are_those_of_a_copy(
    adopt: Adopt, template: Path, tmp_path: Path
) -> None:
    service = repository(tmp_path / "service", POETRY_1)
    adopt(service)
    recorded = {n: v for n, v in answers(service).items() if not n.startswith("_")}
    run_copy(
        str(template),
        tmp_path / "copy",
        data={**recorded, "template_source": str(template)},
        defaults=True,
        skip_tasks=True,
        unsafe=True,
        quiet=True,
        vcs_ref="HEAD",
    )
    copied = contents(tmp_path / "copy")
    adopted = contents(service)
    assert {name: adopted[name] for name in TEMPLATE} == {name: copied[name] for name in TEMPLATE}
