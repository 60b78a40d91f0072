"""The gate that says how far a service is from the template."""

from __future__ import annotations

import sys
from pathlib import Path

from plumbum import local

from tests.conftest import ROOT
from tests.update.conftest import RELEASES, Service, commit
from tests.update.test_matrix import edit


def drift(folder: Path) -> tuple[int, str]:
    """Return the exit code and what was said."""
    gate = local[sys.executable][str(ROOT / "tasks/drift.py"), str(folder)]
    code, said, error = gate.run(retcode=None)
    return code, said + error


def test_a_fresh_service_is_up_to_date_whatever_its_owner_added(service: Service) -> None:
    folder = service(RELEASES[-1], app_package="shop")
    edit(folder, "shop/main.py", '"""', '"""Mine. ')
    (folder / "compose.yml").write_text("services: {}\n")
    commit(folder)
    assert drift(folder) == (0, "up to date, as the template wrote it\n")


def test_an_older_one_is_behind_by_its_releases(service: Service) -> None:
    code, said = drift(service("1.2.0"))
    assert code == 1
    later = RELEASES[RELEASES.index("1.2.0") + 1 :]
    assert said.startswith(f"behind by {len(later)}: {', '.join(later)};")


def test_edited_lines_of_the_template_are_counted_by_file(service: Service) -> None:
    folder = service(RELEASES[-1])
    edit(folder, "ruff.toml", "line-length = 100", "line-length = 120")
    (folder / "mypy.ini").unlink()
    commit(folder)
    code, said = drift(folder)
    assert code == 1
    assert "ruff.toml: 1 of the template's lines" in said
    assert "mypy.ini: deleted" in said
    assert said.endswith("up to date\n")


def test_what_is_no_service_is_named(tmp_path: Path) -> None:
    code, said = drift(tmp_path)
    assert code == 1
    assert "name a service that was made from the template" in said
