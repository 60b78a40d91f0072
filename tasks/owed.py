"""What options need in files that are the service's own, which no update writes.

It is said after each update, until the file has it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

TEMPLATE = Path(__file__).parent.parent
MANIFEST = TEMPLATE / "template/pyproject.toml.jinja"


class Step(NamedTuple):
    """Something to do in a file, and the pattern that is found there once it is done."""

    file: str
    has: str
    do: str


def adding(*names: str) -> str:
    """Return the command that adds these packages, at the versions that a new service has."""
    wanted = "|".join(map(re.escape, names))
    found = re.findall(rf'^    "((?:{wanted})[^"]*)",$', MANIFEST.read_text("utf-8"), re.MULTILINE)
    return f"make add PACKAGES='{' '.join(found)}'"


def canary(way: str, slug: str) -> Iterator[Step]:
    """Yield what `canary: rollouts` or `gateway` needs in each environment."""
    deploy = tomllib.loads((TEMPLATE / "standard.toml").read_text("utf-8"))["deploy"]
    for name in deploy["environments"]:
        own = f"deploy/overlays/{name}/settings/kustomization.yaml"
        if way == "rollouts":
            replicas = f"replicas: [{{name: {slug}, count: 0}}]"
            yield Step(own, "count: 0", f"{own}, once its Rollout is Healthy: {replicas}")
        else:
            hosts = [f"{slug}.{name}.{deploy['gateway']['domain']}"]
            route = json.dumps([{"op": "add", "path": "/spec/hostnames", "value": hosts}])
            patches = f"patches: [{{target: {{kind: HTTPRoute}}, patch: '{route}'}}]"
            yield Step(own, "hostnames", f"{own}, which name it answers to: {patches}")


def serving(package: str) -> Iterator[Step]:
    """Yield what `serving: true` needs."""
    main = f"{package}/main.py"
    yield Step(
        main,
        r"serving\.run\(",
        f"{main}, from {package} import serving, and instead of class Server and the lines of "
        "main() that prepare and run it: serving.run(app, host=settings.host, "
        "port=settings.port, drain_delay=settings.drain_delay)",
    )


def telemetry(package: str, kind: str) -> Iterator[Step]:
    """Yield what `observability: opentelemetry` needs."""
    main = f"{package}/main.py"
    scraped = [] if kind == "job" else ["opentelemetry-exporter-prometheus"]
    packages = ["opentelemetry-exporter-otlp", *scraped, "opentelemetry-sdk"]
    yield Step("pyproject.toml", "opentelemetry-sdk", adding(*packages))
    yield Step(
        main,
        r"telemetry\.start\(",
        f"{main}, from {package} import telemetry, and in main() below configure_logs(...): "
        "telemetry.start(settings.app_version)",
    )
    if kind == "web":
        do = f"{main}, in FastAPI(...): telemetry=telemetry.HTTP"
        yield Step(main, r"telemetry\.HTTP", do)
    else:
        do = f'{main}, above def work(): @telemetry.unit("work")'
        yield Step(main, r"telemetry\.unit\(", do)
    own = f"{package}/telemetry.py"
    yield Step(own, r"def start\(", f"{own} is your own: it needs what a new service has there")


def database(package: str, kind: str, slug: str) -> Iterator[Step]:
    """Yield what `database: postgresql` needs."""
    yield Step("pyproject.toml", r"psycopg\[", adding("alembic", "psycopg", "sqlalchemy"))
    settings = f"{package}/settings.py"
    address = f"postgresql://postgres:postgres@localhost/{slug}"
    yield Step(
        settings,
        "database_url",
        f"{settings}, import pydantic, and in class Settings: "
        "database_url: pydantic.Secret[pydantic.PostgresDsn] = "
        f'pydantic.Secret(pydantic.PostgresDsn("{address}"))',
    )
    own = f"{package}/database.py"
    yield Step(
        own,
        r"def answers\(",
        f"{own} is your own: it needs Base, engine and answers(), as a new service has them",
    )
    yield Step(
        "alembic.ini",
        r"^script_location\s*=\s*(\./|%\(here\)s/)?migrations/?\s*$",
        "alembic.ini is your own: it needs script_location = %(here)s/migrations, and your "
        "versions go into migrations/versions",
    )
    yield Step(
        "migrations/env.py",
        "(?i)database",
        f"migrations/env.py is your own: it needs Base and engine of {own}, as a new service does",
    )
    if kind == "web":
        main, tests = f"{package}/main.py", "tests/test_main.py"
        yield Step(
            main,
            r"database\.answers\(\)",
            f"{main}, from {package} import database, and where /health/ready is answered, by def "
            "and not async def, since it waits: ready only if database.answers()",
        )
        yield Step(
            tests,
            "database",
            f"{tests}, since no test has a database: "
            'monkeypatch.setattr(database, "answers", lambda: True)',
        )


def steps(answers: dict[str, Any]) -> Iterator[Step]:
    """Yield all that the answers of a service need; none is there that it was never asked."""
    package, kind = answers.get("app_package", "app"), answers.get("service_kind", "web")
    slug = answers["project_slug"]
    web = kind == "web"
    deployed = answers.get("deploy") == "kustomize"
    if web and deployed and (way := answers.get("canary")) in ("rollouts", "gateway"):
        yield from canary(way, slug)
    if answers.get("observability") == "opentelemetry":
        yield from telemetry(package, kind)
    if web and answers.get("serving"):
        yield from serving(package)
    if answers.get("database") == "postgresql":
        yield from database(package, kind, slug)


def left(answers: dict[str, Any]) -> list[str]:
    """Return what is still to be done in the service, which is the working directory."""
    return [
        step.do
        for step in steps(answers)
        if (file := Path(step.file)).exists()
        and not re.search(step.has, file.read_text("utf-8"), re.MULTILINE)
    ]
