"""`deploy` comes to services by `copier update`, when they ask for it and not before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.shops import ENVIRONMENTS
from tests.deploy.tools import built, of_kind
from tests.update.conftest import PRESETS, commit, copy, files, git, service, template, update

__all__ = ["service", "template"]

OLD = "1.5.0"
OVERLAYS = "deploy/overlays"


@pytest.fixture
def newest(template: Path) -> Path:
    """Return the template with what is here now as its newest release."""
    git(template, "tag", "--force", "v99.0.0")
    return template


@pytest.mark.parametrize("kind", PRESETS)
def test_an_update_brings_nothing_of_it_until_it_is_asked_for(
    newest: Path, tmp_path: Path, kind: str
) -> None:
    folder = copy(newest, tmp_path / "service", OLD, PRESETS[kind])
    git(folder, "init", "--quiet")
    commit(folder)
    update(folder, "99.0.0")
    commit(folder)
    there = files(folder)
    assert not [name for name in there if name.startswith("deploy")]
    words = b"kustomize", b"promote", b"canary"
    assert not [n for n, text in there.items() if n[0] != "." and any(w in text for w in words)]

    update(folder, deploy="kustomize")
    assert (folder / "deploy/base/kustomization.yaml").exists()
    for name in ("dev", "staging", "production"):
        assert (folder / OVERLAYS / name / "kustomization.yaml").exists()
    assert {name: text for name, text in files(folder).items() if name.startswith("app/")} == {
        name: text for name, text in there.items() if name.startswith("app/")
    }


def test_overlays_are_their_owner_s_from_then_on(newest: Path, tmp_path: Path) -> None:
    folder = copy(newest, tmp_path / "service", "99.0.0", {"deploy": "kustomize"})
    git(folder, "init", "--quiet")
    commit(folder)
    own = folder / OVERLAYS / "dev/settings/kustomization.yaml"
    own.write_text(own.read_text("utf-8") + "namespace: shop\n", "utf-8")
    git(folder, "rm", "-r", "--quiet", f"{OVERLAYS}/staging")
    commit(folder)
    before = files(folder)
    update(folder, canary="gateway", port=9000)
    after = files(folder)
    assert {n: t for n, t in after.items() if n.startswith(OVERLAYS)} == {
        n: t for n, t in before.items() if n.startswith(OVERLAYS)
    }
    assert "deploy/base/httproute.yaml" in after
    assert b"containerPort: 9000" in after["deploy/base/deployment.yaml"]


@pytest.fixture
def running(newest: Path, tmp_path: Path) -> Path:
    """Return a service that is deployed, without a canary."""
    answers = {"project_name": "Shop", "deploy": "kustomize"}
    folder = copy(newest, tmp_path / "service", "99.0.0", answers)
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def of(folder: Path, environment: str, kind: str) -> dict[str, Any]:
    """Return the specification of the one object of a kind that an environment gets."""
    [found] = of_kind(built(folder / OVERLAYS / environment), kind)
    return dict(found["spec"])


def settings(folder: Path, environment: str) -> Path:
    """Return the file of what an environment has of its own."""
    return folder / OVERLAYS / environment / "settings/kustomization.yaml"


def obey(folder: Path, environment: str, said: str) -> None:
    """Write into the settings of an environment what an update says that they need."""
    name = settings(folder, environment).relative_to(folder)
    [line] = re.findall(rf"^  {name}, .*?: (\w+: .*)$", said, re.MULTILINE)
    with settings(folder, environment).open("a") as file:
        file.write(f"{line}\n")


def test_a_route_serves_no_name_until_its_owner_says_which(
    running: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    update(running, canary="gateway")
    said = capfd.readouterr().err
    for name in ENVIRONMENTS:
        assert of(running, name, "HTTPRoute")["hostnames"] == ["not-set.invalid"]
        obey(running, name, said)
        assert of(running, name, "HTTPRoute")["hostnames"] == [f"shop.{name}.example.com"]
    commit(running)
    update(running, port=9000)
    assert "What you asked for" not in capfd.readouterr().err


def test_a_running_service_keeps_its_pods_until_the_rollout_has_its_own(
    running: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = of(running, "production", "Deployment")["replicas"]
    assert before > 0
    update(running, canary="rollouts")
    said = capfd.readouterr().err
    for name in ENVIRONMENTS:
        there = settings(running, name).read_text("utf-8")
        assert of(running, name, "Deployment")["replicas"] == before
        assert of(running, name, "Rollout")["workloadRef"]["scaleDown"] == "never"
        obey(running, name, said)
        assert of(running, name, "Deployment")["replicas"] == 0
        assert of(running, name, "Rollout")["replicas"] == before
        settings(running, name).write_text(there, "utf-8")  # the way back
        assert of(running, name, "Deployment")["replicas"] == before


def test_a_rollout_of_an_earlier_release_without_metrics_can_still_be_built(
    newest: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = {"project_name": "Shop", "deploy": "kustomize", "canary": "rollouts"}
    folder = copy(newest, tmp_path / "service", "1.7.0", answers)
    git(folder, "init", "--quiet")
    commit(folder)
    update(folder, "99.0.0")
    said = capfd.readouterr().err
    assert "analysis" not in of(folder, "production", "Rollout")["strategy"]["canary"]
    obey(folder, "production", said)
    assert of(folder, "production", "Deployment")["replicas"] == 0
