"""With all that telling takes the image keeps its contract, and the code its own tools' favour."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Render
from tests.image import checks
from tests.image.containers import ask
from tests.image.lives import live, stop_idle
from tests.image.load import stop_under_load
from tests.observability.conftest import ANSWER, IMAGES, Observed
from tests.render.support import BIN, KINDS, run


@pytest.mark.parametrize(("kind", "base"), IMAGES)
def test_the_image_keeps_its_contract(observed: Observed, kind: str, base: str) -> None:
    service = observed(kind, base)
    image = service.image
    checks.starts_python_directly(image)
    checks.adds_only_the_service(image)
    checks.belongs_to_root(image)
    identity = ask(image, "identity")
    checks.runs_as_nobody(image, identity)
    checks.needs_no_more(identity)
    checks.has_bytecode_for_all(image)
    checks.resolves(ask(image, "libraries"))
    life = live(image, kind, service.network)
    assert life.exit_code == 0
    checks.compiles_nothing(life)
    if kind != "job":
        checks.ends_when_told(lambda: stop_idle(image, kind, service.network))


def test_a_stop_loses_nothing(observed: Observed) -> None:
    checks.loses_nothing(stop_under_load(observed("web", "slim")))


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_and_mypy_find_nothing(
    render: Render, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = render(service_kind=kind, **ANSWER)
    cache = tmp_path_factory.getbasetemp() / "mypy"
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": ""}
    checked = run(BIN / "mypy", "--cache-dir", cache, cwd=made)
    assert checked.code == 0, checked.output
    command = sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"
    tested = run(*command, cwd=made, env=quiet)
    assert tested.code == 0, tested.output
