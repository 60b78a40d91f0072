"""Shops to promote in: one registry and one pair of keys for all, a folder for each test."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plumbum import local

from tests.conftest import ROOT
from tests.deploy.shops import Keys, Shop
from tests.engine.registry import Registry, registry
from tests.render.support import path_without

Service = Callable[..., Path]
Open = Callable[..., Shop]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Return the keys whose signatures count."""
    return Keys(tmp_path_factory.mktemp("keys") / "pair").make()


@pytest.fixture(scope="session")
def store() -> Iterator[Registry]:
    """Return a registry."""
    with registry() as found:
        yield found


@pytest.fixture(scope="session")
def service(copie_session: Any, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """Return `service(**answers)`: a copy to look at, made once; nobody may write into it."""
    known: dict[str, Path] = {}
    path = path_without(tmp_path_factory.mktemp("bin"), "poetry")

    def service(**answers: object) -> Path:
        wanted = {"project_name": "Shop", "deploy": "kustomize", **answers}
        name = repr(sorted(wanted.items()))
        if name not in known:
            with local.env(PATH=path, COPIER_SETTINGS_PATH="/dev/null"):
                result = copie_session.copy(extra_answers=wanted, template_dir=ROOT)
            if result.exception:
                raise result.exception
            known[name] = Path(result.project_dir)
        return known[name]

    return service


@pytest.fixture(scope="session")
def versions(store: Registry, keys: Keys) -> dict[str, str]:
    """Return the digests of signed versions that every shop has, and of one without a signature."""
    shop = Shop(Path(), store, keys)
    for version in ("1.4.1", "1.4.2", "1.5.0-rc.1", "1.10.0"):
        shop.ship(version)
    shop.ship("1.4.9", signed=False)
    return shop.digests


@pytest.fixture
def opened(
    service: Service, store: Registry, keys: Keys, versions: dict[str, str], tmp_path: Path
) -> Open:
    """Return `opened(**answers)`: a shop of its own to promote in, committed."""

    def opened(name: str = "shop", **answers: object) -> Shop:
        made = service(image_repository=f"{store.address}/shop", **answers)
        folder = tmp_path / "shop"
        shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".git"))
        shutil.copy(keys.folder / "cosign.pub", folder)
        shop = Shop(folder, store, keys, name, dict(versions) if name == "shop" else {})
        shop.git("init", "--quiet", "--initial-branch=main")
        shop.commit()
        return shop

    return opened


@pytest.fixture
def shop(opened: Open) -> Shop:
    """Return a shop where nothing was promoted yet."""
    return opened()


@pytest.fixture
def split(service: Service, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the function of a service that shares pods."""
    made = service(canary="replicas")
    monkeypatch.syspath_prepend(made)
    monkeypatch.syspath_prepend(made / "deploy")
    return importlib.import_module("overlays").split
