"""What every environment gets: right by schema, restricted, within the organisation's limits."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from tests.deploy import models, schemas
from tests.deploy.conftest import Service
from tests.deploy.restricted import violations
from tests.deploy.shops import ENVIRONMENTS
from tests.deploy.tools import built, of_kind
from tests.render.support import DEPLOYED, OBSERVED, STANDARD

LIMITS = STANDARD["deploy"]
TELLING = [answers for answers in OBSERVED if "deploy" in answers]
EXAMPLES = "argo-cd.yaml", "flux.yaml"

Item = dict[str, Any]

every_service = pytest.mark.parametrize(
    "answers", DEPLOYED, ids=lambda answers: "-".join(list(answers.values())[1:]).replace(" ", "_")
)


@pytest.fixture
def items(answers: dict[str, str], service: Service) -> list[Item]:
    """Return the objects of the last environment."""
    return built(service(**answers) / "deploy/overlays" / ENVIRONMENTS[-1])


def workload(items: list[Item]) -> Item:
    """Return what has the pods."""
    [found] = [item for item in items if item["kind"] in ("Deployment", "Job", "CronJob")]
    return found


def pod(items: list[Item]) -> Item:
    """Return the specification of the pods."""
    spec = workload(items)["spec"]
    return dict(spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"])


def test_each_environment_is_right_by_schema(service: Service) -> None:
    items = []
    for answers in (*DEPLOYED, *TELLING):  # at once: to read the schemas takes longest
        folder = service(**answers) / "deploy"
        items += [item for name in ENVIRONMENTS for item in built(folder / "overlays" / name)]
        for name in EXAMPLES:
            items += yaml.safe_load_all((folder / "examples" / name).read_text("utf-8"))
    items = [item for item in items if item]
    assert schemas.mistakes([item for item in items if not models.custom(item)]) == ""
    assert models.mistakes([item for item in items if models.custom(item)]) == ""


def test_a_field_that_is_none_is_found() -> None:
    service: Item = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop"},
        "spec": {},
    }
    assert schemas.mistakes([service]) == ""
    assert "portz" in schemas.mistakes([service | {"spec": {"portz": []}}])
    known: Item = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}
    wrong = [
        known | {"spec": {"hostname": "shop.example.com"}},
        known | {"spec": {"rules": [{"backendRefs": [{"name": "shop", "weight": "5"}]}]}},
    ]
    said = models.mistakes(wrong)
    assert '"hostname"\' does not exist' in said
    assert "Type 'string' is not assignable to type 'number'" in said


@every_service
def test_pods_pass_the_restricted_standard(items: list[Item]) -> None:
    assert violations(pod(items)) == []


SPOILED: dict[str, Item] = {
    "hostNetwork": {"hostNetwork": True},
    "volume types": {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
    "sysctls": {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
    "running as non-root": {"securityContext": {"runAsUser": 0}},
    "seccomp": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "privileged": {"containers": [{"securityContext": {"privileged": True}}]},
    "privilege escalation": {"containers": [{"securityContext": {}}]},
    "capabilities dropped": {"containers": [{"securityContext": {"capabilities": {}}}]},
    "capabilities added": {"containers": [{"securityContext": {"capabilities": {"add": ["X"]}}}]},
    "host ports": {"containers": [{"ports": [{"containerPort": 80, "hostPort": 80}]}]},
}


@pytest.mark.parametrize("control", SPOILED)
def test_a_pod_that_breaks_the_restricted_standard_is_found(service: Service, control: str) -> None:
    found = pod(built(service(service_kind="worker") / "deploy/base"))
    assert control in violations(copy.deepcopy(found) | SPOILED[control])


@every_service
def test_limits_are_the_organisation_s(items: list[Item], answers: dict[str, str]) -> None:
    spec = pod(items)
    [container] = spec["containers"]
    resources = {kind: LIMITS[kind] for kind in ("requests", "limits")}
    assert container["resources"] == resources
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    memory = {"medium": "Memory", "sizeLimit": LIMITS["tmp"]}
    assert spec["volumes"] == [{"name": "tmp", "emptyDir": memory}]
    drain = LIMITS["drain"] if answers["service_kind"] == "web" else 0
    assert spec["terminationGracePeriodSeconds"] == LIMITS["grace"] + 2 * drain
    if drain:
        assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": drain}}}
        assert container["env"] == [{"name": "DRAIN_DELAY", "value": str(drain)}]
    else:
        assert "lifecycle" not in container


@every_service
def test_probes_and_what_is_reached_match_the_kind(
    items: list[Item], answers: dict[str, str]
) -> None:
    [container] = pod(items)["containers"]
    probes = {
        name: probe["httpGet"]["path"] for name, probe in container.items() if "Probe" in name
    }
    [policy] = of_kind(items, "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    if answers["service_kind"] == "web":
        ready, live = "/health/ready", "/health/live"
        wanted = {"startupProbe": live, "readinessProbe": ready, "livenessProbe": live}
        assert probes == wanted
        [found] = of_kind(items, "Service")
        [port] = found["spec"]["ports"]
        assert port["targetPort"] == container["ports"][0]["name"]
        assert policy["spec"]["ingress"] == [{"ports": [{"port": container["ports"][0]["name"]}]}]
    else:
        assert probes == {}
        assert "ports" not in container
        assert of_kind(items, "Service") == []
        assert policy["spec"]["ingress"] == []


@every_service
def test_every_selector_means_these_pods_and_no_others(
    items: list[Item], answers: dict[str, str]
) -> None:
    found = workload(items)
    template = found["spec"].get("jobTemplate", found)["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    selectors = [item["spec"]["podSelector"] for item in of_kind(items, "NetworkPolicy")]
    selectors += [item["spec"]["selector"] for item in of_kind(items, "PodDisruptionBudget")]
    selectors += [{"matchLabels": i["spec"]["selector"]} for i in of_kind(items, "Service")]
    selectors += [spread["labelSelector"] for spread in spreads(items)]
    if answers["service_kind"] != "job":
        selectors.append(found["spec"]["selector"])
    for selector in selectors:
        assert selector["matchLabels"]
        assert selector["matchLabels"].items() <= labels


def spreads(items: list[Item]) -> list[Item]:
    """Return how pods are spread."""
    return list(pod(items).get("topologySpreadConstraints", []))


@every_service
def test_what_runs_on_is_spread_and_not_evicted_all_at_once(
    items: list[Item], answers: dict[str, str]
) -> None:
    budgets = of_kind(items, "PodDisruptionBudget")
    keys = [spread["topologyKey"] for spread in spreads(items)]
    if answers["service_kind"] == "job":
        assert not budgets
        assert not keys
    else:
        assert [budget["spec"]["maxUnavailable"] for budget in budgets] == [1]
        assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]


@pytest.mark.parametrize("answers", TELLING, ids=lambda answers: "-".join(answers.values()))
def test_prometheus_can_ask_what_tells_of_itself(
    items: list[Item], answers: dict[str, str]
) -> None:
    spec = pod(items)
    assert violations(spec) == []
    [container] = spec["containers"]
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    [policy] = of_kind(items, "NetworkPolicy")
    open_ = [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]]
    assert open_ == list(ports)
    monitors = of_kind(items, "PodMonitor")
    if answers["service_kind"] == "job":
        assert not monitors
        assert "metrics" not in ports
        return
    [monitor] = monitors
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "metrics"}]
    labels = workload(items)["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    assert env["OTEL_EXPORTER_PROMETHEUS_PORT"] == str(ports["metrics"])
    assert ports["metrics"] == LIMITS["prometheus"]["port"]


def test_a_job_runs_once_for_each_version_or_as_its_schedule_says(service: Service) -> None:
    once = workload(built(service(service_kind="job") / "deploy/base"))
    assert once["kind"] == "Job"
    assert once["metadata"]["annotations"] == {
        "argocd.argoproj.io/sync-options": "Force=true,Replace=true",
        "kustomize.toolkit.fluxcd.io/force": "enabled",
    }
    again = workload(built(service(service_kind="job", schedule="*/5 * * * *") / "deploy/base"))
    assert (again["kind"], again["spec"]["schedule"]) == ("CronJob", "*/5 * * * *")
    assert again["spec"]["concurrencyPolicy"] == "Forbid"


def test_a_database_is_migrated_by_a_job_as_restricted_as_the_pods(service: Service) -> None:
    made = service(database="postgresql", image_repository="ghcr.io/acme/shop")
    text = (made / "deploy/examples/migrate.yaml").read_text("utf-8")
    job = yaml.safe_load(text.replace("VERSION", "1.4.2"))
    assert job["metadata"].keys() == {"generateName"}  # of which the tool knows nothing
    assert schemas.mistakes([job | {"metadata": {"name": "migrate"}}]) == ""
    found = job["spec"]["template"]["spec"]
    assert violations(found) == []
    [container] = found["containers"]
    assert container["image"] == "ghcr.io/acme/shop:1.4.2"
    items = built(made / "deploy/overlays" / ENVIRONMENTS[-1])
    assert container["env"] == [
        env for env in pod(items)["containers"][0]["env"] if "URL" in env["name"]
    ]
    labels = job["spec"]["template"]["metadata"]["labels"]
    for kind, selector in {"Service": "selector", "NetworkPolicy": "podSelector"}.items():
        [item] = of_kind(items, kind)
        chosen = item["spec"][selector]
        assert not chosen.get("matchLabels", chosen).items() <= labels.items()


@pytest.mark.parametrize("tool", ["argo-cd.yaml", "flux.yaml"])
def test_the_examples_name_the_folder_of_each_environment(service: Service, tool: str) -> None:
    made = service()
    items = list(yaml.safe_load_all((made / "deploy/examples" / tool).read_text("utf-8")))
    specs = [item["spec"] for item in items if "spec" in item]
    paths = [spec.get("source", spec).get("path") for spec in specs]
    named = [path for path in paths if path]
    assert named == [f"deploy/overlays/{environment}" for environment in ENVIRONMENTS]
    assert all((made / path / "kustomization.yaml").exists() for path in named)


@pytest.mark.parametrize("tool", EXAMPLES)
def test_the_examples_bring_namespaces_where_only_restricted_pods_run(
    service: Service, tool: str
) -> None:
    text = (service() / "deploy/examples" / tool).read_text("utf-8")
    items = [item for item in yaml.safe_load_all(text) if item]
    specs = [item["spec"] for item in items if "spec" in item]
    wanted = [spec["targetNamespace"] for spec in specs if "targetNamespace" in spec]
    brought = {i["metadata"]["name"]: i["metadata"]["labels"] for i in of_kind(items, "Namespace")}
    for spec in specs:
        if "destination" in spec:
            policy = spec["syncPolicy"]
            assert policy["syncOptions"] == ["CreateNamespace=true"]
            wanted.append(spec["destination"]["namespace"])
            brought[wanted[-1]] = policy["managedNamespaceMetadata"]["labels"]
    assert wanted == [f"shop-{environment}" for environment in ENVIRONMENTS]
    assert list(brought) == wanted
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    assert all(labels == restricted for labels in brought.values())


def test_the_machine_s_metadata_is_out_of_reach_and_what_gives_a_pod_its_own_is_not(
    service: Service,
) -> None:
    [policy] = of_kind(built(service() / "deploy/base"), "NetworkPolicy")
    addresses, names = policy["spec"]["egress"]
    *blocks, pods = addresses["to"]
    kept = {name for to in blocks for name in to["ipBlock"]["except"]}
    assert kept == {"169.254.169.254/32", "fd00:ec2::254/128"}
    assert pods == {"namespaceSelector": {}}  # to Cilium, no address block holds a pod
    assert names == {"ports": [{"port": 53, "protocol": p} for p in ("UDP", "TCP")]}


@pytest.mark.parametrize(("canary", "waits"), [("none", True), ("rollouts", False)])
def test_flux_waits_for_nothing_whose_health_it_cannot_read(
    service: Service, canary: str, waits: bool
) -> None:
    text = (service(canary=canary) / "deploy/examples/flux.yaml").read_text("utf-8")
    kustomizations = [item for item in yaml.safe_load_all(text) if item["kind"] == "Kustomization"]
    assert [item["spec"]["wait"] for item in kustomizations] == [waits] * len(ENVIRONMENTS)
