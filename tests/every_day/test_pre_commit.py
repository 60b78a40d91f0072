"""pre-commit lets through what `make lint` and the build let through, with the lock's own tools."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.every_day import tools
from tests.every_day.conftest import Updated, turn_on
from tests.image.services import APART, ENVIRONMENT, IDENTITY, ROOT, Workshop
from tests.render.support import BIN, Outcome, run
from tests.update.conftest import RELEASES

FIRST = RELEASES[0]
# Whoever asks the network here gets no answer.
DEAD = "http://127.0.0.1:9"
OFFLINE = {name: DEAD for name in ("http_proxy", "https_proxy", "PIP_INDEX_URL")}

Commit = Callable[..., Outcome]


@pytest.fixture(scope="module")
def locked(workshop: Workshop, updated: Updated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a service of the first release that was updated, and got pre-commit then.

    With a lock, and with the tools that its Makefile puts into `.venv`.
    """
    folder = updated(tmp_path_factory.mktemp("committed") / "service", FIRST, service_kind="worker")
    turn_on(folder, pre_commit=True)
    workshop.lock(folder)
    (folder / ".venv/bin").mkdir(parents=True, exist_ok=True)
    (folder / ".venv/installed").touch()
    for tool in ("ruff", "mypy"):
        (folder / ".venv/bin" / tool).unlink(missing_ok=True)
        (folder / ".venv/bin" / tool).symlink_to(BIN / tool)
    return workshop.finish(folder, "committed", "worker").folder


@pytest.fixture
def commit(locked: Path, tmp_path: Path) -> Commit:
    """Return `commit(name, text)`: write a file, and commit it where the hooks are installed."""
    folder = tmp_path / "service"
    subprocess.run(["cp", "--archive", locked, folder], check=True)
    environment = {
        **ENVIRONMENT,
        **tools.pre_commit(),
        **APART,
        **IDENTITY,
        **OFFLINE,
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "POETRY": str(ROOT / ".poetry/bin/poetry"),
    }
    installed = run("python3", "-m", "pre_commit", "install", cwd=folder, env=environment)
    assert installed.code == 0, installed

    def commit(name: str, text: str, **variables: str) -> Outcome:
        env = {**environment, **variables}
        (folder / name).write_text(text, "utf-8")
        assert run("git", "add", name, cwd=folder, env=env).code == 0
        return run("git", "commit", "--message", "Change", cwd=folder, env=env)

    return commit


def test_a_commit_with_a_mistake_is_refused_and_a_right_one_goes_through(
    commit: Commit, locked: Path
) -> None:
    right = (locked / "app/main.py").read_text("utf-8")
    refused = commit("app/main.py", right.replace("import signal\n", "import signal\nimport os\n"))
    assert refused.code == 1
    assert "F401" in refused.errors
    refused = commit("app/main.py", right.replace("interval: float", "interval: str"))
    assert refused.code == 1
    assert "arg-type" in refused.errors
    assert "make lint" in refused.errors
    done = commit("app/main.py", right + "\n# Right.\n")
    assert done.code == 0, done


def test_a_commit_that_leaves_the_lock_behind_is_refused(commit: Commit, locked: Path) -> None:
    right = (locked / "pyproject.toml").read_text("utf-8")
    added = right.replace("dependencies = [", 'dependencies = [\n    "six",', 1)
    refused = commit("pyproject.toml", added, SKIP="lint")
    assert refused.code == 1
    assert "poetry.lock" in refused.errors
    newer = right.replace('version = "0.1.0"', 'version = "0.2.0"')
    done = commit("pyproject.toml", newer, SKIP="lint")
    assert done.code == 0, done


def test_where_the_environment_is_missing_nothing_is_fetched(
    commit: Commit, locked: Path, tmp_path: Path
) -> None:
    (tmp_path / "service/.venv/installed").unlink()
    (tmp_path / "service/.venv/bin/ruff").unlink()
    refused = commit("app/main.py", (locked / "app/main.py").read_text("utf-8") + "\n# Right.\n")
    assert refused.code == 1
    assert ".venv/bin/ruff" in refused.errors
