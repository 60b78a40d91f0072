"""Kubernetes' own objects held against its schemas, strictly: no field that it does not know.

By kubernetes-validate, whose package brings the schemas of each release (Apache License 2.0).
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from plumbum import local

from tests.engine.cache import folder, once

VERSION = "1.37.0"
RELEASES = "1.34", "1.37"  # of Kubernetes: the first that has all that is used for good, the newest


def install(target: Path) -> None:
    """Fetch the schemas into an environment of their own: 30 MB, of use to nobody else."""
    local["python3"]("-m", "venv", target)
    pip = local[f"{target}/bin/python"]["-m", "pip", "install", "--quiet", "--no-compile"]
    pip("--disable-pip-version-check", f"kubernetes-validate=={VERSION}")


def mistakes(items: list[dict[str, Any]]) -> str:
    """Return what is wrong with objects; nothing where all is right."""
    root = once(folder() / f"kubernetes-validate-{VERSION}", install)
    validate = local[f"{root}/bin/python"]["-m", "kubernetes_validate", "--strict"]
    with TemporaryDirectory() as scratch:
        files = []
        for number, item in enumerate(items):
            files.append(Path(scratch, f"{number}-{item['kind']}.yaml"))
            files[-1].write_text(yaml.safe_dump(item), "utf-8")
        for release in RELEASES:
            code, *said = validate["--kubernetes-version", release, files].run(retcode=None)
            if code:
                return "".join(said)
    return ""
