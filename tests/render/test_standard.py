"""A fork edits standard.toml alone: every service follows, and a mistake in it is named."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from plumbum import local

from .conftest import Copier, Refused
from .support import DEFAULT, OTHER, PYTHONS, STANDARD, Fork


def image(base: str, python: str = DEFAULT) -> str:
    """Return the name of the image that a base runs on, as the standard forms it."""
    debian = STANDARD["base"][base].get("debian", STANDARD["python"][python]["debian"])
    number = STANDARD["debian"][debian]
    runtime: str = STANDARD["base"][base]["runtime"]
    return runtime.format(python=python, debian=debian, debian_number=number)


SLIM, DISTROLESS, CUSTOM = map(image, ("slim", "distroless", "custom"))
DIGEST = f"sha256:{'0123456789abcdef' * 4}"

COPY = "--trust", "--defaults", "--vcs-ref=HEAD", "--skip-tasks"

Make = Callable[..., Path]


@pytest.fixture
def make(fork: Fork, copier: Copier, tmp_path: Path) -> Make:
    """Return `make(**answers)`: a new service from the fork."""

    number = itertools.count()

    def make(**answers: str) -> Path:
        service = tmp_path / str(next(number)) / "service"
        data = [part for k, v in answers.items() for part in ("--data", f"{k}={v}")]
        made = copier("copy", *COPY, *data, fork.path, service)
        assert made.code == 0, made
        return service

    return make


def bases(service: Path) -> set[str]:
    """Return the images that the Dockerfile begins from; not its own stages."""
    dockerfile = (service / "Dockerfile").read_text("utf-8")
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", dockerfile, re.MULTILINE)
    return {image for image, _ in stages} - {name for _, name in stages}


def answers(service: Path) -> dict[str, object]:
    """Return the stored answers."""
    stored = yaml.safe_load((service / ".copier-answers.yml").read_text("utf-8"))
    assert isinstance(stored, dict)
    return stored


@pytest.mark.parametrize(("base", "images"), [("slim", {SLIM}), ("distroless", {SLIM, DISTROLESS})])
def test_public_images_come_through_the_mirror(
    fork: Fork, make: Make, base: str, images: set[str]
) -> None:
    assert bases(make(base_image=base)) == images
    fork.standard('^mirror = ""', 'mirror = "mirror.example.com/hub"')
    through = {f"mirror.example.com/hub/{image}" for image in images}
    assert bases(make(base_image=base)) == through


def test_the_organisations_own_image_does_not_come_through_the_mirror(
    fork: Fork, make: Make
) -> None:
    fork.standard('^mirror = ""', 'mirror = "mirror.example.com/hub"')
    made = bases(make(base_image="custom"))
    assert CUSTOM in made
    assert not [image for image in made if "mirror" in image]


def test_a_pinned_image_is_taken_by_its_digest_and_says_so(fork: Fork, make: Make) -> None:
    fork.standard(r"^\[digests\]", f'[digests]\n"{SLIM}" = "{DIGEST}"')
    service = make()
    assert bases(service) == {f"{SLIM}@{DIGEST}"}
    labels = (service / "Dockerfile").read_text("utf-8")
    assert f"org.opencontainers.image.base.name={SLIM}" in labels
    assert f"org.opencontainers.image.base.digest={DIGEST}" in labels
    assert bases(make(python_version=OTHER)) == {image("slim", OTHER)}


def test_a_pinned_image_comes_through_the_mirror_too(fork: Fork, make: Make) -> None:
    fork.standard(r"^\[digests\]", f'[digests]\n"{DISTROLESS}" = "{DIGEST}"')
    fork.standard('^mirror = ""', 'mirror = "mirror.example.com/hub/"')
    mirrored = {f"mirror.example.com/hub/{SLIM}", f"mirror.example.com/hub/{DISTROLESS}@{DIGEST}"}
    assert bases(make(base_image="distroless")) == mirrored


@pytest.mark.parametrize("python", [python for python in PYTHONS if python != DEFAULT])
def test_a_base_without_the_python_carries_it_on_another_image(make: Make, python: str) -> None:
    base = STANDARD["base"]["distroless"]
    names = {"python": python, "debian": "trixie", "debian_number": 13}
    carried = base["carried"]["runtime"].format(**names)
    service = make(base_image="distroless", python_version=python)
    assert bases(service) == {base["builder"].format(**names), carried}
    dockerfile = (service / "Dockerfile").read_text("utf-8")
    assert f'"{base["carried"]["interpreter"].format(python=python)}"' in dockerfile
    assert f"image.base.name={carried}" in dockerfile


def test_another_package_index_is_proposed(fork: Fork, make: Make) -> None:
    url = "https://packages.example.com/simple/"
    fork.standard('^url = ""', f'url = "{url}"')
    service = make()
    assert answers(service)["package_index"] == url
    project = tomllib.loads((service / "pyproject.toml").read_text("utf-8"))
    assert [source["url"] for source in project["tool"]["poetry"]["source"]] == [url]
    assert f":-{url}}}" in (service / "Dockerfile").read_text("utf-8")


@pytest.mark.parametrize(
    ("was", "is_now", "question", "answer"),
    [
        ('^python_version = ".*"', f'python_version = "{OTHER}"', "python_version", OTHER),
        ('^base_image = "slim"', 'base_image = "custom"', "base_image", "custom"),
        ("^port = 8000", "port = 9000", "port", 9000),
        ("^uid = 10001", "uid = 1000", "uid", 1000),
        ('^images = ""', 'images = "ghcr.io/acme"', "image_repository", "ghcr.io/acme/service"),
    ],
)
def test_another_default_is_proposed(
    fork: Fork, make: Make, was: str, is_now: str, question: str, answer: object
) -> None:
    fork.standard(was, is_now)
    assert answers(make())[question] == answer


def test_another_poetry_locks(fork: Fork, make: Make) -> None:
    fork.standard('^version = ".*"', 'version = "2.9.9"')
    service = make()
    assert "2.9.9" in (service / "Makefile").read_text("utf-8")


def test_another_uv_installs_and_is_taken_by_its_version_until_its_hashes_are_known(
    fork: Fork, make: Make
) -> None:
    fork.standard(r'^version = ".*"( # what installs)', r'version = "99.0.0"\1')
    assert '"uv", "uv==99.0.0"]' in (make() / "Dockerfile").read_text("utf-8")


def test_a_new_python_is_offered(fork: Fork, make: Make) -> None:
    new = '[python."3.15"]\nend_of_life = 2031-10-31\ndebian = "trixie"\n\n[debian]'
    fork.standard(r"^\[debian\]", new)
    assert bases(make(python_version="3.15")) == {"python:3.15-slim-trixie"}


RETIRED = rf'^\[python\."{OTHER}"\]', f'[python."{OTHER}"]\nretired = true'


def test_a_retired_python_is_offered_to_no_new_service(fork: Fork, refused: Refused) -> None:
    fork.standard(*RETIRED)
    sentence = refused("--data", f"python_version={OTHER}", template=fork.path)
    assert sentence.startswith("python_version: ")
    assert f"choose one of {', '.join(v for v in PYTHONS if v != OTHER)}" in sentence


def test_a_service_on_a_python_that_retires_keeps_it_and_is_told(
    fork: Fork, make: Make, copier: Copier
) -> None:
    service = Fork(make(python_version=OTHER))
    service.git("init", "--quiet")
    service.commit("Make the service")
    fork.standard(*RETIRED)
    fork.standard("^uid = 10001(.*)", r"uid = 10002\1")
    fork.standard('^version = ".*"', 'version = "2.9.9"')
    with local.cwd(service.path):
        updated = copier("update", "--trust", "--defaults", "--vcs-ref=HEAD")
    assert updated.code == 0, updated
    assert f"Python {OTHER} is retired" in updated.errors
    assert answers(service.path)["python_version"] == OTHER
    assert bases(service.path) == {image("slim", OTHER)}
    assert "2.9.9" in (service.path / "Makefile").read_text("utf-8")


@pytest.mark.parametrize(
    ("was", "is_now", "named"),
    [
        (r"\[registry\]", "[registry", "line"),
        (r"\[poetry\]\nversion = .*", "", "poetry"),
        (r"^mirror = .*", "", "mirror"),
        (r'debian = "bookworm"', 'debian = "buster"', "buster"),
        (r'^python_version = ".*"', 'python_version = "3.8"', "3.8"),
        (r'^base_image = "slim"', 'base_image = "alpine"', "alpine"),
        (r'^python_version = ".*"', 'python_version = ""', "python_version"),
        (r"-slim-\{debian\}", "-slim-{debain}", "debain"),
        (r'^end_of_life = 2027-10-31\ndebian = "bookworm"', "", "end_of_life"),
    ],
)
def test_a_mistake_in_the_standard_is_named_in_one_sentence(
    fork: Fork, refused: Refused, was: str, is_now: str, named: str
) -> None:
    fork.standard(was, is_now)
    sentence = refused(template=fork.path)
    assert "standard.toml" in sentence
    assert named in sentence


def test_a_standard_that_is_not_there_is_named_in_one_sentence(
    fork: Fork, refused: Refused
) -> None:
    (fork.path / "standard.toml").unlink()
    fork.commit("Lose the standard")
    assert "standard.toml" in refused(template=fork.path)


def test_the_standard_says_who_asks_for_metrics_and_who_is_sent_traces(
    fork: Fork, make: Make
) -> None:
    fork.standard("^operator = true", "operator = false")
    fork.standard('(?<=collector] # )(.*)\naddress = ""', r'\1\naddress = "http://traces:4318"')
    telling = {"observability": "opentelemetry", "deploy": "kustomize"}
    sent = {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://traces:4318"}
    for kind, file in {"web": "deployment.yaml", "job": "job.yaml"}.items():
        base = make(service_kind=kind, **telling) / "deploy/base"
        pod = yaml.safe_load((base / file).read_text("utf-8"))["spec"]["template"]
        assert sent in pod["spec"]["containers"][0]["env"]
        annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "9464"}
        assert pod["metadata"].get("annotations") == (annotations if kind == "web" else None)
        assert "podmonitor" not in (base / "kustomization.yaml").read_text("utf-8")
        assert not (base / "podmonitor.yaml").exists()
