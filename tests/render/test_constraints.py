"""What comes with Poetry and uv is pinned for the versions that the standard names."""

from __future__ import annotations

import re

from .conftest import Service
from .support import ROOT, STANDARD

CONSTRAINTS = (ROOT / "template/.poetry-constraints.txt").read_text("utf-8")
MOVED = "a version in standard.toml has moved: run `make constraints`"


def test_they_are_of_the_standard_s_poetry() -> None:
    header, *lines = CONSTRAINTS.splitlines()
    assert f" Poetry {STANDARD['poetry']['version']} " in header, MOVED
    assert len(lines) > 30
    assert [line for line in lines if not re.match(r"[a-z0-9-]+==[^ ;]+( ; \S.*)?$", line)] == []
    assert [line for line in lines if line.startswith("poetry==")] == []  # it stands in one place


def test_a_service_installs_poetry_by_them(service: Service) -> None:
    made = service()
    assert (made / ".poetry-constraints.txt").read_text("utf-8") == CONSTRAINTS
    assert "--constraint .poetry-constraints.txt poetry==" in (made / "Makefile").read_text("utf-8")


def test_a_build_takes_no_uv_but_that_of_the_standard(service: Service) -> None:
    uv = STANDARD["uv"]
    assert list(uv["hashes"]) == [uv["version"]], MOVED
    line = " --hash=".join([f"uv=={uv['version']}", *uv["hashes"][uv["version"]]])
    assert f'"uv", "{line}"]' in (service() / "Dockerfile").read_text("utf-8")
