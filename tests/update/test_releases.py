"""What main records of the releases, and the tags that it gives."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.version import Version
from plumbum import local

from tasks import releases
from tests.conftest import ROOT
from tests.update.conftest import RELEASES, git


def test_there_are_at_least_four_releases_from_1_0_0_on() -> None:
    assert RELEASES[0] == "1.0.0"
    assert len(RELEASES) >= 4
    assert sorted(RELEASES, key=Version) == RELEASES


def test_the_changelog_and_the_version_tell_the_newest_release() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE) == RELEASES[::-1]
    assert f'version = "{RELEASES[-1]}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_every_theme_of_the_changelog_is_one_line() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    for line in releases.changes(changelog, Version("0"), Version(RELEASES[-1])):
        assert re.match(r"[A-Z][\w ]+: \S", line), line


def test_make_tags_sets_each_tag_and_does_so_again(template: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--no-tags", str(ROOT), str(clone))
    for _ in range(2):
        local[sys.executable](str(clone / "tasks/releases.py"))
        assert git(clone, "tag", "--sort=version:refname").split() == [f"v{v}" for v in RELEASES]


def test_make_tags_stops_at_a_tag_that_stands_elsewhere(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--no-tags", str(ROOT), str(clone))
    git(clone, "tag", "v1.0.0", "HEAD")
    code, _, error = local[sys.executable][str(clone / "tasks/releases.py")].run(retcode=None)
    assert code == 1
    assert "git tag --delete v1.0.0" in error
    assert git(clone, "rev-parse", "v1.0.0") == git(clone, "rev-parse", "HEAD")


def test_nothing_between_two_releases_is_said_of_others() -> None:
    changelog = "# C\n\n## 1.2.0\n\n- A: b\n  c.\n\n## 1.1.0\n\n- D: e.\n\n## 1.0.0\n\n- F: g.\n"
    assert releases.changes(changelog, Version("1.0.0"), Version("1.1.0")) == ["D: e."]
    assert releases.changes(changelog, Version("1.1.0"), Version("1.2.0")) == ["A: b c."]
    with pytest.raises(ValueError, match="Invalid version"):
        releases.changes("## soon\n\n- A: b.\n", Version("1"), Version("2"))
