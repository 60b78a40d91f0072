"""A pipeline has what a private index asks for, and says nothing of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plumbum import local

from tests.ci import runner
from tests.ci.conftest import Service, World
from tests.ci.test_pipelines import job
from tests.image.private_index import NETRC, PASSWORD, Index, private_index

# Builds have the index on their loopback.
FLAGS = {"DOCKER_BUILD_FLAGS": "--network=host --progress=plain"}
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only on Linux builds have its loopback"
)


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with private_index() as index:
        yield index


def using(world: World, index: Index, ci: str) -> Service:
    """Return a service whose packages all come from the private index."""
    with local.env(**index.credentials):
        name = f"private-{ci}"
        return world.service(name, ci=ci, service_kind="job", package_index=index.url)


def test_githubs_jobs_have_it_from_a_secret(world: World, index: Index, tmp_path: Path) -> None:
    service = using(world, index, "github")
    env = world.env | FLAGS
    refused = runner.run(service.folder, "test-image", tmp_path, {}, env)
    assert "there is no secret INDEX_NETRC" in refused.stdout
    assert refused.returncode != 0
    assert "(401 Unauthorized): give the build a netrc file" in refused.stdout
    for name in ("check", "test-image"):
        done = runner.run(service.folder, name, tmp_path, {"INDEX_NETRC": NETRC}, env)
        assert done.returncode == 0, done.stdout
        assert re.search(r"\d passed", done.stdout)
        assert PASSWORD not in done.stdout


def test_gitlabs_jobs_have_it_from_a_variable_that_is_a_file(world: World, index: Index) -> None:
    service = using(world, index, "gitlab")
    for name in ("check", "test-image"):
        done = job(service, name, {"NETRC": NETRC}, **FLAGS)
        assert done.code == 0, done.log
        assert re.search(r"\d passed", done.log)
        assert PASSWORD not in done.log
