"""The image contract: every image of the template, on a real engine, held to its 13 points."""

from __future__ import annotations

import re
import tomllib
from calendar import timegm
from pathlib import Path
from time import strptime

import pytest

from tests.image import checks
from tests.image.combinations import COMPOSED, FEW, MIXED, of
from tests.image.containers import UNPRIVILEGED, ask, running, until
from tests.image.lives import Life, live, stop_idle
from tests.image.load import stop_under_load
from tests.image.rebuilds import LIBRARY, Edits, Rebuild, bump
from tests.image.services import (
    COMMITTED,
    DESCRIPTION,
    ORIGIN,
    TITLE,
    VERSION,
    BuildFailed,
    Service,
)

pytestmark = pytest.mark.image


# ---- 1. `python -m app.main` runs as CMD, in exec form


@of()
def test_01_the_command_is_python_without_an_entrypoint(service: Service) -> None:
    checks.starts_python_directly(service.image)


@of("web", "worker")
def test_01_the_service_is_process_1(life: Life) -> None:
    checks.is_process_1(life)


# ---- 2. Nothing is added to the base that only a build needs


@of()
def test_02_only_the_environment_and_the_application_are_added(service: Service) -> None:
    checks.adds_only_the_service(service.image)


@of(among=COMPOSED)
def test_02_what_a_runtime_image_lacked_is_recorded_and_dated(service: Service) -> None:
    layer = service.image.additions
    files = [path for path, entry in layer.entries.items() if entry.isfile()]
    assert [path for path in files if path.startswith("usr/local/bin/python")]
    checks.is_recorded(files, ask(service.image, "packages"))
    checks.is_dated([layer], checks.FIRST_DATE)
    own = {path: entry for path, entry in layer.entries.items() if not entry.issym()}
    assert [path for path, entry in own.items() if entry.uid or entry.mode & 0o6022] == []


@of()
def test_02_only_locked_packages_of_the_main_group_are_installed(service: Service) -> None:
    lock = tomllib.loads((service.folder / "poetry.lock").read_text("utf-8"))
    locked = {package["name"] for package in lock["package"] if "main" in package["groups"]}
    checks.has_no_other_packages(service.image, locked)


@of()
def test_02_packages_of_the_base_are_out_of_sight(service: Service) -> None:
    checks.is_alone(ask(service.image, "identity"))


# ---- 3. Non-root by number, and unable to rewrite itself


@of()
def test_03_everything_that_is_added_belongs_to_root(service: Service) -> None:
    checks.belongs_to_root(service.image)


@of()
def test_03_it_runs_as_a_number_and_cannot_rewrite_itself(service: Service) -> None:
    facts = ask(service.image, "identity", None, *UNPRIVILEGED)  # on a writable root
    checks.runs_as_nobody(service.image, facts)
    checks.cannot_rewrite_itself(facts)


# ---- 4. A read-only root, no capabilities, no new privileges


@of()
def test_04_it_has_all_it_needs_without_privileges(service: Service) -> None:
    checks.needs_no_more(ask(service.image, "identity"))


@of("web")
def test_04_a_web_service_answers_without_privileges(life: Life) -> None:
    assert {path: status for path, (status, _) in life.answers.items()} == {
        "/health/live": 200,
        "/health/ready": 200,
    }


@of("worker", "job")
def test_04_work_is_done_without_privileges(life: Life) -> None:
    assert any("work" in line["message"] and "done" in line["message"] for line in life.lines)


# ---- 5. Process 1 gets signals


@of("web", "worker")
def test_05_an_idle_service_stops_at_once_and_ends_with_0(service: Service) -> None:
    network = service.network
    checks.ends_when_told(lambda: stop_idle(service.image, service.kind, network))


@of("web")
def test_05_a_busy_web_service_answers_all_that_it_accepted(service: Service) -> None:
    stop = stop_under_load(service)
    checks.loses_nothing(stop)
    assert stop.exit_code == 0


@of("job")
def test_05_a_job_that_did_its_work_ends_with_0(life: Life) -> None:
    assert life.exit_code == 0


FAILING = """
import sys
from app import main
def work(): raise RuntimeError("no luck")
main.work = work
sys.exit(main.main())
"""


@of("job")
def test_05_a_job_that_failed_ends_with_1_and_one_line_says_why(service: Service) -> None:
    with running(service.image, "none", "python", "-c", FAILING) as container:
        assert container.exit_code() == 1
        errors = [line for line in container.lines if line["level"] == "ERROR"]
    assert len(errors) == 1
    assert "RuntimeError: no luck" in errors[0]["exc_info"]


@of("job")
def test_05_a_job_that_is_stopped_at_work_says_so_by_its_code(service: Service) -> None:
    slow = FAILING.replace('raise RuntimeError("no luck")', "__import__('time').sleep(600)")
    with running(service.image, "none", "python", "-c", slow) as container:
        until(lambda: container.lines, "the first log line")
        container.stop()
        assert container.exit_code() == 143


# ---- 6. `web` becomes healthy without a shell; alive and ready are two things


@of("web")
def test_06_a_web_service_becomes_healthy_without_a_shell(service: Service) -> None:
    checks.is_checked_without_a_shell(service.image)
    with running(service.image, "none") as container:  # at its default port
        until(lambda: container.healthy, "health")


@of("web")
def test_06_a_draining_service_is_alive_and_answers_but_is_not_ready(service: Service) -> None:
    with running(service.image, service.network, DRAIN_DELAY=2) as container:
        checks.drains(container)


# ---- 7. No start pays for compiling, and no edit is ignored


@of()
def test_07_nothing_is_compiled_from_start_to_end(life: Life) -> None:
    checks.compiles_nothing(life)


@of()
def test_07_all_bytecode_is_there_and_valid_by_hash(service: Service, life: Life) -> None:
    checks.has_bytecode_for_all(service.image)
    added = {f"/{path}" for path in service.image.entries if path.endswith(".pyc")}
    assert ask(service.image, "bytecode", sorted(added | set(life.bytecode))) == {}


@of()
def test_07_bytecode_outlives_touched_sources_and_follows_edits(
    touched: checks.Facts,
) -> None:
    assert touched == {"compiled": [], "written": [], "stale": []}


@of(among=MIXED)
def test_07_nor_is_a_library_module_that_only_the_application_imports(
    service: Service, edits: Edits
) -> None:
    life = live(edits.source, service.kind, service.network)
    assert [path for path in life.bytecode + life.compiled if f"/{LIBRARY}/" in path]
    checks.compiles_nothing(life)


# ---- 8. Dependencies and application are layers of their own


@of()
def test_08_a_source_edit_changes_one_layer(service: Service, edits: Edits) -> None:
    checks.changes_only_the_code(service.image, edits.source)


@of()
def test_08_a_new_version_or_tool_setting_installs_nothing(service: Service, edits: Edits) -> None:
    checks.same(edits.version.below, service.image.below)
    checks.installs_nothing(edits.output)


@of(among=MIXED)
def test_08_a_dependency_that_moves_changes_no_layer_but_its_own(
    service: Service, tmp_path: Path
) -> None:
    bumped = bump(service, tmp_path / "twin", "python-dotenv")
    own = service.image.layer_of("app/.venv/lib/python3*/site-packages/dotenv/main.py")
    pairs = zip(service.image.digests, bumped.digests, strict=True)
    assert [old for old, new in pairs if old != new] == [own.digest]


# ---- 9. The lock is obeyed


@of("web")
def test_09_a_missing_lock_fails_the_build_and_says_what_to_run(
    service: Service, tmp_path: Path
) -> None:
    twin = service.twin(tmp_path / "twin", "unlocked")
    (twin.folder / "poetry.lock").unlink()
    checks.refuses(twin)


@of("web")
def test_09_a_stale_lock_fails_the_build_and_says_what_to_run(
    service: Service, tmp_path: Path
) -> None:
    twin = service.twin(tmp_path / "twin", "unlocked")
    project = twin.folder / "pyproject.toml"
    text = project.read_text("utf-8")
    project.write_text(text.replace("dependencies = [", 'dependencies = [\n    "six",', 1))
    checks.refuses(twin)


# ---- 10. Credentials reach only the build stage: test_private_index.py


# ---- 11. Labels, and a version that is known at run time


@of()
def test_11_labels_say_what_it_is_and_where_it_comes_from(service: Service) -> None:
    expected = {
        "title": TITLE,
        "description": DESCRIPTION,
        "version": VERSION,
        "revision": service.run("git", "rev-parse", "HEAD").strip(),
        "created": COMMITTED,
        "source": f"https://{ORIGIN}".removesuffix(".git"),
        "base.name": service.image.base,
    }
    checks.is_labelled(service.image, expected)


@of()
def test_11_the_service_tells_its_version(service: Service, life: Life) -> None:
    assert service.image.variables["APP_VERSION"] == VERSION
    if service.kind == "web":
        assert life.answers["/health/live"][1]["version"] == VERSION
    else:
        assert VERSION in life.lines[0]["message"]


@of("web", among=FEW)
def test_11_an_image_that_nobody_gave_a_version_runs_too(
    service: Service, rebuilt: Rebuild
) -> None:
    with running(rebuilt.plain, service.network) as container:
        until(container.answers, "an answer")
        assert container.get("/health/live")[1]["version"] == "dev"


# ---- 12. The same on every machine


@of(among=FEW)
def test_12_dependencies_are_the_same_layer_from_any_checkout(
    service: Service, rebuilt: Rebuild
) -> None:
    checks.same(rebuilt.plain.below, service.image.below)


@of(among=FEW)
def test_12_the_same_commit_gives_the_same_code_layer(service: Service, rebuilt: Rebuild) -> None:
    checks.same(rebuilt.dated.digests, service.image.digests)


@of(among=FEW)
def test_12_with_times_rewritten_it_is_the_same_image(rebuilt: Rebuild) -> None:
    checks.same(*rebuilt.rewritten)


@of()
def test_12_dependencies_carry_the_first_date_and_code_that_of_its_commit(service: Service) -> None:
    checks.is_dated(service.image.dependencies, checks.FIRST_DATE)
    checks.is_dated([service.image.code], timegm(strptime(COMMITTED, "%Y-%m-%dT%H:%M:%SZ")))


# ---- 13. The tests run in the image that runs


@of()
def test_13_the_tests_pass_in_the_image(tested: str) -> None:
    assert re.search(r"=+ \d+ passed.* =+$", tested, re.MULTILINE)


@of(among=MIXED)
def test_13_a_failing_test_fails_the_build(service: Service, tmp_path: Path) -> None:
    twin = service.twin(tmp_path / "twin", "failing")
    (twin.folder / "tests" / "test_more.py").write_text(
        "def test_more() -> None:\n    assert not 1\n"
    )
    with pytest.raises(BuildFailed, match="test_more"):
        twin.make("test-image")


# A library's name of the same length, which nothing has.
BROKEN = """\
FROM builder AS broken
RUN python -c "import _bz2, pathlib; file = pathlib.Path(_bz2.__file__); \\
    lacking = file.read_bytes().replace(b'libbz2.so', b'libnot.so'); \\
    pathlib.Path('/broken').mkdir(); pathlib.Path('/broken', file.name).write_bytes(lacking)"
"""


@of(among=MIXED[:1])
def test_13_a_library_that_the_image_lacks_fails_the_build_by_name_unless_it_is_known(
    service: Service, tmp_path: Path
) -> None:
    twin = service.twin(tmp_path / "twin", "lacking")
    text = twin.dockerfile.read_text("utf-8")
    [python] = set(re.findall(r"python:(3\.\d+)-", text))
    text = text.replace("FROM builder AS lock\n", f"{BROKEN}FROM builder AS lock\n")
    broken = f"COPY --from=broken /broken /app/.venv/lib/python{python}/site-packages/broken\n"
    text = text.replace(
        "FROM dependencies AS environment\n", f"{broken}FROM dependencies AS environment\n"
    )
    twin.dockerfile.write_text(text)
    with pytest.raises(BuildFailed) as failed:
        twin.make("image")
    said = r"The image lacks (libnot\.so\S+) \(for broken\._bz2\): .* runtime_packages"
    name = re.search(said, str(failed.value))
    assert name, failed.value
    twin.dockerfile.write_text(text.replace('"environment"]', f'"environment", "{name[1]}"]'))
    twin.make("image")


@of(among=MIXED)
def test_13_an_import_that_the_image_lacks_fails_the_build_by_name(
    service: Service, tmp_path: Path
) -> None:
    twin = service.twin(tmp_path / "twin", "importing")
    settings = twin.folder / "app" / "settings.py"
    settings.write_text("import pytest\n" + settings.read_text("utf-8"))
    clients = twin.folder / "app" / "clients"  # a module of the same name elsewhere is no help
    clients.mkdir()
    (clients / "pytest.py").touch()
    (twin.folder / "pytest.ini").touch()  # nor is a file that is no module
    with (twin.folder / ".dockerignore").open("a") as ignored:
        ignored.write("!pytest.ini\n")
    copied = re.compile(r"^(COPY \S+) app (\S+)/app$", re.MULTILINE)
    dockerfile, found = copied.subn(
        r"\g<0>\n\1 pytest.ini \2/pytest.ini", twin.dockerfile.read_text("utf-8")
    )
    assert found == 1
    twin.dockerfile.write_text(dockerfile, "utf-8")
    with pytest.raises(
        BuildFailed, match=r"app/settings\.py imports pytest, which is not installed"
    ):
        twin.make("image")


@of("job", among=MIXED)
def test_13_what_is_no_python_is_named_by_file_and_line(service: Service, tmp_path: Path) -> None:
    twin = service.twin(tmp_path / "twin", "broken")
    with (twin.folder / "app" / "settings.py").open("a") as settings:
        settings.write("\ndef\n")
    lines = len((twin.folder / "app" / "settings.py").read_text("utf-8").splitlines())
    with pytest.raises(BuildFailed, match=rf"app/settings\.py, line {lines}, is no Python: "):
        twin.make("image")


@of(among=MIXED)
def test_13_a_platform_can_be_named(service: Service, tmp_path: Path) -> None:
    twin = service.twin(tmp_path / "twin", "platform")
    version = service.engine.docker("version", "--format={{.Server.Os}}/{{.Server.Arch}}")
    twin.make("image", PLATFORMS=version.strip())
    checks.same(twin.image.digests, service.image.digests)


@of("job", among=MIXED)
def test_13_a_base_image_for_another_platform_fails_the_build(
    service: Service, tmp_path: Path
) -> None:
    twin = service.twin(tmp_path / "twin", "elsewhere")
    version = service.engine.docker("version", "--format={{.Server.Arch}}")
    other = {"amd64": "arm64"}.get(version.strip(), "amd64")
    # Docker says the latter, of a base that has that platform, on a machine that cannot run it.
    with pytest.raises(BuildFailed, match=rf"a build for {other} needs one|exec format error"):
        twin.make("image", PLATFORMS=f"linux/{other}")


@of()
def test_13_every_library_resolves_and_every_module_imports(service: Service) -> None:
    checks.resolves(ask(service.image, "libraries"))
