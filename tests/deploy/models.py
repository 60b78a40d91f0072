"""Custom resources held against the types that their controllers are made of.

The packages of kubernetes-models are generated from those; TypeScript finds a field that is none.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.engine import npm
from tests.engine.cache import folder, once

PACKAGES = {
    "@kubernetes-models/argo-cd": "4.0.0",
    "@kubernetes-models/argo-rollouts": "2.0.0",
    "@kubernetes-models/flux-cd": "4.0.0",
    "@kubernetes-models/gateway-api": "2.0.0",
    "@kubernetes-models/prometheus-operator": "6.0.0",
    "typescript": "5.9.3",
}
MODULES = {
    "argoproj.io/v1alpha1/Application": "argo-cd",
    "argoproj.io/v1alpha1/AnalysisTemplate": "argo-rollouts",
    "argoproj.io/v1alpha1/Rollout": "argo-rollouts",
    "gateway.networking.k8s.io/v1/HTTPRoute": "gateway-api",
    "monitoring.coreos.com/v1/PodMonitor": "prometheus-operator",
    "kustomize.toolkit.fluxcd.io/v1/Kustomization": "flux-cd",
    "source.toolkit.fluxcd.io/v1/GitRepository": "flux-cd",
}
OPTIONS = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"]


def custom(item: dict[str, Any]) -> str:
    """Return the module that knows a custom resource; nothing for what is Kubernetes' own."""
    name = f"{item['apiVersion']}/{item['kind']}"
    return f"@kubernetes-models/{MODULES[name]}/{name}" if name in MODULES else ""


def mistakes(items: list[dict[str, Any]]) -> str:
    """Return what is wrong with custom resources; nothing where all is right."""
    name = f"models-{'-'.join(PACKAGES.values())}"
    root = once(folder() / name, lambda to: npm.install(to, PACKAGES))
    lines = [
        line
        for number, item in enumerate(items)
        for line in (
            f"import {{ type I{item['kind']} as Type{number}, {item['kind']} as Class{number} }} "
            f'from "{custom(item)}";',
            f"const item{number}: Type{number} = {json.dumps(item)};",
            f"new Class{number}(item{number}).validate();",
        )
    ]
    with TemporaryDirectory(dir=root) as scratch:
        source = Path(scratch, "items.ts")
        source.write_text("\n".join(lines), "utf-8")
        checks = ([root / "node_modules/typescript/bin/tsc", OPTIONS, source], [source])
        for check in checks:  # the types, then what ranges and patterns say
            code, *said = npm.node(root)[check].with_cwd(root).run(retcode=None)
            if code:
                return "".join(said)
    return ""
