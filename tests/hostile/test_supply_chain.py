"""What a build and a lock take in is pinned; what comes out is what the lock says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from plumbum import local
from plumbum.commands.base import BaseCommand

from extensions.standard import STANDARD, read
from tests.conftest import Render
from tests.engine import EngineUnavailable
from tests.engine.daemon import Daemon
from tests.hostile import scanners
from tests.hostile.conftest import Tally
from tests.image.images import Image, save
from tests.image.services import Service, Workshop
from tests.image.spoiled import spoil
from tests.render.support import BIN, COMBINATIONS, Combination

pytestmark = pytest.mark.image

PYTHON = "3.13"
# Each kind on each base; distroless brings this Python along, and has the other.
LINTED = [c for c in COMBINATIONS if c.python_version == "3.14"]
LINTED.append(Combination("web", "distroless", PYTHON))
SCANNED = pytest.mark.skipif(not scanners.available(), reason="the scanners are for Linux on amd64")


@pytest.fixture(scope="module", params=["slim", "distroless"])
def service(request: pytest.FixtureRequest, workshop: Workshop) -> Service:
    """Return a service with its image."""
    service = workshop.service("web", request.param, PYTHON)
    service.make("image")
    return service


@pytest.fixture(scope="module")
def archive(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the image as a file."""
    return save(service.image, tmp_path_factory.mktemp("archive"))


# ---- what comes in


def names(lines: list[str], **environment: str) -> dict[str, str]:
    """Return the version of each package that requirements want in an environment."""
    wanted = map(Requirement, lines)
    return {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one in wanted
        if not one.marker or one.marker.evaluate(environment)
    }


def test_a_service_installs_poetry_with_the_packages_that_are_pinned_and_no_other(
    render: Render, tally: Tally
) -> None:
    service = render()
    poetry = read()["poetry"]["version"]
    with local.cwd(service):
        plugin = "POETRY_PLUGINS=poetry-plugin-pypi-mirror"
        local["make"](f".poetry/{poetry}-plugins/bin/poetry", plugin)
        freeze = local[f".poetry/{poetry}-plugins/bin/pip"]("list", "--format=freeze")
    installed = names(freeze.splitlines())
    core = installed["poetry-core"]
    for brought in ("pip", "setuptools"):  # by the environment itself
        installed.pop(brought, None)
    constraints = (service / ".poetry-constraints.txt").read_text("utf-8").splitlines()[1:]
    assert installed == {**names(constraints), "poetry": poetry, "poetry-core": core}
    tally("packages that Poetry comes with", pinned=len(installed))


def test_a_uv_of_other_bytes_fails_the_build(workshop: Workshop, tmp_path: Path) -> None:
    service = workshop.finish(workshop.write("uv", "job", "slim", PYTHON), "uv", "job")
    text = service.dockerfile.read_text("utf-8")
    other = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", text)
    assert other != text
    service.dockerfile.write_text(other, "utf-8")
    with pytest.raises(Exception, match="DO NOT MATCH THE HASHES"):
        service.build("--target=builder")


# ---- what comes out


@SCANNED
@pytest.mark.parametrize("scanner", scanners.WHEELS)
def test_an_sbom_names_the_packages_of_the_lock_and_no_other(
    service: Service, archive: Path, scanner: str, tally: Tally
) -> None:
    lock = tomllib.loads((service.folder / "poetry.lock").read_text("utf-8"))
    lines = []
    for package in lock["package"]:
        if "main" in package["groups"]:
            markers = package.get("markers", "")
            marker = markers.get("main", "") if isinstance(markers, dict) else markers
            lines.append(f"{package['name']}=={package['version']}{marker and f' ; {marker}'}")
    locked = names(lines, python_version=PYTHON, python_full_version=f"{PYTHON}.0")
    document = scanners.sbom(scanner, archive)
    found = scanners.python_packages(document, "app/")
    assert found == locked
    assert scanners.python_packages(document, "").keys() - found.keys() <= {"pip"}  # of the base
    debian = [p for p in document["components"] if p.get("purl", "").startswith("pkg:deb/")]
    assert debian
    tally(f"packages in the SBOM of {scanner}", python=len(found), debian=len(debian))


@SCANNED
def test_trivy_finds_nothing_in_the_image_and_all_that_is_planted(
    service: Service, archive: Path, tmp_path: Path, tally: Tally
) -> None:
    assert flawed(archive) == set()
    key = "AKIA" + "IOSFODNN7EXAMPLF"  # not whole in this file, nor the one of the manuals
    image = spoil(service, f"ENV AWS_ACCESS_KEY_ID={key}", "COPY file /app/key", file=key)
    assert flawed(save(image, tmp_path)) == {"aws-access-key-id"}
    tally("scans of an image by Trivy", findings=0)


def flawed(archive: Path) -> set[str]:
    """Return what Trivy finds in an image: secrets, and flaws of its configuration."""
    options = "--scanners=secret,misconfig", "--image-config-scanners=secret,misconfig"
    found = scanners.findings("image", f"--input={archive}", *options)
    return {finding for target in found.values() for finding in target}


@SCANNED
def test_trivy_finds_nothing_in_any_dockerfile_and_all_that_is_planted(
    render: Render, tmp_path: Path, tally: Tally
) -> None:
    expected = {"planted/Dockerfile": ["DS-0001", "DS-0002"]}
    planted = tmp_path / "all/planted"
    planted.mkdir(parents=True)
    (planted / "Dockerfile").write_text("FROM python\nHEALTHCHECK CMD true\n")
    for combination in LINTED:
        service = render(**combination._asdict())
        service.rename(tmp_path / f"all/{combination}")
        # What serves no HTTP has no health check.
        found = [] if combination.service_kind == "web" else ["DS-0026"]
        expected[f"{combination}/Dockerfile"] = found
    assert scanners.findings("config", tmp_path / "all") == expected
    tally("Dockerfiles scanned by Trivy", scanned=len(LINTED))


# ---- the points of dockle, which no package registry has: our own checks of them

DOCKLE: dict[str, Callable[[Image], bool]] = {
    "CIS-DI-0001": lambda image: image.config["User"] in ("", "0", "root"),
    "CIS-DI-0006": lambda image: (
        image.config.get("Healthcheck", {}).get("Test") in (None, ["NONE"])
    ),
    "CIS-DI-0008": lambda image: any(
        entry.isfile() and entry.mode & 0o6000
        for layer in image.layers
        for entry in layer.entries.values()
    ),
    "CIS-DI-0009": lambda image: said(image, r"^(/bin/sh -c #\(nop\) )?ADD "),
    "CIS-DI-0010": lambda image: any(
        re.search(r"PASS|SECRET|TOKEN|_KEY", name) and value
        for name, value in image.variables.items()
    ),
    "DKL-DI-0001": lambda image: said(image, r"\bsudo "),
    "DKL-DI-0005": lambda image: added(image, r"var/lib/apt/lists/.+|var/cache/apt/.+\.(deb|bin)"),
    "DKL-LI-0001": lambda image: added(image, r"etc/(shadow|passwd|group)"),
    "DKL-LI-0003": lambda image: added(
        image, r"(.*/)?(\.git|\.env|\.npmrc|Dockerfile|docker-compose\.ya?ml|\.vscode)(/.*)?"
    ),
}


def said(image: Image, pattern: str) -> bool:
    """Say whether a step above the base matches."""
    steps = image.docker("history", "--no-trunc", "--format={{.CreatedBy}}", image.name)
    below = image.docker("history", "--no-trunc", "--format={{.CreatedBy}}", image.base)
    own = steps.splitlines()[: -len(below.splitlines())]
    return any(re.search(pattern, step) for step in own)


def added(image: Image, pattern: str) -> bool:
    """Say whether a layer above the base has a path that matches."""
    paths = [path for layer in image.layers for path in layer.entries]
    return any(re.fullmatch(pattern, path) for path in paths)


def offences(image: Image) -> set[str]:
    """Return the points that an image breaks."""
    return {point for point, broken in DOCKLE.items() if broken(image)}


def test_an_image_breaks_no_point_of_dockle(service: Service, tally: Tally) -> None:
    assert offences(service.image) == set()
    tally("points of dockle", held=len(DOCKLE))


BREAKS = {
    "CIS-DI-0001": "USER 0",
    "CIS-DI-0006": "HEALTHCHECK NONE",
    "CIS-DI-0008": "COPY --chmod=4755 file /app/file",
    "CIS-DI-0009": "ADD file /app/file",
    "CIS-DI-0010": "ENV DB_PASSWORD=secret",
    "DKL-DI-0001": 'RUN ["python", "-c", "\'sudo make\'"]',
    "DKL-DI-0005": "COPY file /var/lib/apt/lists/file",
    "DKL-LI-0001": "COPY file /etc/shadow",
    "DKL-LI-0003": "COPY file /app/.git/HEAD",
}


def test_each_point_of_dockle_is_seen_to_break(service: Service) -> None:
    assert BREAKS.keys() == DOCKLE.keys()
    assert offences(spoil(service, *BREAKS.values(), file="")) == set(DOCKLE)


# ---- the rules of linters


def test_hadolint_says_nothing_of_the_organisations_own_images() -> None:
    assert local[str(BIN / "hadolint")]("--no-color", STANDARD.parent / "bases/Dockerfile") == ""


@pytest.fixture(scope="module")
def newest() -> Iterator[BaseCommand]:
    """Return the command line of an engine that checks Dockerfiles, which the usual one cannot."""
    try:
        daemon = Daemon("forky")
    except EngineUnavailable as reason:
        pytest.skip(str(reason))
    yield daemon.docker
    daemon.stop()


@pytest.fixture(scope="module")
def check(newest: BaseCommand) -> Callable[[str], str]:
    """Return `check(dockerfile)`: what `docker build --check` says of it."""
    known: set[str] = set()

    def check(dockerfile: str) -> str:
        for base in set(re.findall(r"^FROM (\S+:\S+)", dockerfile, re.MULTILINE)) - known:
            # Only its configuration is looked at.
            (newest["build", "--quiet", f"--tag={base}", "-"] << "FROM scratch\nENV PATH=/bin\n")()
            known.add(base)
        _, output, errors = (newest["build", "--check", "-"] << dockerfile).run(retcode=None)
        return str(output or errors).strip()

    return check


@pytest.mark.parametrize("combination", LINTED, ids=str)
def test_docker_build_check_finds_nothing(
    combination: Combination, render: Render, check: Callable[[str], str]
) -> None:
    answers: dict[str, Any] = combination._asdict()
    if combination.base_image != "distroless":
        answers["runtime_packages"] = ["libpq5"]
    service = render(**answers, build_packages=["gcc"], extra_paths=["migrations"])
    text = (service / "Dockerfile").read_text("utf-8")
    assert check(text) == "Check complete, no warnings found."


def test_docker_build_check_finds_what_is_planted(check: Callable[[str], str]) -> None:
    said = check("FROM python:3.13-slim-trixie as base\nCMD python -m app.main\n")
    assert "FromAsCasing" in said
    assert "JSONArgsRecommended" in said
