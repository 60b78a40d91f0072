"""What all tests share: copies made by Copier itself, apart from the developer's own settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

Render = Callable[..., Path]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's Copier settings and git identity out of every test."""
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(tmp_path / "no-settings.yml"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")


@pytest.fixture
def render(copie: Any, monkeypatch: pytest.MonkeyPatch) -> Render:
    """Return `render(**answers)`: copies the template as it stands, and gives the service's folder.

    Without Poetry on the `PATH` the lock is left out, so no network is needed. Raises what Copier
    raises.
    """

    def render(**answers: object) -> Path:
        with monkeypatch.context() as patch:
            patch.setenv("PATH", "/usr/bin:/bin")
            result = copie.copy(extra_answers=answers)
        if result.exception:
            raise result.exception
        return Path(result.project_dir)

    return render
