"""The organisation's own base images: what `make bases` gives, and when hosts download a base."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.engine.registry import Registry, registry
from tests.image.images import inspect
from tests.image.services import VERSION, Service, Workshop

pytestmark = pytest.mark.image

RUNTIME = "registry.example.com/platform/python:3.13"
BUILDER = "registry.example.com/platform/python-builder:3.13"
WEEKS = 12
# The smallest thing that moves a base: Debian mends one library.
MENDED = """\
FROM {runtime}
USER 0
RUN find /usr/lib -name 'libcrypto.so.3' -exec touch --date=@{week} {{}} +
USER 10001:10001
"""


@pytest.fixture(scope="module")
def service(workshop: Workshop) -> Service:
    """Return a service on the organisation's own images."""
    return workshop.service("job", "custom", "3.13")


@pytest.fixture(scope="module")
def shop() -> Iterator[Registry]:
    """Return a registry on loopback."""
    with registry() as running:
        yield running


def test_the_runtime_image_has_no_pip_and_nobody_s_rights(service: Service) -> None:
    docker = service.engine.docker
    assert inspect(docker, RUNTIME)["Config"]["User"] == "10001:10001"
    python = docker["run", "--rm", "--network=none", RUNTIME, "python", "-c"]
    assert python("import importlib.util as i; print(i.find_spec('pip'))").strip() == "None"


def test_the_builder_has_the_standard_s_poetry(service: Service) -> None:
    version = service.engine.docker("run", "--rm", "--network=none", BUILDER, "poetry", "--version")
    standard = (Path(__file__).parents[2] / "standard.toml").read_text("utf-8")
    assert f'version = "{version.split()[-1].rstrip(")")}"' in standard


def test_each_image_has_a_second_name_that_stays(service: Service) -> None:
    for name in (RUNTIME, BUILDER):
        names = inspect(service.engine.docker, name)["RepoTags"]
        assert [
            other
            for other in names
            if re.fullmatch(rf"{re.escape(name)}-\d{{4}}\.\d\d\.\d\d-\d{{4}}", other)
        ]


def test_a_service_on_it_carries_no_bytecode_of_the_library(service: Service) -> None:
    service.make("image")
    assert [path for path in service.image.entries if path.startswith("usr/local/")] == []


def mend(service: Service, week: int) -> str:
    """Return the name of the base image as of a week."""
    name = f"registry.example.com/mended:{week}"
    flags = (f"--network={service.engine.network}", "--provenance=false", f"--tag={name}")
    command = service.engine.docker["build", "--quiet", *flags, "-"]
    (command << MENDED.format(runtime=RUNTIME, week=week))()
    return name


def deploy(service: Service, shop: Registry, name: str, plan: Sequence[int]) -> list[int]:
    """Edit, build and push each week, on the base of that week in the plan.

    Returns the bytes of the layers that a host with the image of the week before has to download.
    """
    recipe = service.dockerfile.read_text("utf-8")
    main = service.folder / "app/main.py"
    docker = service.engine.docker
    there: set[str] = set()
    downloads = []
    for week, base in enumerate(plan):
        text = recipe.replace(f"FROM {RUNTIME} AS", f"FROM registry.example.com/mended:{base} AS")
        service.dockerfile.write_text(text)
        main.write_text(f"{main.read_text('utf-8')}\n# {name}, week {week}\n")
        service.make("image")
        docker("tag", f"{service.name}:{VERSION}", f"{shop.address}/{name}:{week}")
        docker("push", "--quiet", f"{shop.address}/{name}:{week}")
        layers = shop.layers(name, str(week))
        downloads.append(sum(size for digest, size in layers.items() if digest not in there))
        there |= layers.keys()
    return downloads


def test_hosts_download_a_base_when_the_standard_moves_and_not_at_each_deploy(
    service: Service, shop: Registry, tmp_path: Path
) -> None:
    for week in range(WEEKS):
        mend(service, week)
    monthly = [week // 4 * 4 for week in range(WEEKS)]
    floating = deploy(service.twin(tmp_path / "a", "floating"), shop, "floating", range(WEEKS))
    standard = deploy(service.twin(tmp_path / "b", "standard"), shop, "standard", monthly)
    assert floating[0] == pytest.approx(standard[0], rel=0.01)
    moved = [week for week in range(1, WEEKS) if standard[week] > floating[1] / 10]
    assert moved == [4, 8]
    assert sum(standard[1:]) < sum(floating[1:]) / 4


def test_what_is_pushed_is_pinned_in_the_standard(
    service: Service, shop: Registry, tmp_path: Path
) -> None:
    root = Path(__file__).parents[2]
    checkout = tmp_path / "template"
    subprocess.run(["git", "clone", "--quiet", root, checkout], check=True)
    standard = checkout / "standard.toml"
    text = (root / "standard.toml").read_text("utf-8")
    standard.write_text(text.replace("registry.example.com/", f"{shop.address}/"), "utf-8")
    for name in ("tasks", "bases", "extensions"):
        subprocess.run(["cp", "-r", f"{root / name}/.", checkout / name], check=True)
    flags = f"DOCKER_BUILD_FLAGS=--network={service.engine.network}"
    service.run("env", flags, sys.executable, str(checkout / "tasks/bases.py"), "3.13", "--push")
    after = standard.read_text("utf-8")
    before = text.replace("registry.example.com/", f"{shop.address}/").rstrip()
    assert after.startswith(before)
    added = after.removeprefix(before)
    pins = re.findall(r'^"(\S+)" = "(sha256:[0-9a-f]{64})"$', added, re.MULTILINE)
    names = [name.replace("registry.example.com", shop.address) for name in (BUILDER, RUNTIME)]
    assert [name for name, _ in pins] == names
    service.engine.docker("pull", "--quiet", f"{pins[1][0]}@{pins[1][1]}")
