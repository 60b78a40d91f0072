"""The file that says what an environment runs: `deploy/overlays/NAME/kustomization.yaml`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("deploy/overlays")
RECORD = re.compile(r"^# (now|canary): (\S+) (sha256:[0-9a-f]{64})(?: (\d+) %)?$", re.MULTILINE)
SUM = re.compile(r"^# sum: ([0-9a-f]{12})\n", re.MULTILINE)
COMMENT = re.compile(r"^#.*\n", re.MULTILINE)
REPLICAS = re.compile(r"^[^#\n]*\breplicas\b", re.MULTILINE)
HEAD = """\
# Written by `make promote` and its like. What {environment} has of its own stands in settings/
{records}apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - settings
"""
IMAGE = """\
  - name: {name}
    newName: {image}
    digest: {digest}
"""
TARGET = """\
  - target:
      kind: {kind}
    patch: |-
"""
WORKLOAD = """\
  - target:
      kind: {kind}
      labelSelector: app.kubernetes.io/instance={instance}
    patch: |-
"""
OPERATION = """\
      - op: {operation}
        path: {path}
        value: {value}
"""
STEPS = """
          - setWeight: WEIGHT
          - pause: {}"""
BACKEND = """
          - name: {name}
            port: 80
            weight: {weight}"""
LABEL = "app.kubernetes.io~1version"
PODS = {
    "Deployment": "/spec/template",
    "Job": "/spec/template",
    "CronJob": "/spec/jobTemplate/spec/template",
}


@dataclass(frozen=True)
class Release:
    """A version, and the bytes that it is."""

    version: str
    digest: str


@dataclass(frozen=True)
class State:
    """What an environment runs, and what has a share of its requests."""

    now: Release | None = None
    canary: Release | None = None
    weight: int = 0


@dataclass(frozen=True)
class Service:
    """What deploy.mk says of the service."""

    action: str
    name: str
    kind: str
    environments: list[str]
    canary: str
    replicas: int
    pods: int

    def before(self, environment: str) -> str | None:
        """Return the environment that a version comes from; None for the first."""
        place = self.environments.index(environment)
        return self.environments[place - 1] if place else None


def path(environment: str) -> Path:
    """Return the file of an environment."""
    return FOLDER / environment / "kustomization.yaml"


def parse(text: str) -> State:
    """Return what a file records."""
    found = {
        name: (Release(version, digest), weight)
        for name, version, digest, weight in RECORD.findall(text)
    }
    now, _ = found.get("now", (None, ""))
    canary, weight = found.get("canary", (None, "0"))
    return State(now, canary, int(weight))


def genuine(text: str) -> bool:
    """Say whether `render` has written a file, or the template and nobody since."""
    known = SUM.search(text)
    if known:
        return known[1] == checksum(SUM.sub("", text))
    first = HEAD.format(environment="", records="")
    return COMMENT.sub("", text) == COMMENT.sub("", first)


def checksum(text: str) -> str:
    """Return what shows an edit by hand."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def split(replicas: int, weight: int, most: int) -> tuple[int, int]:
    """Return how many pods of the old and of the new version come nearest to a share in percent."""
    _, total, new = min(
        (abs(100 * new / total - weight), total, new)
        for total in range(max(replicas, 2), max(replicas, most, 2) + 1)
        for new in [min(max(round(total * weight / 100), 1), total - 1)]
    )
    return total - new, new


def settings(environment: str) -> Path:
    """Return the file of what an environment has of its own."""
    return path(environment).parent / "settings/kustomization.yaml"


def replicas(service: Service, environment: str) -> int | None:
    """Return how many pods an environment has, its own number or everybody's; None if unclear."""
    file = settings(environment)
    text = file.read_text("utf-8")
    patches = [name for name in file.parent.glob("*.y*ml") if f"path: {name.name}" in text]
    patched = any(REPLICAS.search(patch.read_text("utf-8")) for patch in patches)
    said = REPLICAS.findall(text)
    if not said and not patched:
        return service.replicas
    own = re.findall(rf"\bname: {service.name}(?:\n +|, )count: (\d+)\b", text)
    return int(own[0]) if said == ["replicas"] and len(own) == 1 and not patched else None


def versioned(kind: str, version: str) -> str:
    """Return what puts a version into the labels of a workload and of its pods."""
    paths = ("/metadata/labels", f"{PODS[kind]}/metadata/labels")
    return "".join(
        OPERATION.format(operation="add", path=f"{path}/{LABEL}", value=f'"{version}"')
        for path in paths
    )


def canaried(service: Service, environment: str, image: str, state: State) -> tuple[str, str]:
    """Return images and patches of a second Deployment, and of what shares between the two."""
    assert state.now
    assert state.canary
    names = {"": state.now, "-canary": state.canary}
    images = "".join(
        IMAGE.format(name=f"not-promoted{suffix}", image=image, digest=release.digest)
        for suffix, release in names.items()
    )
    pods = [0, 0]
    if service.canary == "replicas":
        there = replicas(service, environment)
        assert there is not None
        pods = list(split(there, state.weight, service.pods))
    patches = ""
    for (suffix, release), count in zip(names.items(), pods, strict=True):
        patches += WORKLOAD.format(kind=service.kind, instance=service.name + suffix)
        patches += versioned(service.kind, release.version)
        if service.canary == "replicas":
            patches += OPERATION.format(operation="replace", path="/spec/replicas", value=count)
    if service.canary == "gateway":
        shares = {"": 100 - state.weight, "-canary": state.weight}
        backends = "".join(
            BACKEND.format(name=service.name + suffix, weight=weight)
            for suffix, weight in shares.items()
        )
        patches += TARGET.format(kind="HTTPRoute") + OPERATION.format(
            operation="replace", path="/spec/rules/0/backendRefs", value=backends
        ).replace(": \n", ":\n")
    return images, patches


def render(service: Service, environment: str, image: str, state: State) -> str:
    """Return the file of an environment in a state; `parse` reads it."""
    if state.now is None:
        return HEAD.format(environment=environment, records="")
    records = f"# now: {state.now.version} {state.now.digest}\n"
    resources = ""
    live = state.now
    if state.canary:
        records += f"# canary: {state.canary.version} {state.canary.digest} {state.weight} %\n"
    if state.canary and service.canary != "rollouts":
        resources = "  - ../../canary\n"
        images, patches = canaried(service, environment, image, state)
    else:
        if state.canary:  # the controller keeps what ran before for the other requests
            live = state.canary
        images = IMAGE.format(name="not-promoted", image=image, digest=live.digest)
        patches = WORKLOAD.format(kind=service.kind, instance=service.name)
        patches += versioned(service.kind, live.version)
        if state.canary:
            patches += TARGET.format(kind="Rollout") + OPERATION.format(
                operation="replace",
                path="/spec/strategy/canary/steps",
                value=STEPS.replace("WEIGHT", str(state.weight)),
            ).replace(": \n", ":\n")
    head = HEAD.format(environment=environment, records=records)
    text = f"{head}{resources}images:\n{images}patches:\n{patches}"
    first, rest = text.split("\n", 1)
    return f"{first}\n# sum: {checksum(text)}\n{rest}"
