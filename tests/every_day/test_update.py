"""What a day's work has comes to services by `copier update`, when asked for and not before."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine import Engine, postgresql
from tests.every_day import tools
from tests.every_day.composed import Composed
from tests.every_day.conftest import Updated
from tests.image.containers import until
from tests.image.services import REGISTRY, Service, Workshop
from tests.update.conftest import PRESETS, commit, copy, files, git, update

OLD = "1.5.0"
FILES = {
    "compose": ["compose.yaml"],
    "database": ["alembic.ini", "app/database.py", "migrations/env.py"],
    "devcontainer": [".devcontainer/devcontainer.json"],
    "pre_commit": [".pre-commit-config.yaml"],
}
ANSWERS: dict[str, Any] = {
    "compose": True,
    "database": "postgresql",
    "devcontainer": True,
    "pre_commit": True,
}


@pytest.mark.parametrize("kind", PRESETS)
def test_an_update_brings_nothing_of_it_until_it_is_asked_for(
    updated: Updated, tmp_path: Path, kind: str
) -> None:
    folder = updated(tmp_path / "service", OLD, **PRESETS[kind])
    there = files(folder)
    for option, names in FILES.items():
        assert not [name for name in names if name in there]
        update(folder, **dict[str, Any]({option: ANSWERS[option]}))
        assert (folder / names[0]).exists()
        commit(folder)
    own = ("app/main.py", "app/settings.py", "pyproject.toml", "README.md", "tests/test_main.py")
    after = files(folder)
    assert {name: after[name] for name in own} == {name: there[name] for name in own}
    assert set(after) - set(there) == {
        *itertools.chain(*FILES.values()),
        "migrations/script.py.mako",
        ".devcontainer/compose.yaml",
    }


def test_what_is_written_once_is_its_owner_s(updated: Updated, tmp_path: Path) -> None:
    folder = updated(tmp_path / "service", OLD)
    update(folder, **ANSWERS)
    commit(folder)
    for name in (".pre-commit-config.yaml", "alembic.ini", "migrations/env.py", "app/database.py"):
        with (folder / name).open("a") as file:
            file.write("# Its owner's\n")
    (folder / "migrations/script.py.mako").unlink()
    commit(folder)
    before = files(folder)
    update(folder, port=9000)
    changed = {name for name, text in files(folder).items() if before.get(name) != text}
    assert changed == {
        ".copier-answers.yml",
        ".devcontainer/devcontainer.json",
        "Dockerfile",
        "compose.yaml",
    }


@pytest.mark.parametrize("kind", PRESETS)
def test_a_new_service_owes_nothing(
    newest: Path, tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = {**PRESETS[kind], **ANSWERS, "observability": "opentelemetry"}
    folder = copy(newest, tmp_path / "service", "99.0.0", answers)
    git(folder, "init", "--quiet")
    commit(folder)
    capfd.readouterr()
    update(folder, uid=10002)
    said = capfd.readouterr().err
    assert "Next: look at it" in said
    assert "What you asked for" not in said


def test_an_alembic_of_the_owner_s_is_told_what_it_needs(
    updated: Updated, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = updated(tmp_path / "service", OLD)
    own = "[alembic]\nscript_location = alembic\n"
    (folder / "alembic.ini").write_text(own, "utf-8")
    (folder / "alembic").mkdir()
    (folder / "alembic/env.py").write_text("# Its owner's\n", "utf-8")
    commit(folder)
    update(folder, database="postgresql")
    told = "  alembic.ini is your own: it needs script_location = %(here)s/migrations, "
    assert told in capfd.readouterr().err
    assert (folder / "alembic.ini").read_text("utf-8") == own
    assert (folder / "migrations/env.py").exists()
    for place in ("migrations", "%(here)s/migrations"):
        (folder / "alembic.ini").write_text(own.replace("= alembic", f"= {place}"), "utf-8")
        commit(folder)
        update(folder, uid=20000 + len(place))
        said = capfd.readouterr().err
        assert "alembic.ini is your own" not in said
        assert "migrations/env.py is your own" not in said
    (folder / "migrations/env.py").write_text("# Its owner's, too\n", "utf-8")
    commit(folder)
    update(folder, uid=10003)
    assert "  migrations/env.py is your own: it needs Base and engine" in capfd.readouterr().err


def test_a_service_of_an_earlier_release_runs_with_its_database_once_told_what_it_needs(
    updated: Updated,
    tmp_path: Path,
    docker: Engine,
    workshop: Workshop,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = updated(tmp_path / "service", OLD)
    workshop.lock(folder)
    commit(folder)
    capfd.readouterr()
    update(folder, **ANSWERS)
    told = capfd.readouterr().err
    postgresql.provide(docker)
    docker.base("python:3.13-slim-trixie")
    plain = Service(folder, "web", docker, workshop.variables, f"{REGISTRY}/updated")

    [command] = re.findall(r"^  (make add .*)$", told, re.MULTILINE)
    path = plain.environment["PATH"].split(":")
    elsewhere = [part for part in path if not Path(part, "poetry").exists()]
    plain.run("sh", "-c", command, PATH=":".join(elsewhere))
    [setting] = re.findall(r"^  app/settings.py, .* class Settings: (.*)$", told, re.MULTILINE)
    settings = folder / "app/settings.py"
    text = settings.read_text("utf-8").replace("    app_version", f"    {setting}\n    app_version")
    settings.write_text(
        f"{text}".replace("\nfrom pydantic ", "\nimport pydantic\nfrom pydantic ", 1)
    )
    assert "app/main.py, from app import database, " in told
    main = folder / "app/main.py"
    text = main.read_text("utf-8").replace(
        "import configure_logs", "import configure_logs, database"
    )
    assert "by def and not async def" in told
    text = text.replace("async def ready(", "def ready(").replace(
        "200 if app.state.ready else", "200 if app.state.ready and database.answers() else"
    )
    main.write_text(text, "utf-8")
    [answer] = re.findall(r"^  tests/test_main.py, .*: (monkeypatch.*)$", told, re.MULTILINE)
    tests = folder / "tests/test_main.py"
    fixture = f"\n\n@pytest.fixture(autouse=True)\ndef _answering(monkeypatch):\n    {answer}\n"
    text = tests.read_text("utf-8").replace("\nclient = ", f"{fixture}\n\nclient = ", 1)
    tests.write_text(f"import pytest\nfrom app import database\n{text}", "utf-8")
    plain.make("test-image")

    environment = tools.compose(docker, tmp_path)
    composed = Composed(plain, environment, tmp_path / "override.yaml")
    try:
        composed.compose("up", "--build", "--detach", "--wait")
        answer = composed.tells("/health/ready")
        assert answer
        assert answer[0] == 200
        assert composed.container("migrate").state["ExitCode"] == 0
        composed.compose("stop", "postgres")
        until(lambda: (composed.tells("/health/ready") or [0])[0] == 503, "it is unready")
    finally:
        composed.compose("down", "--volumes", "--rmi=local", "--timeout=1")
    assert yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))["compose"] is True
