"""What a day's work brings is right for each kind of service, as far as files tell."""

from __future__ import annotations

import re

import pytest
import yaml

from .conftest import Service
from .support import BIN, KINDS, run

SLOTS = {"extra_paths": ["data", "conf/shop.ini"], "app_package": "shop"}


@pytest.mark.parametrize("database", ["none", "postgresql"])
@pytest.mark.parametrize("kind", KINDS)
def test_compose_watches_all_of_the_service_that_the_image_takes_in(
    service: Service, kind: str, database: str
) -> None:
    made = service(service_kind=kind, compose=True, database=database, **SLOTS)
    composed = yaml.safe_load((made / "compose.yaml").read_text("utf-8"))
    watched = [
        rule["path"]
        for part in composed["services"].values()
        for rule in part.get("develop", {"watch": []})["watch"]
    ]
    dockerfile = (made / "Dockerfile").read_text("utf-8")
    copied = re.findall(r"^COPY --chown=10001:10001 (\S+)", dockerfile, re.MULTILINE)
    assert sorted(watched) == sorted([*copied, "pyproject.toml", "poetry.lock"])
    migrations = ["migrations", "alembic.ini"] if database == "postgresql" else []
    assert copied == ["shop", "data", "conf/shop.ini", *migrations]


def test_the_image_takes_in_once_what_an_owner_had_named_before(service: Service) -> None:
    paths = ["alembic.ini", "migrations", "data"]
    made = service(database="postgresql", extra_paths=paths)
    dockerfile = (made / "Dockerfile").read_text("utf-8")
    copied = re.findall(r"^COPY --chown=10001:10001 (\S+)", dockerfile, re.MULTILINE)
    assert copied == ["app", *paths]


def test_hadolint_says_nothing_of_where_a_service_is_edited(service: Service) -> None:
    linted = run(BIN / "hadolint", "--no-color", "Dockerfile", cwd=service(devcontainer=True))
    assert (linted.output, linted.errors, linted.code) == ("", "", 0)


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_ruff_finds_nothing_in_what_asks_a_database(service: Service, kind: str) -> None:
    made = service(service_kind=kind, database="postgresql")
    for command in ("format", "--check"), ("check",):
        checked = run(BIN / "ruff", *command, "--no-cache", cwd=made)
        assert checked.code == 0, checked.output


ALL_OF_IT = {"database": "postgresql", "observability": "opentelemetry"}


@pytest.mark.parametrize("more", [{}, {"observability": "opentelemetry"}, ALL_OF_IT], ids=len)
@pytest.mark.parametrize("kind", KINDS)
def test_its_own_ruff_finds_nothing_where_its_package_has_the_longest_name(
    service: Service, kind: str, more: dict[str, str]
) -> None:
    made = service(service_kind=kind, app_package="p" * 63, **more)
    for command in ("format", "--check"), ("check",):
        checked = run(BIN / "ruff", *command, "--no-cache", cwd=made)
        assert checked.code == 0, checked.output


@pytest.mark.parametrize("kind", KINDS)
def test_pods_have_the_address_of_their_database_from_a_secret(service: Service, kind: str) -> None:
    made = service(service_kind=kind, database="postgresql", deploy="kustomize")
    name = "job" if kind == "job" else "deployment"
    workload = yaml.safe_load((made / f"deploy/base/{name}.yaml").read_text("utf-8"))
    [container] = workload["spec"]["template"]["spec"]["containers"]
    asked = {"name": "my-service", "key": "DATABASE_URL"}
    variable = {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": asked}}
    assert variable in container["env"]
