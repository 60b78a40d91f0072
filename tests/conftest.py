"""What all tests share: copies made by Copier itself, apart from the developer's own settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plumbum import local

ROOT = Path(__file__).parent.parent

Render = Callable[..., Path]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep the developer's Copier settings and git identity out of every test.

    Copier hands plumbum's environment to tasks, which is a copy of the process's own.
    """
    settings = tmp_path / "settings.yml"
    settings.write_text("{}")
    alone = {
        "COPIER_SETTINGS_PATH": str(settings),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
    }
    for name, value in alone.items():
        monkeypatch.setenv(name, value)
    with local.env(**alone):
        yield


@pytest.fixture
def render(copie: Any) -> Render:
    """Return `render(**answers)`: copies the template as it stands, and gives the service's folder.

    Without Poetry on the `PATH` the lock is left out, so no network is needed. Raises what Copier
    raises.
    """

    def render(**answers: object) -> Path:
        with local.env(PATH="/usr/bin:/bin"):
            result = copie.copy(extra_answers=answers)
        if result.exception:
            raise result.exception
        return Path(result.project_dir)

    return render
