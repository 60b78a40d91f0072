"""An existing service gets it by an answer, and what it has left to do is said and enough."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.image.services import REGISTRY, Workshop
from tests.observability.collector import Collector
from tests.observability.support import ended, get, started
from tests.observability.test_web import CALL, TRACE
from tests.update.conftest import PRESETS, commit, copy, files, git, template, update
from tests.update.test_matrix import edit

__all__ = ["template"]

OLD, NEW = "1.5.0", "99.0.0"
ANSWER = {"observability": "opentelemetry"}
ASKED = "What you asked for needs this in files that are yours:"


@pytest.fixture
def newest(template: Path) -> Path:
    """Return the template with what is here now as its newest release."""
    git(template, "tag", "--force", f"v{NEW}")
    return template


def owed(said: str) -> list[str]:
    """Return what an update says that its owner has left to do."""
    _, _, steps = said.partition(f"{ASKED}\n")
    return [line.strip() for line in steps.splitlines() if line.startswith("  ")]


def do(folder: Path, step: str) -> None:
    """Do one step to the letter, as who reads it would."""
    file, _, code = re.fullmatch(r"(app/main\.py)(, .*?)?: (.*)", step).groups()  # type: ignore[union-attr]
    known = {
        "telemetry.start(": (r"(?<=\n)    configure_logs\(.*\)$", rf"\g<0>\n    {code}"),
        "telemetry=": (r"FastAPI\(", rf"\g<0>{code}, "),
        "@telemetry.unit(": (r"^def work\(", rf"{code}\n\g<0>"),
    }
    [(place, new)] = [change for begin, change in known.items() if code.startswith(begin)]
    text = (folder / file).read_text("utf-8")
    if "from app import telemetry" in step:
        text = re.sub(r"(?m)^from app import .*$", r"\g<0>, telemetry", text, count=1)
    changed, times = re.subn(place, new, text, count=1, flags=re.MULTILINE)
    assert times == 1
    (folder / file).write_text(changed, "utf-8")


def turned_on(
    template: Path, folder: Path, capfd: pytest.CaptureFixture[str], **answers: object
) -> list[str]:
    """Make a service of an old release, update it, ask for telemetry; return what is said."""
    copy(template, folder, OLD, answers)
    git(folder, "init", "--quiet")
    commit(folder)
    update(folder, NEW)
    commit(folder)
    before = files(folder)
    assert not any(b"telemetry" in text for name, text in before.items() if name[0] != ".")
    assert ASKED not in capfd.readouterr().err
    update(folder, **ANSWER)
    after = files(folder)
    assert after.keys() - before.keys() == {"app/telemetry.py"}
    assert {n for n, text in before.items() if after[n] != text} == {".copier-answers.yml"}
    return owed(capfd.readouterr().err)


def test_a_service_that_is_older_does_what_is_said_and_tells_of_itself(
    newest: Path,
    workshop: Workshop,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    sent: Collector,
) -> None:
    folder = tmp_path / "service"
    image = f"{REGISTRY}/older"
    steps = turned_on(newest, folder, capfd, image_repository=image, project_slug="older")
    assert "\n  ".join([ASKED, *steps]) in (ROOT / "docs/observability.md").read_text("utf-8")
    workshop.lock(folder)
    service = workshop.finish(folder, "older", "web")
    add, *edits = steps
    assert add.startswith("make add ")
    service.run("sh", "-c", add, POETRY=str(ROOT / ".poetry/bin/poetry"))
    for step in edits:
        do(folder, step)
    service.commit()
    service.make("image")
    with started(service, OTEL_EXPORTER_OTLP_ENDPOINT=sent.endpoint) as (container, port):
        assert get(container.port, "/nowhere", **CALL)[0] == 404
        assert "http_server_request_duration_seconds_count{" in get(port, "/metrics")[1]
        lines = ended(container)
    assert [(span.trace, span.resource["service.name"]) for span in sent.spans] == [
        (TRACE, "older")
    ]
    assert TRACE in [line.get("trace_id") for line in lines]


@pytest.mark.parametrize("kind", PRESETS)
def test_what_is_left_to_do_is_said_until_it_is_done_and_the_file_is_its_owner_s(
    newest: Path, tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "service"
    add, *steps = turned_on(newest, folder, capfd, **PRESETS[kind])
    commit(folder)
    update(folder, uid=10002)
    said = capfd.readouterr().err
    assert owed(said) == [add, *steps]
    assert [said.count(step.split(": ")[-1]) for step in steps] == [1] * len(steps)
    for step in steps:
        do(folder, step)
    edit(folder, "pyproject.toml", "dependencies = [", 'dependencies = [\n    "opentelemetry-sdk",')
    edit(folder, "app/telemetry.py", "PATIENCE = 3", "PATIENCE = 1")
    commit(folder)
    before = files(folder)
    update(folder, uid=10003)
    said = capfd.readouterr().err
    assert ASKED not in said
    assert "Next: look at it" in said
    after = files(folder)
    assert {n for n in before | after if before.get(n) != after.get(n)} == {
        "Dockerfile",
        ".copier-answers.yml",
    }


@pytest.fixture
def folder(newest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """Return a service that was asked for telemetry, and has it committed."""
    folder = tmp_path / "service"
    turned_on(newest, folder, capfd)
    commit(folder)
    return folder


def test_without_the_answer_it_stays_because_the_application_needs_it(folder: Path) -> None:
    before = files(folder)
    update(folder, observability="none")
    after = files(folder)
    assert {n for n in before | after if before.get(n) != after.get(n)} == {".copier-answers.yml"}


def test_the_file_returns_once_its_owner_has_removed_it_only_by_the_answer(folder: Path) -> None:
    git(folder, "rm", "--quiet", "app/telemetry.py")
    commit(folder)
    update(folder, uid=10002)
    assert not (folder / "app/telemetry.py").exists()
    commit(folder)
    update(folder, observability="none")
    commit(folder)
    update(folder, **ANSWER)
    assert (folder / "app/telemetry.py").exists()
