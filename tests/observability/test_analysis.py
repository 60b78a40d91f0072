"""What analyses a canary finds what it asks for: its own queries, asked of a real Prometheus."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Render
from tests.image.containers import until
from tests.observability.conftest import ANSWER, Observed, name
from tests.observability.servers import prometheus
from tests.observability.support import get, started

NAMESPACE, PODS = "shop", "6b9f8d7c54"


@pytest.fixture
def metrics(render: Render) -> dict[str, Any]:
    """Return what the analysis measures, by name."""
    made = render(project_slug=name("web", "slim"), deploy="kustomize", canary="rollouts", **ANSWER)
    template = yaml.safe_load((made / "deploy/base/analysistemplate.yaml").read_text("utf-8"))
    return {metric["name"]: metric for metric in template["spec"]["metrics"]}


def query(metric: dict[str, Any], pods: str = PODS) -> str:
    """Return the query of a metric as the controller asks it."""
    text = str(metric["provider"]["prometheus"]["query"])
    return text.replace("{{args.namespace}}", NAMESPACE).replace("{{args.pods}}", pods)


def bound(metric: dict[str, Any]) -> float:
    """Return what the number must be less than."""
    found = re.search(r"< ([\d.]+)$", metric["successCondition"])
    assert found
    return float(found[1])


def test_its_queries_tell_a_good_version_from_one_that_fails(
    observed: Observed, metrics: dict[str, Any], tmp_path: Path
) -> None:
    errors, seconds = query(metrics["errors"]), query(metrics["seconds"])
    scraped = query(metrics["scraped"])
    pod = f"{name('web', 'slim')}-{PODS}-x2x4q"
    with (
        started(observed("web", "slim")) as (container, port),
        prometheus(tmp_path, port, namespace=NAMESPACE, pod=pod) as server,
    ):
        until(lambda: server.numbers(f'up{{pod="{pod}"}}') == [1], "the first scrape")
        assert server.numbers(scraped) == [1]
        assert server.numbers(query(metrics["scraped"], pods="5c8b7f6d43")) == []
        assert server.numbers(errors) == []  # no traffic is no failure
        assert server.numbers(seconds) == []

        def asked(path: str) -> list[float]:
            get(container.port, path)
            return [number for number in server.numbers(errors) if number == number]

        until(lambda: asked("/orders/7"), "a number")
        assert server.numbers(errors) == [0]
        [slowest] = server.numbers(seconds)
        assert slowest > 0
        assert bound(metrics["seconds"]) == 0.5

        until(lambda: asked("/broken")[0] > bound(metrics["errors"]), "the failures")
        assert server.numbers(query(metrics["errors"], pods="5c8b7f6d43")) == []
