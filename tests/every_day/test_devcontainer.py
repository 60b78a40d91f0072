"""A devcontainer is of the image's own builder, and has the tools of the lock."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from plumbum.commands.base import BaseCommand

from tasks import mirror
from tests.conftest import ROOT
from tests.docs.pages import Page
from tests.engine import Engine
from tests.every_day import tools
from tests.every_day.conftest import Updated, turn_on
from tests.image.private_index import NETRC, Index, private_index
from tests.image.services import REGISTRY, TITLE, Service, Workshop
from tests.update.conftest import RELEASES

FIRST = RELEASES[0]


@pytest.fixture(scope="module")
def desk(updated: Updated, workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """Return a service of the first release that was updated, and got a devcontainer then."""
    named = {"project_name": TITLE, "image_repository": f"{REGISTRY}/developed"}
    folder = updated(tmp_path_factory.mktemp("developed") / "service", FIRST, **named)
    turn_on(folder, devcontainer=True)
    workshop.lock(folder)
    return workshop.finish(folder, "developed", "web")


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    """Return an index that asks who wants its packages, in the build and in the container."""
    with private_index() as index:
        yield index


@pytest.fixture(scope="module")
def inside(
    desk: Service, docker: Engine, index: Index, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BaseCommand]:
    """Return the command that runs others in the container, which is up."""
    home = tmp_path_factory.mktemp("home")
    (home / ".netrc").write_text(NETRC, "utf-8")
    variables = {"HOME": str(home), "POETRY_PLUGINS": mirror.PLUGIN, mirror.URL: index.url}
    cli = tools.devcontainer().with_env(**{**desk.environment, **variables})
    file = desk.folder / ".devcontainer/devcontainer.json"
    written = file.read_text("utf-8")
    configuration = json.loads(written)
    # What docs/compose.md gives for an index that asks who you are.
    [block] = [b for b in Page(ROOT / "docs/compose.md").blocks if b.language == "json"]
    given = json.loads(f"{{{block.text}}}")
    # This engine has the machine's network alone, and an editor's own files stay out of it.
    configuration["build"]["options"] = [f"--network={docker.network}", *given["build"]["options"]]
    configuration["mounts"] += given["mounts"]
    configuration["runArgs"] = [f"--network={desk.network}"]
    # Poetry knows public authorities alone, and the machine's network may have one of its own.
    authorities = {"REQUESTS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"}
    configuration["remoteEnv"] |= authorities
    file.write_text(json.dumps(configuration), "utf-8")
    where = f"--workspace-folder={desk.folder}"
    (desk.folder / ".git/info/exclude").write_text(".devcontainer\n", "utf-8")
    shutil.rmtree(desk.folder / ".venv", ignore_errors=True)  # where Poetry has locked
    (desk.folder / ".venv").mkdir()
    (desk.folder / ".venv/mine").touch()
    for path in (home / ".netrc", desk.folder, *desk.folder.rglob("*")):  # a developer's own
        os.chown(path, 1000, 1000, follow_symlinks=False)
    up = json.loads(cli("up", where).splitlines()[-1])
    assert up["outcome"] == "success"
    yield cli["exec", where]
    file.write_text(written, "utf-8")
    mounts = json.loads(docker.docker("inspect", "--format={{json .Mounts}}", up["containerId"]))
    docker.docker("rm", "--force", "--volumes", up["containerId"])
    docker.docker("volume", "rm", [m["Name"] for m in mounts if m["Type"] == "volume"])


def test_its_developer_has_the_tools_of_the_lock(inside: BaseCommand, desk: Service) -> None:
    inside("make", "lint")
    assert " passed" in inside("make", "test")
    lock = (desk.folder / "poetry.lock").read_text("utf-8")
    version = inside(".venv/bin/ruff", "--version").split()[1]
    assert f'name = "ruff"\nversion = "{version}"' in lock


def test_its_developer_is_nobody_s_root(inside: BaseCommand) -> None:
    assert inside("id", "--user", "--name").strip() == "developer"
    assert "git version" in inside("git", "--version")


def test_the_environment_of_the_machine_stays_as_it_was(inside: BaseCommand, desk: Service) -> None:
    assert inside("sh", "-c", "ls .venv/bin/python .poetry/*/bin/poetry").count("\n") == 2
    assert [path.name for path in (desk.folder / ".venv").iterdir()] == ["mine"]
    assert list((desk.folder / ".poetry").iterdir()) == []
    assert inside("sh", "-c", "ls .venv").count("mine") == 0


def test_an_index_that_asks_who_wants_its_packages_is_told(inside: BaseCommand) -> None:
    try:  # the container came up by it alone
        inside("make", "add", "PACKAGES=acme-greeting")
        assert 'name = "acme-greeting"' in inside("cat", "poetry.lock")
    finally:
        inside("git", "checkout", "--", "pyproject.toml", "poetry.lock")


def test_python_and_debian_are_those_of_the_image(inside: BaseCommand, desk: Service) -> None:
    probe = "import platform as p; print(p.python_version(), p.libc_ver())"
    desk.make("image")
    run = desk.engine.docker["run", "--rm", f"--network={desk.network}", desk.image.name]
    assert inside("python", "-c", probe).split() == run("python", "-c", probe).split()


def test_beside_its_database_it_is_built_and_edited_in_the_service_s_own_folder(
    workshop: Workshop, docker: Engine, tmp_path: Path
) -> None:
    options = {"devcontainer": True, "compose": True, "database": "postgresql"}
    folder = workshop.write("beside", "web", "slim", "3.13", **options)
    service = Service(folder, "web", docker, workshop.variables, "beside")
    written = json.loads((folder / ".devcontainer/devcontainer.json").read_text("utf-8"))
    files = [(folder / ".devcontainer" / name).resolve() for name in written["dockerComposeFile"]]
    flags = [flag for file in files for flag in ("--file", str(file))]
    said = service.run(
        "docker", "compose", *flags, "config", "--format=json", **tools.compose(docker, tmp_path)
    )
    developer = json.loads(said[said.index("{") :])["services"][written["service"]]
    assert developer["build"]["context"] == str(folder)
    assert {volume["target"]: volume["source"] for volume in developer["volumes"]} == {
        written["workspaceFolder"]: str(folder),
        f"{written['workspaceFolder']}/.venv": "venv",
        f"{written['workspaceFolder']}/.poetry": "poetry",
    }


def test_the_image_is_the_same_with_a_devcontainer_as_without(workshop: Workshop) -> None:
    images = []
    for answer in (True, False):
        folder = workshop.write("same", "web", "slim", "3.13", devcontainer=answer)
        text = (folder / "Dockerfile").read_text("utf-8")
        begin, _, rest = text.partition("# Where the service is edited")
        images.append(begin + rest.partition("USER 1000\n\n")[2] if rest else text)
    assert images[0] == images[1]
