"""`deploy` comes to services by `copier update`, when they ask for it and not before."""

from __future__ import annotations

from pathlib import Path

import pytest

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
