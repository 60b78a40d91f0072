"""What Renovate itself does with a service and with the template: one run for many questions.

The network is the loopback interface: Renovate, Copier and Poetry can reach no other host.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from plumbum import local

from . import index
from .conftest import ALONE, ROOT, World, write
from .renovate import Outcome

pytestmark = pytest.mark.bots

BRANCH = "renovate/template"
OLD, NEW, OTHER = (f"sha256:{digit * 64}" for digit in "abc")
PINNED = "python:3.13-slim-trixie"
NEWER = "python:3.14-slim-trixie"
OVERLAY = "deploy/overlays/production/kustomization.yaml"


class Run(NamedTuple):
    """What one run left behind."""

    world: World
    outcome: Outcome

    def template(self, service: str) -> str:
        """Return what the branch for the template changes, as a patch."""
        git = self.world.forge.git(f"acme/{service}")
        return str(git("diff", f"main...{BRANCH}"))

    def comments(self, service: str) -> str:
        """Return what was said below the service's pull requests."""
        return "\n".join(said["body"] for said in self.world.forge.comments[f"acme/{service}"])


def pin(standard: str, digest: str) -> str:
    """Return the standard with one base image pinned: the last table is that of digests."""
    return (
        re.sub(rf'^"{PINNED}" = .*\n', "", standard, flags=re.MULTILINE)
        + f'"{PINNED}" = "{digest}"\n'
    )


def released(world: World, name: str, tag: str) -> str:
    """Release something on the forge; return its commit."""
    world.push(name, f"Release {tag}", tag)
    return str(world.forge.git(f"acme/{name}")("rev-parse", tag)).strip()


@pytest.fixture(scope="module")
def template(world: World) -> str:
    """Publish two releases of this template, between which a base image moved; return its name.

    Base images come from the forge. The edition that needs no trust is beside it, as `plain`.
    """
    work = world.folder / "template"
    listed = local["git"]["-C", ROOT](
        "ls-files", "-z", "--cached", "--others", "--exclude-standard"
    )
    for name in listed.split("\0"):
        if name and not name.startswith("tests/") and (ROOT / name).is_file():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, work / name)
    standard = (work / "standard.toml").read_text("utf-8")
    mirror = world.forge.address.removeprefix("http://")
    standard = re.sub(r'^mirror = ""', f'mirror = "{mirror}"', standard, flags=re.MULTILINE)
    for version, digest in (("1.0.0", OLD), ("1.1.0", NEW)):
        write(work, {"standard.toml": pin(standard, digest)})
        world.push("template", f"Release {version}", f"v{version}")
    with local.env(**ALONE):
        local[sys.executable](work / "tasks/plain.py", world.folder / "plain")
    world.push("plain", "Publish")
    there = tomllib.loads((ROOT / "standard.toml").read_text("utf-8"))["digests"]
    latest = {"acme/orders:latest": OTHER}
    world.forge.digests.update({**there, **latest, PINNED: OTHER, NEWER: OTHER})
    return "template"


@pytest.fixture(scope="module")
def poetry() -> Path:
    """Return the folder of Poetry's command."""
    for candidate in (ROOT / ".poetry/bin/poetry", shutil.which("poetry")):
        if candidate and Path(candidate).exists():
            return Path(candidate).parent
    pytest.skip("Poetry is not here to lock with: `make test` brings it.")


@pytest.fixture(scope="module")
def fleet(world: World, template: str, poetry: Path) -> None:
    """Make services of both editions, all on the older release."""
    for name in ("untrusted", "trusted", "scripts"):
        world.service(template, name)
    for name in ("without-trust", "first-1", "second-1"):
        world.service("plain", name)
    edited = world.service("plain", "edited") / "Dockerfile"
    edited.write_text(
        edited.read_text("utf-8").replace(f"@{OLD} AS builder", " AS builder"), "utf-8"
    )
    world.push("edited", "Build on the newest")
    loose = world.service(template, "loose") / "renovate.json"
    settings = json.loads(loose.read_text("utf-8"))
    del settings["ignorePaths"]
    loose.write_text(json.dumps(settings), "utf-8")
    promoted = f"newName: {world.forge.address[7:]}/acme/orders\n    digest: {OLD}\n"
    overlay = {OVERLAY: f"resources: [settings]\nimages:\n  - name: not-promoted\n    {promoted}"}
    write(loose.parent, overlay)
    world.push("loose", "Ignore nothing")

    source = index.serve(world.forge, "leaf", "1.0.0")
    owned = world.service(template, "owned", package_index=source, deploy="kustomize")
    project = (owned / "pyproject.toml").read_text("utf-8")
    leaf = 'dependencies = ["leaf>=1.0"]\n'
    project = re.sub(r"^dependencies = \[.*?^\]\n", leaf, project, count=1, flags=re.M | re.S)
    project = re.sub(r"^dev = \[.*?^\]\n", "dev = []\n", project, count=1, flags=re.M | re.S)
    write(owned, {"pyproject.toml": project, **overlay})
    with local.env(**ALONE, NO_PROXY="127.0.0.1"):
        local[str(poetry / "poetry")].with_cwd(owned)("lock")
    world.push("owned", "Lock")
    index.serve(world.forge, "leaf", "1.0.0", "1.1.0")


def registry(world: World) -> list[dict[str, object]]:
    """Return what lets Renovate ask the forge's registry, which speaks no TLS."""
    host = world.forge.address.replace("http:", "https:")
    return [{"matchHost": host, "hostType": "docker", "insecureRegistry": True}]


@pytest.fixture(scope="module")
def withheld(world: World, fleet: None) -> Run:
    """Run with nothing but Copier: no loader of extensions, no trust."""
    tools = [world.tools(extensions=False)]
    services = ("without-trust", "edited", "untrusted")
    return Run(world, world.renovate(*services, home=world.home(), tools=tools))


@pytest.fixture(scope="module")
def granted(world: World, fleet: None, poetry: Path) -> Run:
    """Run with the loader of extensions, and trust in one address in Copier's own settings."""
    return Run(
        world,
        world.renovate(
            *("trusted", "owned", "loose"),
            home=world.home(f"{world.forge.address}/acme/"),
            tools=[world.tools(extensions=True), poetry],
            hostRules=registry(world),
            prHourlyLimit=0,
            lockFileMaintenance={"schedule": ["at any time"]},
        ),
    )


def test_the_plain_edition_needs_no_trust(withheld: Run) -> None:
    assert withheld.outcome.results["acme/without-trust"] == "done"
    patch = withheld.template("without-trust")
    assert "+_commit: v1.1.0" in patch
    assert re.search(rf"^\+FROM .*@{NEW} AS builder$", patch, re.MULTILINE)


def test_without_trust_the_full_edition_stays_and_says_why(withheld: Run) -> None:
    assert withheld.world.changed("untrusted") == {BRANCH: [".copier-answers.yml"]}
    assert "_commit: v1.1.0" not in withheld.template("untrusted")
    assert "Template uses potentially unsafe features" in withheld.comments("untrusted")


def test_a_conflict_is_marked_and_reported(withheld: Run) -> None:
    patch = withheld.template("edited")
    assert "+<<<<<<< before updating" in patch
    assert "yielded 1 merge conflict" in withheld.comments("edited")


def test_trust_in_one_address_updates_the_full_edition(granted: Run) -> None:
    patch = granted.template("trusted")
    assert "+_commit: v1.1.0" in patch
    assert f"+FROM {granted.world.forge.address[7:]}/{PINNED}@{NEW} AS builder" in patch


def test_allowed_scripts_update_the_full_edition(world: World, fleet: None) -> None:
    tools = [world.tools(extensions=True)]
    scripts: dict[str, Any] = {"allowScripts": True, "ignoreScripts": False}
    world.renovate("scripts", home=world.home(), tools=tools, **scripts)
    assert "Dockerfile" in world.changed("scripts")[BRANCH]


def test_each_file_has_one_owner(granted: Run) -> None:
    branches = granted.world.changed("owned")
    assert branches.pop(BRANCH) == [".copier-answers.yml", "Dockerfile"]
    assert branches == {"renovate/lock-file-maintenance": ["poetry.lock"]}
    assert OTHER not in granted.template("owned")


def test_without_the_configuration_the_dockerfile_had_two_owners(granted: Run) -> None:
    branches = granted.world.changed("loose")
    assert [b for b, files in branches.items() if "Dockerfile" in files and b != BRANCH]


def test_without_the_configuration_an_image_moved_past_promotion(granted: Run) -> None:
    assert [b for b, files in granted.world.changed("loose").items() if OVERLAY in files]


def test_an_administrator_rolls_out_in_waves(world: World, fleet: None) -> None:
    hold: dict[str, Any] = {"matchManagers": ["copier"], "enabled": False}
    first = {**hold, "matchRepositories": ["acme/first-*"], "enabled": True}
    tools = [world.tools(extensions=False)]
    rules = [hold, first]
    world.renovate("first-1", "second-1", home=world.home(), tools=tools, packageRules=rules)
    assert list(world.changed("first-1")) == [BRANCH]
    assert world.changed("second-1") == {}


def test_the_standard_moves_by_digest_its_actions_and_poetry(world: World, template: str) -> None:
    was, is_now = (released(world, "checkout", tag) for tag in ("v7.0.1", "v9.9.9"))
    source = index.serve(world.forge, "poetry", "2.5.1", "99.0.0")
    standard = (world.folder / template / "standard.toml").read_text("utf-8")
    mirror = world.forge.address.removeprefix("http://")
    settings = json.loads((ROOT / "renovate.json").read_text("utf-8"))
    images, actions, *_ = settings["customManagers"]
    images["packageNameTemplate"] = f"{mirror}/{{{{{{depName}}}}}}"
    # The forge is no GitHub; its tags are to be had by git.
    actions["packageNameTemplate"] = f"{world.forge.address}/{{{{{{depName}}}}}}.git"
    actions["datasourceTemplate"] = "git-tags"
    line = f'[ci.actions]\ncheckout = "acme/checkout@{was} # v7.0.1"\n\n['
    standard = re.sub(r"^\[ci\.actions\].*?^\[", line, standard, flags=re.MULTILINE | re.DOTALL)
    work = {"standard.toml": standard, "renovate.json": json.dumps(settings)}
    work["template/Dockerfile"] = f"FROM {mirror}/{PINNED}\n"
    write(world.folder / "standard", work)
    world.push("standard", "The standard")
    rule = {"matchDatasources": ["pypi"], "registryUrls": [source]}
    rules = {"hostRules": registry(world), "packageRules": [rule], "prHourlyLimit": 0}
    world.renovate("standard", home=world.home(), tools=[], **rules)
    moved = []
    for branch, files in world.changed("standard").items():
        assert files == ["standard.toml"]
        patch = str(world.forge.git("acme/standard")("diff", "-U0", f"main...{branch}"))
        moved += re.findall(r"^\+([^+ ]+ = \S+)", patch, re.MULTILINE)
    action = f'checkout = "acme/checkout@{is_now}'
    assert sorted(moved) == [f'"{PINNED}" = "{OTHER}"', action, 'version = "99.0.0"']


@pytest.mark.parametrize("owner", ["service", "template"])
def test_the_configuration_is_valid(owner: str, world: World, fleet: None, program: Any) -> None:
    file = {"service": world.folder / "trusted/renovate.json", "template": ROOT / "renovate.json"}
    code, output, errors = program("config-validator")["--strict", "--no-global", file[owner]].run(
        retcode=None
    )
    assert code == 0, output + errors
