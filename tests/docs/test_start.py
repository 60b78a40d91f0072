"""From nothing to a running container, as the page of new services has it."""

from __future__ import annotations

import pytest
import yaml

from tests.docs.conftest import Desk
from tests.docs.pages import page
from tests.engine import Engine

pytestmark = pytest.mark.image


def test_who_follows_the_page_of_new_services_has_one_that_runs(desk: Desk, docker: Engine) -> None:
    for base in ("python:3.13-slim-trixie", "gcr.io/distroless/python3-debian13:nonroot"):
        docker.base(base)
    shell = desk(docker)
    checkout = shell.folder
    begin, *_ = page("README.md").to_run
    for step in begin.steps:
        shell.take(step)
    shell.folder = checkout
    shell.play(page("new-service.md"))
    shell.folder = checkout.parent / "my-service"
    shell.play(page("dockerfile.md"))
    shell.play(page("system-packages.md"))
    answers = {
        name: yaml.safe_load((checkout.parent / name / ".copier-answers.yml").read_text("utf-8"))
        for name in ("nightly", "nightly-report")
    }
    assert answers["nightly"]["base_image"] == "distroless"
    assert answers["nightly-report"]["build_packages"] == ["gcc"]
    assert not (checkout.parent / "shop").exists()
    for name, sentence in {"orders": "Takes orders.", "invoices": "A service built"}.items():
        made = checkout.parent / name
        assert sentence in (made / "README.md").read_text("utf-8")
        stored = yaml.safe_load((made / ".copier-answers.yml").read_text("utf-8"))
        assert stored["_src_path"].startswith("https://github.com/acme/")
