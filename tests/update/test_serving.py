"""What serves requests: new services have it in a file that updates mend, older ones when asked."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml
from copier import run_copy, run_recopy, run_update
from plumbum import local

from tasks import plain, releases
from tests.conftest import ROOT
from tests.update.conftest import PRESETS, Service, commit, copy, files, git, update
from tests.update.test_drift import drift
from tests.update.test_matrix import edit

SOURCE = "template/{{ app_package }}/{% if web %}serving.py{% endif %}"
FILE, ANSWERS = "app/serving.py", ".copier-answers.yml"
OLDER = [
    version
    for version, commit in releases.releases(ROOT).items()
    if not git(ROOT, "ls-tree", "--name-only", commit, "--", SOURCE)
]
WITH, MENDED = "9.0.0", "9.1.0"
LIMIT, MENDED_LIMIT = "min(hard, 65536)", "min(hard, 32768)"
ASKED = "What you asked for needs this in files that are yours:"


@pytest.fixture(scope="module")
def coming(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template with two releases more: this checkout's state, and one that mends."""
    folder = tmp_path_factory.mktemp("coming")
    git(folder, "clone", "--quiet", str(template), "template")
    git(folder / "template", "tag", f"v{WITH}")
    edit(folder / "template", SOURCE, LIMIT, MENDED_LIMIT)
    commit(folder / "template", "Mend what serves requests")
    git(folder / "template", "tag", f"v{MENDED}")
    return folder / "template"


def changed(before: dict[str, bytes], folder: Path) -> set[str]:
    """Return the names of the files that came, went or changed."""
    after = files(folder)
    return {name for name in before | after if before.get(name) != after.get(name)}


def answer(folder: Path) -> object:
    """Return what the service stores; None where it stores nothing."""
    return yaml.safe_load((folder / ANSWERS).read_text("utf-8")).get("serving")


def check(folder: Path, package: str = "app") -> None:
    """Fail where the service's own tests or linters find anything."""
    python = local[sys.executable].with_cwd(folder)["-m"]
    python("ruff", "check", "--no-cache", package)
    python("mypy", f"--cache-dir={folder.parent}/mypy")
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": ""}
    python.with_env(**quiet)("pytest", "-p", "no:cacheprovider", "-W", "error")


@pytest.mark.parametrize("old", OLDER)
def test_an_older_service_gets_no_file_that_it_does_not_use(
    old: str, service: Service, coming: Path
) -> None:
    folder = service(old, template=coming)
    before = files(folder)
    update(folder, WITH, uid=10002)
    assert answer(folder) is False
    own = {name for name in before if name.startswith(("app/", "tests/"))}
    there = {
        name: text for name, text in files(folder).items() if name.startswith(("app", "tests"))
    }
    assert there == {name: before[name] for name in own}
    commit(folder)
    before = files(folder)
    update(folder, MENDED)
    assert changed(before, folder) == {ANSWERS}


@pytest.mark.parametrize("old", [OLDER[0], OLDER[-1]])
def test_asked_for_it_an_older_service_gets_it_and_is_told_what_to_change_until_that_is_done(
    old: str, service: Service, coming: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = service(old, template=coming)
    update(folder, WITH)
    commit(folder)
    assert ASKED not in capfd.readouterr().err
    before = files(folder)
    update(folder, serving=True)
    assert changed(before, folder) == {FILE, ANSWERS}
    commit(folder)
    told = capfd.readouterr().err
    [step] = re.findall(rf"{ASKED}\n  .*$", told, re.MULTILINE)
    assert step in (ROOT / "docs/updating.md").read_text("utf-8")
    update(folder, uid=10003)
    assert step in capfd.readouterr().err
    commit(folder)

    line = step.partition(" prepare and run it: ")[2]
    main = folder / "app/main.py"
    text = main.read_text("utf-8").replace(
        "import configure_logs", "import configure_logs, serving"
    )
    text = re.sub(r"^class Server.*?(?=^def main)", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(
        r"(configure_logs\(.*?\)\n).*?(?=\n\nif )", rf"\1    {line}\n", text, flags=re.DOTALL
    )
    main.write_text(text, "utf-8")
    local[sys.executable]("-m", "ruff", "check", "--fix", "--no-cache", str(main))  # the imports
    fresh = copy(coming, tmp_path / "fresh", WITH, {})
    (folder / "tests/test_main.py").write_bytes((fresh / "tests/test_main.py").read_bytes())
    commit(folder)
    check(folder)
    update(folder, MENDED)
    assert ASKED not in capfd.readouterr().err
    assert MENDED_LIMIT in (folder / FILE).read_text("utf-8")


def test_a_mend_arrives_beside_what_its_owner_changed(service: Service, coming: Path) -> None:
    folder = service(WITH, template=coming)
    assert answer(folder) is True
    edit(folder, FILE, "asyncio.sleep(0.1)", "asyncio.sleep(0.2)")
    edit(folder, "app/main.py", '"""', '"""Mine. ')
    commit(folder)
    before = files(folder)
    update(folder, MENDED)
    assert changed(before, folder) == {FILE, ANSWERS}
    assert git(folder, "ls-files", "--unmerged") == ""
    text = (folder / FILE).read_text("utf-8")
    assert MENDED_LIMIT in text
    assert "asyncio.sleep(0.2)" in text


def test_a_line_that_both_changed_is_marked(
    service: Service, coming: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = service(WITH, template=coming)
    edit(folder, FILE, LIMIT, "min(hard, 4096)")
    commit(folder)
    update(folder, MENDED)
    text = (folder / FILE).read_text("utf-8")
    assert "min(hard, 4096)" in text
    assert MENDED_LIMIT in text
    assert git(folder, "diff", "--name-only", "--diff-filter=U").split() == [FILE]
    assert f"Conflicts in {FILE}: " in capfd.readouterr().err


def test_where_its_owner_deleted_it_it_does_not_return(service: Service, coming: Path) -> None:
    folder = service(WITH, template=coming)
    git(folder, "rm", "--quiet", FILE)
    commit(folder)
    update(folder, MENDED)
    assert not (folder / FILE).exists()


def test_without_the_answer_it_stays_and_is_its_owner_s(service: Service, coming: Path) -> None:
    folder = service(WITH, template=coming)
    for version, data in ((None, {"serving": False}), (MENDED, {})):
        before = files(folder)
        update(folder, version, **data)
        assert changed(before, folder) == {ANSWERS}
        commit(folder)


def test_a_file_of_that_name_that_its_owner_wrote_is_never_lost(
    service: Service, coming: Path
) -> None:
    folder = service(OLDER[-1], template=coming)
    (folder / FILE).write_text("MINE = 1\n", "utf-8")
    commit(folder)
    update(folder, WITH)
    assert (folder / FILE).read_text("utf-8") == "MINE = 1\n"
    commit(folder)
    update(folder, serving=True)
    text = (folder / FILE).read_text("utf-8")
    assert "MINE = 1\n" in text
    assert LIMIT in text
    assert git(folder, "diff", "--name-only", "--diff-filter=U").split() == [FILE]


def test_a_recopied_service_has_what_its_new_main_needs(service: Service, coming: Path) -> None:
    folder = service(OLDER[-1], template=coming)
    run_recopy(
        folder, vcs_ref=f"v{WITH}", defaults=True, overwrite=True, unsafe=True, skip_tasks=True
    )
    check(folder)


def test_what_its_owner_changed_in_it_is_drift(service: Service, coming: Path) -> None:
    folder = service(MENDED, template=coming)
    assert drift(folder) == (0, "up to date, as the template wrote it\n")
    edit(folder, FILE, MENDED_LIMIT, LIMIT)
    commit(folder)
    assert drift(folder)[1].startswith(f"{FILE}: 1 of the template's lines")


@pytest.mark.parametrize("kind", ["worker", "job"])
def test_what_serves_nothing_stores_no_answer(kind: str, service: Service, coming: Path) -> None:
    folder = service(WITH, template=coming, **PRESETS[kind])
    assert answer(folder) is None
    before = files(folder)
    update(folder, MENDED)
    assert changed(before, folder) == {ANSWERS}


def test_an_application_may_be_called_serving_itself(service: Service, coming: Path) -> None:
    folder = service(WITH, template=coming, app_package="serving")
    check(folder, "serving")
    before = files(folder)
    update(folder, MENDED)
    assert changed(before, folder) == {"serving/serving.py", ANSWERS}


def test_the_plain_edition_mends_it_too_and_brings_it_to_nobody_else(
    coming: Path, tmp_path: Path
) -> None:
    edition = tmp_path / "plain"
    git(tmp_path, "init", "--quiet", str(edition))
    for version in (OLDER[-1], WITH, MENDED):
        git(coming, "worktree", "add", "--quiet", str(tmp_path / version), f"v{version}")
        plain.write(tmp_path / version, edition)
        commit(edition, f"Release {version}")
        git(edition, "tag", f"v{version}")
    there = {}
    for old in (OLDER[-1], WITH):
        folder = tmp_path / f"service-{old}"
        run_copy(str(edition), folder, vcs_ref=f"v{old}", defaults=True, quiet=True)
        git(folder, "init", "--quiet")
        commit(folder)
        run_update(folder, defaults=True, overwrite=True, quiet=True)
        there[old] = (folder / FILE).read_text("utf-8") if (folder / FILE).exists() else ""
        assert answer(folder) is bool(there[old])
    assert there[OLDER[-1]] == ""
    assert MENDED_LIMIT in there[WITH]
