"""compose.yaml runs the image as strictly as production does, and anew after an edit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.docs.pages import page
from tests.every_day.composed import Composed
from tests.every_day.conftest import Compose
from tests.image.containers import until

ADDED = """\
services:
  web:
    environment: {LOG_LEVEL: DEBUG}
"""


def test_who_follows_the_page_has_it_running(composer: Compose) -> None:
    service = composer("web")
    service.shell().play(page("compose.md"))


@pytest.fixture(scope="module")
def web(composer: Compose) -> Iterator[Composed]:
    """Return a service that is up, watched by Compose."""
    service = composer("web")
    with service.watched():
        until(lambda: service.container().healthy, "it is healthy")
        yield service


def test_it_answers_where_only_this_machine_asks(web: Composed) -> None:
    status, said = web.container().get("/health/live")
    assert (status, said["version"]) == (200, "dev")
    for [published] in filter(None, web.inspect()["NetworkSettings"]["Ports"].values()):
        assert published == {"HostIp": "127.0.0.1", "HostPort": str(web.port)}


def assert_strict(container: dict[str, Any]) -> None:
    """Fail for a container that may do more than in production."""
    host = container["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["Tmpfs"] == {"/tmp": ""}
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert not host["Privileged"]
    assert not host["Binds"]
    assert container["Config"]["User"] == "10001:10001"


def test_it_may_do_no_more_than_in_production(web: Composed) -> None:
    assert_strict(web.inspect())


def test_an_edit_reaches_the_running_service(web: Composed) -> None:
    web.edit("app/main.py", '"service": app.title', '"service": "edited"')
    edited = (200, {"service": "edited", "version": "dev"})
    until(lambda: web.tells("/health/live") == edited, "the edit is there")
    assert_strict(web.inspect())


def test_an_edit_that_cannot_be_built_leaves_it_running(web: Composed) -> None:
    log = web.override.with_suffix(".log")
    web.edit("pyproject.toml", "dependencies = [", 'dependencies = [\n    "six",')
    until(lambda: "Build failed" in log.read_text("utf-8"), "the build is refused")
    assert web.tells("/health/live")
    web.edit("pyproject.toml", '\n    "six",', "")


def test_what_its_owner_adds_is_read_too(web: Composed) -> None:
    own = web.service.folder / "compose.override.yaml"
    own.write_text(ADDED, "utf-8")
    files = web.service.run("docker", "compose", "config", **web.environment)
    own.unlink()
    assert "LOG_LEVEL: DEBUG" in files


def test_a_worker_works_until_it_is_told_to_stop(composer: Compose) -> None:
    worker = composer("worker")
    worker.compose("up", "--detach", "--build")
    container = worker.container()
    until(lambda: "one unit of work done" in container.output, "it works")
    assert_strict(worker.inspect())
    assert not worker.inspect()["NetworkSettings"].get("Ports")
    worker.compose("stop")
    assert container.state["ExitCode"] == 0


def test_a_job_runs_once_and_again_after_each_edit(composer: Compose) -> None:
    job = composer("job")
    with job.watched():
        until(lambda: job.says("the work is done"), "it has run")
        assert job.container().exit_code() == 0
        assert_strict(job.inspect())
        job.edit("app/main.py", '"the work is done"', '"the edited work is done"')
        until(lambda: job.says("the edited work is done"), "it has run again")
