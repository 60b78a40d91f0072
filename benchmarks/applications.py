"""The applications: what `copier copy` renders, with more or fewer dependencies and code."""

from __future__ import annotations

import hashlib
import os
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import tomlkit
from copier import run_copy
from packaging.requirements import Requirement
from plumbum import local

from benchmarks.locks import Lock, Locker

ROOT = Path(__file__).parent.parent
APPS = Path(__file__).with_name("apps")
NAMES = [folder.name for folder in sorted(APPS.iterdir())]
APART = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "COPIER_SETTINGS_PATH": os.devnull,
    "PATH": "/usr/bin:/bin",  # without Poetry: the lock is shared
}


@dataclass
class App:
    """An application, locked; `bumps` are its lock with one package at an earlier release."""

    name: str
    folder: Path
    """As it was rendered for `slim`."""
    locker: Locker
    bumps: dict[str, Lock] = field(default_factory=dict)

    @property
    def lock(self) -> Lock:
        """The lock that all contenders share."""
        return self.locker.lock


def make(name: str, folder: Path) -> App:
    """Render an application once into a new folder and lock it."""
    render(name, folder, base_image="slim")
    return App(name, folder, Locker(folder))


def render(name: str, folder: Path, **answers: object) -> None:
    """Copy the template as it stands, and make the application of it; nothing is committed."""
    answers |= {"project_name": f"Bench {name}", "service_kind": "web", "image_repository": name}
    saved = {variable: os.environ.get(variable) for variable in APART}
    os.environ.update(APART)
    try:
        with warnings.catch_warnings(), local.env(**APART):
            warnings.simplefilter("ignore")  # the checkout may have changes
            run_copy(
                str(ROOT),
                folder,
                data=answers,
                vcs_ref="HEAD",
                defaults=True,
                unsafe=True,
                quiet=True,
                skip_tasks=True,
            )
    finally:
        for variable, value in saved.items():
            os.environ.pop(variable) if value is None else os.environ.update({variable: value})
    _depend(folder / "pyproject.toml", APPS / name / "dependencies.txt")
    _program(folder / "app", APPS / name)


def _depend(project: Path, more: Path) -> None:
    """Add the dependencies that a file lists; without one, take all away."""
    content = tomlkit.parse(project.read_text("utf-8"))
    own = content["project"]["dependencies"] if more.exists() else []
    lines = more.read_text("utf-8").split() if more.exists() else []
    content["project"]["dependencies"] = [
        *map(str, own),
        *sorted(lines, key=lambda line: Requirement(line).name),
    ]
    project.write_text(tomlkit.dumps(content), "utf-8")


def _program(package: Path, source: Path) -> None:
    """Let the application do what its folder says: all of it, or orders beside the template's."""
    if (source / "main.py").exists():
        shutil.rmtree(package)
        package.mkdir()
        (package / "__init__.py").touch()
        shutil.copy(source / "main.py", package)
        return
    shutil.copy(source / "orders.py", package)
    main = package / "main.py"
    text, guard, rest = main.read_text("utf-8").rpartition('if __name__ == "__main__":')
    assert guard, "the template's main.py ends in another way"
    more = "from app import orders  # noqa: E402\n\napp.include_router(orders.router)\n"
    if "def watch(" in (source / "orders.py").read_text("utf-8"):
        more += "orders.watch(app)\n"
    main.write_text(f"{text}{more}\n\n{guard}{rest}", "utf-8")


def find_bumps(app: App, count: int) -> None:
    """Find `count` packages of the lock that can stand at an earlier release."""
    # In an order that has nothing to do with what they are, and is the same in every run.
    order = sorted(app.lock.versions, key=lambda name: hashlib.sha256(name.encode()).digest())
    with ThreadPoolExecutor(2) as pool:
        while order and len(app.bumps) < count:
            some, order = order[:count], order[count:]
            for name, lock in zip(some, pool.map(app.locker.earlier, some), strict=True):
                if lock and len(app.bumps) < count:
                    app.bumps[name] = lock
