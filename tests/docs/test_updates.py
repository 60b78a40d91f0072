"""The organisation's standard, its releases, and what of them services get: no engine is needed."""

from __future__ import annotations

from pathlib import Path

import yaml

from tasks.releases import releases as recorded
from tests.docs.conftest import Desk
from tests.docs.pages import Step, page


def stored(service: Path) -> dict[str, object]:
    """Return a service's answers."""
    return dict(yaml.safe_load((service / ".copier-answers.yml").read_text("utf-8")))


def test_a_release_of_the_standard_reaches_services_as_its_page_says(desk: Desk) -> None:
    shell = desk()
    services = shell.folder.parent
    answers = "python_version=3.11 image_repository=hub.example.com/orders"
    shell.take(Step(f'make new DEST=../orders ANSWERS="{answers}"'))
    shell.play(page("standard.md"))
    assert (
        "FROM python:3.11-slim-bookworm AS builder" in (services / "orders/Dockerfile").read_text()
    )
    assert stored(services / "orders")["image_repository"] == "hub.example.com/orders"
    newest = next(reversed(recorded()))
    assert stored(services / "orders")["_commit"] == f"v{newest}+acme.1"
    assert stored(services / "trial")["image_repository"] == "ghcr.io/acme/trial"


def test_a_service_lives_on_the_plain_edition_as_its_page_says(releases: Desk) -> None:
    shell = releases()
    for command in (
        "git init --quiet --bare ../forge/plain.git",
        "cd .. && copier copy --trust --defaults --quiet https://github.com/acme/"
        "copier-poetry-service.git orders; cd copier-poetry-service",
    ):
        shell.take(Step(command))
    shell.play(page("plain.md"))
    assert stored(shell.folder)["_src_path"] == "https://github.com/acme/plain.git"


def test_a_service_gets_a_release_as_the_pages_say(releases: Desk) -> None:
    shell = releases("1.4.0")
    for command in (
        "copier copy --trust --defaults --vcs-ref=v1.1.0 https://github.com/acme/"
        "copier-poetry-service.git ../orders",
        "cd ../orders",
    ):
        shell.take(Step(command))
    [told] = [b for b in page("README.md").to_run if b.steps[0].command == "make update"]
    shell.take(told.steps[0])
    shell.take(Step("git reset --hard && git clean --force -d"))
    shell.play(page("updating.md"))
    assert stored(shell.folder)["_commit"] == "v1.4.0"
    assert stored(shell.folder)["python_version"] == "3.14"
