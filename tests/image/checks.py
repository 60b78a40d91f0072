"""The contract as plain functions: each raises AssertionError for an image that breaks it.

So each can be seen to fail, in `test_checks_can_fail.py`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from http.client import HTTPException
from pathlib import PurePosixPath
from tarfile import TarInfo
from typing import Any
from urllib.parse import quote

from tests.image.containers import Container, until
from tests.image.images import Image, Layer
from tests.image.lives import Life
from tests.image.load import END, Stop
from tests.image.services import BuildFailed, Service

Facts = dict[str, Any]

SERVICE = ["python", "-m", "app.main"]
UID = 10001
FIRST_DATE = 315619200  # 1980-01-02
BYTECODE = re.compile(r"(.*/lib/python3\.\d+/.*)?__pycache__/[^/]+\.cpython-\d+\.pyc")


# ---- 1


def starts_python_directly(image: Image) -> None:
    """The service is the command, in exec form, found first on PATH; no entrypoint is left."""
    assert image.config["Cmd"] == SERVICE
    assert not image.config["Entrypoint"]
    assert image.variables["PATH"].split(":")[0] == "/app/.venv/bin"


def is_process_1(life: Life) -> None:
    """No shell stands between the engine and the service."""
    assert life.arguments == SERVICE


# ---- 2


def adds_only_the_service(image: Image, extra: Iterable[str] = ()) -> None:
    """Above the base lie the environment, the application and the library's bytecode."""
    ours = ("app/.venv", "app/app", *(f"app/{path}" for path in extra))

    def belongs(path: str) -> bool:
        inside = path.startswith(tuple(f"{place}/" for place in ours)) or path in ours
        removed = "/.wh." in path  # a marker, for what would lie on in a layer below
        return not removed and (inside or bool(BYTECODE.fullmatch(path)))

    files = [path for path, entry in image.entries.items() if not entry.isdir()]
    assert [path for path in files if not belongs(path)] == []
    needed = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    folders = [path for path, entry in image.entries.items() if entry.isdir()]
    assert [path for path in folders if not belongs(path) and path not in needed] == []


def is_recorded(paths: Iterable[str], facts: Facts) -> None:
    """What was added to the runtime image is the interpreter and files of recorded packages."""
    known = {*facts["files"], "etc/ld.so.cache"}
    places = ("usr/local/bin/python", "usr/local/lib/", "var/lib/dpkg/status.d/", "etc/")
    assert [path for path in paths if path not in known and not path.startswith(places)] == []
    assert set(facts["changed"]) <= {"usr/lib/os-release"}  # in which distroless names itself
    useless = re.compile(r"(^|/)(test|idlelib|ensurepip|pip|tkinter|__pycache__|man|locale)/")
    assert [path for path in paths if useless.search(path) and path not in known] == []


def has_no_other_packages(image: Image, locked: set[str]) -> None:
    """Only what the lock names for the main group is installed, so no build or test tool."""
    pattern = re.compile(r"app/\.venv/lib/python[^/]+/site-packages/([^/]+)-[^/-]+\.dist-info")
    found = {match[1] for path in image.entries if (match := pattern.fullmatch(path))}
    assert found
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in found} - locked == set()


def is_alone(facts: Facts) -> None:
    """The base image's own packages, its pip among them, are out of the service's sight."""
    packages = [path for path in facts["path"] if path.endswith("-packages")]
    assert all(path.startswith("/app/.venv/") for path in packages), packages
    assert facts["build_tools"] == []
    assert facts["prefix"] == "/app/.venv"


# ---- 3


def belongs_to_root(image: Image) -> None:
    """Everything above the base is root's, and nobody else may write it."""

    def faulty(entry: TarInfo) -> bool:
        return (entry.uid, entry.gid) != (0, 0) or (not entry.issym() and bool(entry.mode & 0o022))

    assert [path for path, entry in image.entries.items() if faulty(entry)] == []


def runs_as_nobody(image: Image, facts: Facts) -> None:
    """The user is set by number, for the engine and the process; it has a home and a name."""
    assert image.config["User"] == f"{UID}:{UID}"
    assert (facts["uid"], facts["gid"], set(facts["groups"]) - {UID}) == (UID, UID, set())
    assert facts["name"]
    assert facts["home_writable"], facts["home"]


def cannot_rewrite_itself(facts: Facts) -> None:
    """Even on a writable root, no file of the application can be changed by the service."""
    assert facts["application_owned"] == []
    assert facts["application_writable"] == []


# ---- 4


def needs_no_more(facts: Facts) -> None:
    """With a read-only root and no privileges there is still a home and a temporary folder."""
    assert not facts["root_writable"]
    assert facts["capabilities"] == 0
    assert facts["capabilities_to_gain"] == 0
    assert facts["no_new_privileges"]
    assert facts["system_calls_filtered"]
    assert facts["home_writable"], facts["home"]
    assert facts["temporary_writable"]


# ---- 5


def ends_when_told(stop: Callable[[], tuple[int, float]]) -> None:
    """It ends with 0, in less than 2 seconds; a busy machine may have two more tries."""
    tries: list[float] = []
    while len(tries) < 3 and (not tries or tries[-1] >= 2):
        code, seconds = stop()
        assert code == 0
        tries.append(seconds)
    assert tries[-1] < 2, tries


def loses_nothing(stop: Stop) -> None:
    """Every accepted request was answered, under a load that went on beyond the end."""
    for outcome in stop.outcomes:
        assert outcome.answered, outcome
        assert outcome.refused, outcome
        assert outcome.accepted == outcome.answered, outcome.lost
    assert stop.long_answer.endswith(END)
    assert stop.one_more == 200


# ---- 6


def is_checked_without_a_shell(image: Image) -> None:
    """The image's own health check is in exec form."""
    assert image.config.get("Healthcheck", {}).get("Test", [""])[0] == "CMD"


def drains(container: Container) -> None:
    """Told to stop, it is alive and answers, but is not ready, before the listener closes."""
    until(container.answers, "an answer")
    assert container.get("/health/ready")[0] == 200
    container.docker("kill", "--signal=TERM", container.id)
    try:
        until(lambda: container.get("/health/ready")[0] == 503, "the drain")
        assert container.get("/health/live")[0] == 200
    except (OSError, HTTPException) as error:
        raise AssertionError("the listener closed before anybody could see the drain") from error
    assert container.exit_code() == 0


# ---- 7


def compiles_nothing(life: Life) -> None:
    """A whole life loads application, dependencies and library from bytecode alone."""
    assert life.compiled == []
    for place in ("/app/app/", "/site-packages/pydantic/", "/logging/"):
        assert [path for path in life.bytecode if place in path], f"nothing loaded from {place}"


def has_bytecode_for_all(image: Image) -> None:
    """Beside each source above the base, loaded so far or not, lies its bytecode.

    But for the tests that packages bring.
    """
    tests = re.compile("/site-packages/.+/tests/")
    paths = [path for path in image.entries if path.endswith(".py") and not tests.search(path)]
    sources = [PurePosixPath(path) for path in paths]
    [tag] = {path.rpartition(".cpython-")[2] for path in image.entries if path.endswith(".pyc")}
    missing = [
        str(path)
        for path in sources
        if str(path.parent / "__pycache__" / f"{path.stem}.cpython-{tag}") not in image.entries
    ]
    assert missing == []


# ---- 8


def changes_only_the_code(before: Image, after: Image) -> None:
    """One layer is new: the one that holds the application, above the dependencies."""
    assert len(after.digests) == len(before.digests)
    pairs = zip(before.digests, after.digests, strict=True)
    assert [old for old, new in pairs if old != new] == [before.code.digest]
    assert before.digests[: len(before.below) + 1] == [*before.below, before.code.digest]


def installs_nothing(output: str) -> None:
    """The build took its dependencies from the cache."""
    assert "Installing collected packages" not in output
    steps = re.findall(r"^(#\d+) \[tier.*install", output, re.MULTILINE)
    assert steps
    assert all(f"\n{step} CACHED" in output for step in steps)


def same(some: list[str], others: list[str]) -> None:
    """Two builds gave the same digests."""
    assert some == others


# ---- 9


def refuses(service: Service) -> None:
    """The build fails, and its message says what is wrong and what to run."""
    try:
        service.build()
        said = ""
    except BuildFailed as failed:
        said = str(failed)
    assert said, "the build did not fail"
    assert re.search(r"poetry\.lock is (missing|stale|missing or stale).*make lock", said), said


# ---- 10


def keeps_no_secret(parts: Iterable[tuple[str, bytes]], secrets: Iterable[str]) -> None:
    """Neither the secrets nor a usual encoding of them are in any part."""
    forms = {
        form for secret in secrets for form in (secret, quote(secret, safe=""), _base64(secret))
    }
    found = [name for name, part in parts for form in forms if form.encode() in part]
    assert found == []


def _base64(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode().rstrip("=")


# ---- 11


def is_labelled(image: Image, expected: dict[str, str]) -> None:
    """The OCI labels say what it is and what it was made from."""
    labels = image.config["Labels"] or {}
    names = {f"org.opencontainers.image.{name}": value for name, value in expected.items()}
    assert {name: labels.get(name) for name in names} == names


# ---- 12


def is_dated(layers: list[Layer], date: int) -> None:
    """Everything in the layers, parent folders included, carries one date."""
    entries = [item for layer in layers for item in layer.entries.items()]
    assert {path: entry.mtime for path, entry in entries if entry.mtime != date} == {}


# ---- 13


def resolves(facts: Facts) -> None:
    """Every shared library loads, every module imports and every script finds its Python."""
    assert facts["libraries"]
    assert facts["unresolved"] == {}
    assert {"app", "app.main", "app.settings"} <= set(facts["modules"])
    assert facts["broken"] == {}
    assert facts["scripts"] == {}
