"""Point 10: credentials of a private index reach the build stage, and are nowhere in the image."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image import checks
from tests.image.containers import HARDENED
from tests.image.private_index import BASIC, NETRC, PASSWORD, USER, Index, private_index
from tests.image.services import BuildFailed, Service, Workshop
from tests.image.spoiled import spoil

# The index is on the loopback interface of this machine.
NETWORK = "--network=host"
pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(sys.platform != "linux", reason="only on Linux builds have its loopback"),
]

SECRETS = [PASSWORD, f"{USER}:{PASSWORD}", BASIC]


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with private_index() as index:
        yield index


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the flag that gives the credentials to a build, as the service's README says."""
    file = tmp_path_factory.mktemp("secret") / "netrc"
    file.write_text(NETRC)
    return f"{NETWORK} --secret id=netrc,src={file}"


def using(index: Index, workshop: Workshop, package: str, **answers: object) -> Service:
    """Return a job that depends on a package of the private index."""
    name = f"job-{package}"
    folder = workshop.write(name, "job", "slim", "3.13", package_index=index.url, **answers)
    project = folder / "pyproject.toml"
    text = project.read_text("utf-8")
    project.write_text(text.replace("dependencies = [", f'dependencies = [\n    "{package}",', 1))
    workshop.lock(folder, **index.credentials)
    return workshop.finish(folder, name, "job")


@pytest.fixture(scope="module")
def service(workshop: Workshop, index: Index) -> Service:
    """Return a service that needs the private index."""
    return using(index, workshop, "acme-greeting")


@pytest.fixture(scope="module")
def output(service: Service, secret: str) -> str:
    """Return what the build with credentials said."""
    return service.make("image", "--no-cache", secret)


def test_10_a_build_without_credentials_fails(service: Service) -> None:
    with pytest.raises(BuildFailed, match="401"):
        service.make("image", "--no-cache", NETWORK)


def test_a_build_asks_the_mirror_that_make_was_told_of(workshop: Workshop, index: Index) -> None:
    mirrored = workshop.service("job", "slim", "3.13")
    with pytest.raises(BuildFailed, match="401"):  # by the index of these tests, and no other
        mirrored.make("image", NETWORK, POETRY_PYPI_MIRROR_URL=index.url)


def test_10_a_build_with_credentials_has_the_package(service: Service, output: str) -> None:
    run = service.image.docker["run", "--rm", "--network=none", HARDENED, service.image.name]
    assert run("python", "-c", "import acme_greeting as a; print(a.HELLO)") == "hello\n"


def test_10_no_part_of_the_image_keeps_the_credentials(service: Service, output: str) -> None:
    checks.keeps_no_secret(service.image.contents(), SECRETS)


def test_10_the_build_does_not_print_the_credentials(output: str) -> None:
    checks.keeps_no_secret([("output", output.encode())], SECRETS)


def test_10_no_stage_of_the_build_keeps_the_credentials(
    service: Service, output: str, secret: str, tmp_path: Path
) -> None:
    dockerfile = service.dockerfile.read_text("utf-8")
    stages = re.findall(r"^FROM \S+ AS (\w+)$(.*?)(?=^FROM )", dockerfile, re.MULTILINE | re.DOTALL)
    trusted = [stage for stage, body in stages if "id=netrc" in body]
    assert trusted
    for stage in trusted:
        archive = tmp_path / stage
        service.make("image", f"--target={stage}", f"--output=type=tar,dest={archive}", secret)
        checks.keeps_no_secret([(stage, archive.read_bytes())], SECRETS)
        archive.unlink()


@pytest.mark.parametrize(
    "lines",
    [
        [f"ENV INDEX=http://{USER}:{PASSWORD}@127.0.0.1/"],
        ["LABEL index=YnVpbGQtdXNlcjpzM2NyZXQvb2YrdGhlOmluZGV4"],
        [
            "COPY --chmod=600 netrc /app/.netrc",
            "USER 0",
            'RUN ["python", "-c", "import os; os.unlink(\'/app/.netrc\')"]',
        ],
        [f"ARG PASSWORD={PASSWORD}", 'RUN ["python", "--version"]'],
    ],
    ids=["variable", "label in base64", "file that is removed again", "argument in the history"],
)
def test_10_the_search_finds_a_planted_secret(
    service: Service, output: str, lines: list[str]
) -> None:
    image = spoil(service, *lines, netrc=NETRC)
    with pytest.raises(AssertionError):
        checks.keeps_no_secret(image.contents(), SECRETS)


# ---- the owner's slots, one of which is for packages that come as source


@pytest.fixture(scope="module")
def native(index: Index, workshop: Workshop, secret: str) -> Service:
    """Return a service with a package that comes as C source."""
    service = using(index, workshop, "acme-native", build_packages=["gcc", "libc6-dev"])
    service.make("image", secret)
    return service


def test_build_packages_compile_a_dependency_and_stay_out_of_the_image(native: Service) -> None:
    run = native.image.docker["run", "--rm", "--network=none", HARDENED, native.image.name]
    assert run("python", "-c", "import acme_native as a; print(a.answer())") == "42\n"
    checks.adds_only_the_service(native.image)
