"""The owner's slots: Debian packages to run with, and more of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image import checks
from tests.image.containers import UNPRIVILEGED, ask, running, until
from tests.image.services import Service, Workshop

pytestmark = pytest.mark.image


@pytest.fixture(scope="module", params=["slim-3.13", "distroless-3.13", "distroless-3.14"])
def service(request: pytest.FixtureRequest, workshop: Workshop) -> Service:
    """Return a service that uses both, a dependency that looks for the library by its name, and one
    that brings its tests.
    """
    base, python = request.param.split("-")
    name = f"worker-slots-{request.param}"
    slots = {"runtime_packages": ["libpq5"], "extra_paths": ["migrations", "alembic.ini"]}
    folder = workshop.write(name, "worker", base, python, **slots)
    project = folder / "pyproject.toml"
    text = project.read_text("utf-8")
    project.write_text(
        text.replace("dependencies = [", 'dependencies = [\n    "psycopg", "greenlet",', 1)
    )
    (folder / "migrations" / "versions").mkdir(parents=True)
    (folder / "migrations" / "versions" / "0001.py").write_text("STEP = 1\n")
    (folder / "alembic.ini").write_text("[alembic]\n")
    workshop.lock(folder)
    service = workshop.finish(folder, name, "worker")
    service.make("image")
    return service


def test_runtime_packages_are_there_to_load(service: Service) -> None:
    code = "import psycopg; print(psycopg.pq.version() > 0)"
    run = service.image.docker["run", "--rm", "--network=none", service.image.name]
    assert run("python", "-c", code) == "True\n"


def test_runtime_packages_and_what_they_need_are_recorded(service: Service) -> None:
    if not service.image.composed:
        pytest.skip("apt keeps the records of what it installs")
    facts = ask(service.image, "packages")
    assert {"libpq5", "libldap2", "libc6", "tzdata"} <= facts["packages"].keys()
    files = [path for path, entry in service.image.additions.entries.items() if entry.isfile()]
    assert [path for path in files if "/libpq.so.5" in path]
    checks.is_recorded(files, facts)


def test_runtime_packages_leave_no_package_lists(service: Service) -> None:
    added = [entry for layer in service.image.layers for entry in layer.entries.items()]
    files = {path for path, entry in added if entry.isfile() and entry.size}
    fetched = ("var/lib/apt/lists/", "var/cache/apt/")
    assert [path for path in files if path.startswith(fetched)] == []


def test_the_tests_that_a_package_brings_are_not_compiled(service: Service) -> None:
    files = [path for path in service.image.entries if "/site-packages/greenlet/" in path]
    tests = [path for path in files if "/greenlet/tests/" in path]
    assert [path for path in tests if path.endswith(".py")]
    assert not [path for path in tests if path.endswith(".pyc")]
    assert [path for path in files if "/greenlet/__pycache__/__init__." in path]


def test_extra_paths_are_in_the_image_and_root_owns_them(service: Service) -> None:
    entries = service.image.entries
    assert {"app/alembic.ini", "app/migrations/versions/0001.py"} <= entries.keys()
    checks.cannot_rewrite_itself(ask(service.image, "identity", None, *UNPRIVILEGED))


def test_extra_paths_are_in_the_layer_of_the_code(service: Service) -> None:
    assert "app/migrations/versions/0001.py" in service.image.code.entries
    checks.has_bytecode_for_all(service.image)


def test_a_service_with_slots_keeps_its_user_and_its_rights(service: Service) -> None:
    facts = ask(service.image, "identity")
    checks.runs_as_nobody(service.image, facts)
    checks.needs_no_more(facts)


def test_another_port_moves_the_listener_with_the_health_check(
    workshop: Workshop, tmp_path: Path
) -> None:
    twin = workshop.service("web", "slim", "3.13").twin(tmp_path / "twin", "port")
    text = twin.dockerfile.read_text("utf-8")
    twin.dockerfile.write_text(text.replace("8000", "9000"))  # which is all that an update changes
    twin.make("image")
    with running(twin.image, "none") as container:  # at its default port
        until(lambda: container.healthy, "health")
