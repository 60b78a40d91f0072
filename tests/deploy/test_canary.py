"""A share of production for a new version; what the cluster gets after each command."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.conftest import Open
from tests.deploy.models import mistakes
from tests.deploy.shops import ENVIRONMENTS, Shop
from tests.deploy.tools import of_kind

OLD, NEW = "1.4.1", "1.4.2"


def ready(opened: Open, canary: str, **answers: str) -> Shop:
    """Return a shop whose production has the old version, and whose staging has had the new one."""
    shop = opened(canary=canary, **answers)
    for environment in ENVIRONMENTS:
        shop.does("promote", f"VERSION={OLD}", f"TO={environment}")
    for environment in ENVIRONMENTS[:-1]:
        shop.does("promote", f"VERSION={NEW}", f"TO={environment}")
    return shop


def pods(shop: Shop) -> dict[str, int]:
    """Return how many pods each version has in production."""
    return {
        item["metadata"]["labels"]["app.kubernetes.io/version"]: item["spec"]["replicas"]
        for item in of_kind(shop.built("production"), "Deployment")
    }


def selected(items: list[dict[str, Any]], service: str) -> set[str]:
    """Return the versions whose pods a Service sends requests to."""
    [found] = [i for i in of_kind(items, "Service") if i["metadata"]["name"] == service]
    labels = [i["spec"]["template"]["metadata"]["labels"] for i in of_kind(items, "Deployment")]
    wanted = found["spec"]["selector"].items()
    return {have["app.kubernetes.io/version"] for have in labels if wanted <= have.items()}


def ends_as_it_began(shop: Shop, before: list[dict[str, Any]]) -> None:
    """Abort, and see that production is what it was."""
    assert f"Abort the canary {NEW}" in shop.does("canary", "ABORT=1")
    assert shop.built("production") == before
    assert shop.refuses("canary", "ABORT=1") == "production has no canary."
    assert "make" not in shop.does("releases").splitlines()[3]  # what was aborted is not next


def test_by_numbers_of_pods(opened: Open) -> None:
    shop = ready(opened, "replicas")
    before = shop.built("production")
    said = shop.does("canary", f"VERSION={NEW}", "WEIGHT=5")
    assert said.startswith(f"Give {NEW} 5 % (1 of 20 pods) of production: committed")
    assert shop.runs("production") == {v: shop.digests[v] for v in (OLD, NEW)}
    assert pods(shop) == {OLD: 19, NEW: 1}
    assert selected(shop.built("production"), "shop") == {OLD, NEW}
    shop.does("canary", "WEIGHT=50")
    assert pods(shop) == {OLD: 1, NEW: 1}
    ends_as_it_began(shop, before)
    shop.does("canary", f"VERSION={NEW}", "WEIGHT=50")
    shop.does("canary", "WEIGHT=100")
    assert shop.runs("production") == {NEW: shop.digests[NEW]}
    assert pods(shop) == {NEW: 2}


def test_what_production_has_of_its_own_its_canary_has_too(opened: Open) -> None:
    shop = ready(opened, "replicas")
    shop.patch(
        "production",
        "replicas:\n- name: shop\n  count: 6\n"
        "configMapGenerator:\n- name: words\n  literals: [GREETING=hello]\n"
        "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n"
        "    metadata:\n      name: shop\n    spec:\n      template:\n        spec:\n"
        "          containers:\n          - name: web\n            envFrom:\n"
        "            - configMapRef:\n                name: words\n",
    )
    shop.does("canary", f"VERSION={NEW}", "WEIGHT=50")
    assert pods(shop) == {OLD: 3, NEW: 3}
    items = shop.built("production")
    [words] = [item["metadata"]["name"] for item in of_kind(items, "ConfigMap")]
    for item in of_kind(items, "Deployment"):
        [container] = item["spec"]["template"]["spec"]["containers"]
        assert container["envFrom"] == [{"configMapRef": {"name": words}}]


PATCH = (
    "patches:\n- target:\n    kind: Deployment\n  patch: |-\n"
    "    - op: replace\n      path: /spec/replicas\n      value: 10\n"
)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("replicas:\n- name: shop\n  count: 10\n", True),
        ("# no more replicas\nreplicas: [{name: shop, count: 10}] # than these\n", True),
        ("replicas:\n- count: 10\n  name: shop\n", False),
        ("replicas:\n- name: 'shop'\n  count: 10\n", False),
        (PATCH, False),
        (f"replicas:\n- name: shop\n  count: 10\n{PATCH}", False),
        ("patches:\n- path: more.yaml\n", False),
    ],
)
def test_a_share_is_one_of_the_pods_that_production_has_or_is_refused(
    opened: Open, text: str, known: bool
) -> None:
    shop = ready(opened, "replicas")
    more = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {replicas: 10}\n"
    (shop.overlays / "production/settings/more.yaml").write_text(more, "utf-8")
    shop.patch("production", text)
    assert pods(shop) == {OLD: 10}
    if known:
        assert "(5 of 10 pods)" in shop.does("canary", f"VERSION={NEW}", "WEIGHT=50")
        assert pods(shop) == {OLD: 5, NEW: 5}
    else:
        assert shop.refuses("canary", f"VERSION={NEW}", "WEIGHT=50") == (
            "deploy/overlays/production/settings/kustomization.yaml does not say once how many "
            "pods production has, as `replicas: [{name: shop, count: 6}]`, "
            "so no share can be worked out."
        )


def test_a_canary_waits_until_the_rollout_has_all_pods(opened: Open) -> None:
    shop = ready(opened, "rollouts")
    settings = shop.overlays / "production/settings/kustomization.yaml"
    text = settings.read_text("utf-8")
    settings.write_text(text.partition("replicas:\n")[0], "utf-8")
    shop.commit()
    assert pods(shop) == {OLD: 2}
    assert shop.refuses("canary", f"VERSION={NEW}", "WEIGHT=5") == (
        f"The Deployment has pods beside the Rollout's, and all would be {NEW}: once the "
        "Rollout is Healthy, write `replicas: [{name: shop, count: 0}]` into "
        "deploy/overlays/production/settings/kustomization.yaml."
    )
    shop.patch("production", "replicas: [{name: shop, count: 0}]\n")
    shop.does("canary", f"VERSION={NEW}", "WEIGHT=5")
    assert pods(shop) == {NEW: 0}


def test_by_weights_of_a_route(opened: Open) -> None:
    shop = ready(opened, "gateway")
    before = shop.built("production")
    for weight in (5, 50):
        shop.does("canary", f"VERSION={NEW}", f"WEIGHT={weight}")
        items = shop.built("production")
        assert shop.runs("production") == {v: shop.digests[v] for v in (OLD, NEW)}
        [route] = of_kind(items, "HTTPRoute")
        [rule] = route["spec"]["rules"]
        assert rule["backendRefs"] == [
            {"name": "shop", "port": 80, "weight": 100 - weight},
            {"name": "shop-canary", "port": 80, "weight": weight},
        ]
        assert route["spec"]["hostnames"] == ["shop.production.example.com"]
        assert selected(items, "shop") == {OLD}
        assert selected(items, "shop-canary") == {NEW}
        assert mistakes([route]) == ""
    ends_as_it_began(shop, before)
    shop.does("canary", f"VERSION={NEW}", "WEIGHT=100")
    assert shop.runs("production") == {NEW: shop.digests[NEW]}
    assert [i["metadata"]["name"] for i in of_kind(shop.built("production"), "Service")] == ["shop"]


@pytest.mark.parametrize("observability", ["opentelemetry", "none"])
def test_by_argo_rollouts(opened: Open, observability: str) -> None:
    shop = ready(opened, "rollouts", observability=observability)
    before = shop.built("production")
    assert pods(shop) == {OLD: 0}
    for weight in (5, 50):
        said = shop.does("canary", f"VERSION={NEW}", f"WEIGHT={weight}")
        assert said.endswith("at least one pod, and exact only with a traffic router.")
        items = shop.built("production")
        # The controller keeps the old one for the other requests, and goes back to it by itself.
        assert shop.runs("production") == {NEW: shop.digests[NEW]}
        [rollout] = of_kind(items, "Rollout")
        assert rollout["spec"]["strategy"]["canary"]["steps"] == [
            {"setWeight": weight},
            {"pause": {}},
        ]
        templates = of_kind(items, "AnalysisTemplate")
        names = [template["metadata"]["name"] for template in templates]
        analysis = rollout["spec"]["strategy"]["canary"].get("analysis", {"templates": []})
        assert [used["templateName"] for used in analysis["templates"]] == names
        assert len(names) == (observability != "none")  # without metrics a person decides
        assert mistakes([rollout, *templates]) == ""
    assert shop.does("releases").splitlines()[-2].split()[:4] == ["production", OLD, "(50", "%)"]
    ends_as_it_began(shop, before)
    shop.does("canary", f"VERSION={NEW}", "WEIGHT=100")
    [rollout] = of_kind(shop.built("production"), "Rollout")
    assert rollout["spec"]["strategy"]["canary"]["steps"] == []
    assert shop.runs("production") == {NEW: shop.digests[NEW]}


def test_what_a_canary_refuses(opened: Open) -> None:
    shop = opened(canary="replicas")
    assert shop.refuses("canary", "WEIGHT=5") == (
        "production has no canary: say which version, as VERSION=1.4.2."
    )
    assert "production runs nothing yet" in shop.refuses("canary", "VERSION=1.4.2", "WEIGHT=5")
    for environment in ENVIRONMENTS:
        shop.does("promote", f"VERSION={OLD}", f"TO={environment}")
    assert shop.refuses("canary", f"VERSION={NEW}", "WEIGHT=5") == (
        f"{NEW} has not been in staging: run `make promote VERSION={NEW} TO=staging` first."
    )
    assert shop.refuses("canary", f"VERSION={OLD}", "WEIGHT=5", "TO=staging") == (
        "Only production has a canary: leave out TO=staging."
    )
    for weight in ("0", "101", "five", ""):
        assert "a number from 1 to 100" in shop.refuses("canary", f"WEIGHT={weight}")
    for environment in ENVIRONMENTS[:-1]:
        shop.does("promote", f"VERSION={NEW}", f"TO={environment}")
    shop.does("canary", f"VERSION={NEW}", "WEIGHT=5")
    assert f"{NEW} is the canary" in shop.refuses("canary", f"VERSION={OLD}", "WEIGHT=5")
    assert f"{NEW} has a share" in shop.refuses("rollback", "TO=production")
    assert f"{NEW} has 5 %" in shop.refuses("promote", f"VERSION={OLD}", "TO=production")
    lines = [line.split() for line in shop.does("releases").splitlines()[-2:]]
    assert lines[0][:4] == ["production", OLD, "(95", "%)"]
    assert lines[0][-3:] == ["make", "canary", "WEIGHT=50"]
    assert lines[1][:3] == [NEW, "(5", "%)"]
    shop.does("promote", f"VERSION={NEW}", "TO=production")
    assert shop.runs("production") == {NEW: shop.digests[NEW]}


@pytest.mark.parametrize(
    ("replicas", "weight", "most", "pods"),
    [
        (2, 5, 20, (19, 1)),
        (2, 50, 20, (1, 1)),
        (3, 50, 20, (2, 2)),
        (40, 5, 20, (38, 2)),
        (2, 1, 20, (19, 1)),
        (2, 5, 10, (9, 1)),
        (1, 99, 20, (1, 19)),
    ],
)
def test_pods_are_the_fewest_that_come_nearest(
    split: Any, replicas: int, weight: int, most: int, pods: tuple[int, int]
) -> None:
    assert split(replicas, weight, most) == pods
