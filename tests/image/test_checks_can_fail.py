"""Each check is seen to fail: on an image that breaks the contract in the way that it is for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.image import checks
from tests.image.combinations import Combination, of
from tests.image.containers import UNPRIVILEGED, ask, running, until
from tests.image.images import Image
from tests.image.lives import live
from tests.image.load import stop_under_load
from tests.image.rebuilds import Rebuild
from tests.image.services import Service
from tests.image.spoiled import spoil

pytestmark = pytest.mark.image

one = of(among=[Combination("web", "slim", "3.13")])


def broken(*cases: tuple[str, Any, str]) -> pytest.MarkDecorator:
    """Ask for `check` and `lines`, the latter to be added to the Dockerfile."""
    return pytest.mark.parametrize(
        ("check", "lines"),
        [pytest.param(check, lines.split("\n"), id=name) for name, check, lines in cases],
    )


@one
@broken(
    (
        "an entrypoint",
        checks.starts_python_directly,
        'ENTRYPOINT ["env"]\nCMD ["python", "-m", "app.main"]',
    ),
    ("a shell", checks.starts_python_directly, "CMD python -m app.main"),
    ("another path first", checks.starts_python_directly, "ENV PATH=/usr/local/bin:$PATH"),
    ("the lock", checks.adds_only_the_service, "COPY file /app/poetry.lock"),
    ("a test", checks.adds_only_the_service, "COPY file /app/tests/test_main.py"),
    ("git", checks.adds_only_the_service, "COPY file /app/.git/HEAD"),
    ("a cache", checks.adds_only_the_service, "COPY file /root/.cache/pip/x"),
    ("a compiler", checks.adds_only_the_service, "COPY file /usr/bin/gcc"),
    ("an empty folder", checks.adds_only_the_service, "USER 0\nRUN mkdir -p /var/lib/new"),
    ("removed too late", checks.adds_only_the_service, "USER 0\nRUN rm /app/app/main.py"),
    ("another owner", checks.belongs_to_root, "COPY --chown=10001 file /app/app/file"),
    ("a group's right to write", checks.belongs_to_root, "COPY --chmod=664 file /app/app/file"),
    ("no health check", checks.is_checked_without_a_shell, "HEALTHCHECK NONE"),
    ("a shell's health check", checks.is_checked_without_a_shell, "HEALTHCHECK CMD true"),
    ("no bytecode", checks.has_bytecode_for_all, "COPY file /app/app/more.py"),
)
def test_an_image_is_refused_for(
    service: Service, check: Callable[[Image], None], lines: list[str]
) -> None:
    image = spoil(service, *lines, file="")
    with pytest.raises(AssertionError):
        check(image)


@of(among=[Combination("web", "distroless", "3.14")])
@broken(
    ("a file of no package", checks.is_recorded, "COPY file /usr/lib/file"),
    ("another file", checks.is_recorded, "COPY file /usr/share/doc/netbase/copyright"),
    ("a test", checks.is_recorded, "COPY file /usr/local/lib/python3.14/test/file"),
)
def test_an_addition_is_refused_for(
    service: Service, check: Callable[[list[str], dict[str, Any]], None], lines: list[str]
) -> None:
    check([], ask(service.image, "packages"))
    image = spoil(service, *lines, file="")
    with pytest.raises(AssertionError):
        check(list(image.layers[-1].entries), ask(image, "packages"))


@one
def test_a_package_that_is_not_locked_is_noticed(service: Service) -> None:
    with pytest.raises(AssertionError):
        checks.has_no_other_packages(service.image, locked={"fastapi"})


@one
@broken(
    ("root", checks.runs_as_nobody, "USER 0"),
    ("a name", checks.runs_as_nobody, "USER nobody"),
    ("root's group", checks.runs_as_nobody, "USER 10001:0"),
    ("no home", checks.runs_as_nobody, "ENV HOME=/nonexistent"),
)
def test_a_user_is_refused_for(
    service: Service, check: Callable[[Image, dict[str, Any]], None], lines: list[str]
) -> None:
    image = spoil(service, *lines)
    facts = ask(image, "identity", None, *UNPRIVILEGED)
    with pytest.raises(AssertionError):
        check(image, facts)


CONFIGURATION = "/app/.venv/pyvenv.cfg"


@one
@broken(
    ("its own files", checks.cannot_rewrite_itself, "USER 0\nRUN chown 10001 /app/app\nUSER 10001"),
    (
        "files of its group",
        checks.cannot_rewrite_itself,
        "USER 0\nRUN chmod g+w,o+w /app/app/main.py\nUSER 10001",
    ),
    (
        "packages of the base",
        checks.is_alone,
        f"USER 0\nRUN sed -i s/false/true/ {CONFIGURATION}\nUSER 10001",
    ),
    ("no home", checks.needs_no_more, "ENV HOME=/nonexistent"),
)
def test_a_process_is_refused_for(
    service: Service, check: Callable[[dict[str, Any]], None], lines: list[str]
) -> None:
    facts = ask(spoil(service, *lines), "identity", None, *UNPRIVILEGED, "--tmpfs=/tmp")
    with pytest.raises(AssertionError):
        check(facts)


@one
def test_a_privilege_is_noticed(service: Service) -> None:
    with pytest.raises(AssertionError):
        checks.needs_no_more(ask(service.image, "identity", None, "--user=0:0"))


@one
def test_a_shell_that_keeps_the_signal_to_itself_is_noticed(service: Service) -> None:
    image = spoil(service, "CMD python -m app.main; true")
    life = live(image, service.kind, service.network)
    with pytest.raises(AssertionError):
        checks.is_process_1(life)
    with pytest.raises(AssertionError):
        checks.ends_when_told(lambda: (life.exit_code, 0))


def test_a_stop_that_takes_too_long_is_noticed() -> None:
    with pytest.raises(AssertionError):
        checks.ends_when_told(lambda: (0, 2.5))


@one
@pytest.mark.parametrize(
    "start",
    [
        "import os; main.serving.Server.handle_exit = lambda *_: os._exit(0); main.main()",
        "main.serving.Server.shutdown = main.serving.uvicorn.Server.shutdown; main.main()",
        "main.serving.Server.answer = lambda _: asyncio.sleep(1); main.main()",
    ],
    ids=["ends at once", "closes the listener on those in its queue", "closes after an answer"],
)
def test_lost_requests_are_counted(service: Service, start: str) -> None:
    stop = stop_under_load(service, start)
    with pytest.raises(AssertionError):
        checks.loses_nothing(stop)


@one
def test_a_service_that_does_not_drain_is_noticed(service: Service) -> None:
    start = (
        "from app import main; main.serving.Server.shutdown = main.serving.uvicorn.Server.shutdown"
    )
    command = ("python", "-c", f"{start}; main.main()")
    with (
        running(service.image, service.network, *command, DRAIN_DELAY=2) as container,
        pytest.raises(AssertionError, match="the listener closed"),
    ):
        checks.drains(container)


@one
def test_a_service_that_is_not_healthy_is_noticed(service: Service) -> None:
    image = spoil(service, 'HEALTHCHECK --interval=1s --retries=1 CMD ["false"]')
    with running(image, "none") as container, pytest.raises(AssertionError, match="unhealthy"):
        until(lambda: container.healthy, "health")


COMPILE = "RUN python -m compileall -q -f --invalidation-mode"


@one
@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (f"{COMPILE} timestamp /app/app", "not checked by hash"),
        (f"{COMPILE} unchecked-hash /app/app", "not checked by hash"),
        (f"{COMPILE} checked-hash -s /app -p /build /app/app", "compiled elsewhere"),
        ("RUN echo '# more' >> /app/app/main.py", "stale"),
        ("RUN rm -r /app/app/__pycache__", "missing"),
    ],
    ids=["times", "no check", "another path", "an edit", "none"],
)
def test_bytecode_is_refused_for(service: Service, line: str, fault: str) -> None:
    image = spoil(service, "USER 0", line)
    [bytecode] = [
        path
        for path in service.image.entries
        if "/__pycache__/main." in path and path.startswith("app/app/")
    ]
    faults = ask(image, "bytecode", [f"/{bytecode}"])
    assert fault in faults[f"/{bytecode}"]


@one
def test_compiling_at_the_start_is_noticed(service: Service) -> None:
    image = spoil(service, "USER 0", "RUN find / -path '*/logging/*.pyc' -delete", "USER 10001")
    life = live(image, service.kind, service.network)
    with pytest.raises(AssertionError, match=r"logging/__init__\.py"):
        checks.compiles_nothing(life)


@one
@pytest.mark.parametrize(("mode", "fact"), [("timestamp", "compiled"), ("unchecked-hash", "stale")])
def test_bytecode_that_goes_by_times_or_by_nothing_is_noticed(
    service: Service, mode: str, fact: str
) -> None:
    image = spoil(service, "USER 0", f"{COMPILE} {mode} /app/app")
    assert ask(image, "edit", ["app"], "--user=0:0", "--no-healthcheck")[fact]


@one
def test_a_changed_dependency_layer_is_noticed(service: Service) -> None:
    before, after = (
        spoil(service, "USER 0", f"RUN touch -d @{date} /app/.venv/pyvenv.cfg") for date in (1, 2)
    )
    with pytest.raises(AssertionError):
        checks.changes_only_the_code(before, after)
    with pytest.raises(AssertionError):
        checks.same(before.digests, after.digests)


@one
def test_an_installation_is_noticed(service: Service, rebuilt: Rebuild) -> None:
    with pytest.raises(AssertionError):
        checks.installs_nothing(rebuilt.output)


@one
def test_a_build_that_does_without_a_lock_is_noticed(service: Service, tmp_path: Path) -> None:
    twin = service.twin(tmp_path / "twin", "lockless")
    (twin.folder / "poetry.lock").unlink()
    twin.dockerfile.write_text(f"FROM {service.image.base}\nCOPY pyproject.toml poetry.lock* ./\n")
    with pytest.raises(AssertionError, match="did not fail"):
        checks.refuses(twin)


@one
@pytest.mark.parametrize("label", ["version", "revision", "title", "base.name"])
def test_a_wrong_label_is_noticed(service: Service, label: str) -> None:
    good = {label: service.image.config["Labels"][f"org.opencontainers.image.{label}"]}
    checks.is_labelled(service.image, good)
    with pytest.raises(AssertionError):
        checks.is_labelled(spoil(service, f"LABEL org.opencontainers.image.{label}=other"), good)


@one
def test_another_date_is_noticed(service: Service) -> None:
    image = spoil(service, "USER 0", "RUN touch /app/app/main.py")
    with pytest.raises(AssertionError, match=r"main\.py"):
        checks.is_dated([image.layers[-1]], checks.FIRST_DATE)


@one
@broken(
    ("a library that does not load", checks.resolves, "COPY file /app/.venv/lib/broken.so"),
    (
        "a module that does not import",
        checks.resolves,
        "RUN echo 'import nowhere' > /app/app/more.py",
    ),
    (
        "a script without its Python",
        checks.resolves,
        "RUN sed -i '1s|.*|#!/none|' /app/.venv/bin/uvicorn",
    ),
)
def test_what_is_installed_is_refused_for(
    service: Service, check: Callable[[dict[str, Any]], None], lines: list[str]
) -> None:
    image = spoil(service, "USER 0", *lines, file="")
    with pytest.raises(AssertionError):
        check(ask(image, "libraries"))
