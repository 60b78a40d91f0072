"""Every release to every later one, for every preset, with all that an owner does at once."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
import yaml

from tests.update.conftest import (
    PRESETS,
    RELEASES,
    Service,
    commit,
    copy,
    files,
    git,
    update,
)

OWN = (
    "pyproject.toml",
    "poetry.lock",
    "README.md",
    "LICENSE",
    "app/",
    "tests/",
    ".github/",
    "lib/",
)
STEPS = list(combinations(RELEASES, 2))


def of_the_service(name: str) -> bool:
    """Say whether a file belongs to the service and not to the template."""
    return name.startswith(OWN) and name != "app/serving.py"


def edit(folder: Path, name: str, old: str, new: str) -> None:
    """Replace text that must be there."""
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), "utf-8")


def own(folder: Path) -> None:
    """Do what owners do: a dependency, code, files added, moved and deleted, a line changed."""
    edit(folder, "pyproject.toml", "dependencies = [", 'dependencies = [\n    "requests>=2",')
    (folder / "poetry.lock").write_text("# a lock\n")
    edit(folder, "app/main.py", '"""', '"""Mine. ')
    (folder / "tests/test_more.py").write_text("def test_more() -> None: ...\n")
    (folder / "lib").mkdir()
    git(folder, "mv", "app/settings.py", "lib/settings.py")
    (folder / ".github/workflows").mkdir(parents=True)
    (folder / ".github/workflows/ci.yml").write_text("on: push\n")
    git(folder, "rm", "--quiet", ".dockerignore")
    edit(folder, ruff(folder), "line-length = 100", "line-length = 120")
    commit(folder)


def ruff(folder: Path) -> str:
    """Return the name of ruff's settings, which 1.2.0 renamed."""
    return ".ruff.toml" if (folder / ".ruff.toml").exists() else "ruff.toml"


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("old", "new"), STEPS, ids=[f"{old}-{new}" for old, new in STEPS])
def test_an_update_takes_the_template_s_changes_and_leaves_the_owner_s(
    old: str, new: str, preset: str, service: Service, template: Path, tmp_path: Path
) -> None:
    folder = service(old, **PRESETS[preset])
    own(folder)
    before = files(folder)

    update(folder, new)

    assert git(folder, "ls-files", "--unmerged") == ""
    after = files(folder)
    assert {n: b for n, b in after.items() if of_the_service(n)} == {
        n: b for n, b in before.items() if of_the_service(n)
    }
    fresh = copy(template, tmp_path / "fresh", new, PRESETS[preset] | stored(folder))
    edit(fresh, ruff(fresh), "line-length = 100", "line-length = 120")
    (fresh / ".dockerignore").unlink()
    if "app/serving.py" not in before:
        (fresh / "app/serving.py").unlink(missing_ok=True)
    expected = {n: b for n, b in files(fresh).items() if not of_the_service(n)}
    expected[".copier-answers.yml"] = after[".copier-answers.yml"]
    assert {n: b for n, b in after.items() if not of_the_service(n)} == expected

    commit(folder, "Update")
    update(folder, new)
    assert git(folder, "status", "--porcelain") == ""


def stored(folder: Path) -> dict[str, object]:
    """Return the answers whose default is another today or in another folder."""
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    return {name: answers[name] for name in ("uid", "project_name")}
