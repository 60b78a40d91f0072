"""The few lines of pyproject.toml that the template needs, and all of it where there was a Pipfile.

tomlkit edits in place: comments, order and line ends stay as they are.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.items import AbstractTable, Array

from tasks import adopt_pipenv
from tasks.adopt_answers import Service, allows
from tasks.adopt_report import Problem, Report, some

Table = dict[str, Any]

DEVELOPMENT = re.compile(r"dev|test|lint|doc|typ|format|ci|debug|bench|style|check|mypy|notebook")


@dataclass
class Edit:
    """What pyproject.toml becomes.

    For a first lock, `pinned` names git dependencies by the commits that were locked; `branches`
    are what `text` names them by.
    """

    text: str
    pinned: str = ""
    branches: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write it, pinned where that is needed."""
        self.put(folder, self.pinned or self.text)

    def unpin(self, folder: Path) -> None:
        """Write it as it stays, and name the branches in poetry.lock, whose commits stay."""
        self.put(folder, self.text)
        lock = folder / "poetry.lock"
        if not lock.exists():
            return
        document = tomlkit.parse(lock.read_text("utf-8"))
        for package in document["package"]:
            if package["name"] in self.branches and "source" in package:
                package["source"]["reference"] = self.branches[package["name"]]
        lock.write_text(tomlkit.dumps(document), "utf-8", newline="\n")

    def put(self, folder: Path, text: str) -> None:
        """Write a text as it is, with its own line ends."""
        (folder / "pyproject.toml").write_text(text, "utf-8", newline="")


def merge(into: Any, data: Table) -> None:
    """Add what is missing; tables and arrays that are there get what they lack."""
    for key, value in data.items():
        if key not in into:
            into[key] = value
        elif isinstance(value, dict) and isinstance(into[key], AbstractTable | dict):
            merge(into[key], value)
        elif isinstance(value, Array) and isinstance(into[key], list):
            into[key].extend(item for item in value if item not in into[key])


def written(document: TOMLDocument, old: str) -> str:
    """Return the document with the old one's line ends; `Problem` where it would be no TOML."""
    text = tomlkit.dumps(document)
    if "\r\n" in old:
        text = re.sub(r"\r?\n", "\r\n", text)
    try:
        tomllib.loads(text)
    except ValueError as error:
        raise Problem(
            f"pyproject.toml has a form that could not be edited in place ({error})"
        ) from error
    return text


def packaged(service: Service) -> bool:
    """Tell whether Poetry finds the package to install: declared, or called like the project."""
    name = (
        str(service.project.get("name") or service.poetry.get("name") or "")
        .replace("-", "_")
        .lower()
    )
    listed = service.poetry.get("packages")
    return bool(listed) or any(
        re.match(rf"(src/)?{re.escape(name)}(/|\.py$)", f.lower()) for f in service.files
    )


def poetry(service: Service, document: TOMLDocument, answers: Table, report: Report) -> None:
    """Add what a Poetry project lacks: package-mode, requires-poetry, a Python."""
    added: Table = {}
    if "package-mode" not in service.poetry and not packaged(service):
        added["package-mode"] = False
    if "requires-poetry" not in service.poetry:
        added["requires-poetry"] = ">=2.2"
    if added:
        document.setdefault("tool", tomlkit.table(True)).setdefault(
            "poetry", tomlkit.table()
        ).update(added)
        report.took(f"pyproject.toml, with {some(sorted(added))} added")
    else:
        report.took("pyproject.toml, as it is")
    oldest = f">={answers['python_version']}"
    constraint = service.project.get("requires-python") or service.poetry.get(
        "dependencies", {}
    ).get("python")
    if constraint is None:
        if service.project:
            document["project"]["requires-python"] = oldest
        else:
            table = document["tool"]["poetry"].setdefault("dependencies", tomlkit.table())
            table["python"] = oldest
        report.look(f"no Python was named: requires-python is now {oldest}")
    elif not allows(str(constraint), str(answers["python_version"])):
        report.look(
            f"the image runs Python {answers['python_version']}, which {constraint} excludes: "
            "widen it in pyproject.toml and `make lock`"
        )
    scripts = {**service.project.get("scripts", {}), **service.poetry.get("scripts", {})}
    if scripts:
        report.look(
            f"scripts {some(sorted(scripts))} stay in pyproject.toml, but an image installs the "
            "dependencies alone: there, run modules (`python -m ...`)"
        )
    groups = {*service.pyproject.get("dependency-groups", {}), *service.poetry.get("group", {})}
    if others := sorted(g for g in groups if not DEVELOPMENT.search(g)):
        report.look(f"groups {some(others)}: the image installs the main dependencies alone")
    if "requires-plugins" in service.poetry:
        report.look("[tool.poetry.requires-plugins]: an image is built without these plugins")
    if "version" in service.project.get("dynamic", []):
        report.look("the version is made elsewhere: `make image VERSION=...` names the image")
    extras = {
        **service.project.get("optional-dependencies", {}),
        **service.poetry.get("extras", {}),
    }
    if extras:
        report.look(
            f"extras {some(sorted(extras))}: the image installs none; what it needs belongs into "
            "the dependencies"
        )


def pipenv(
    service: Service, lock: Table, found: adopt_pipenv.Sources, answers: Table, report: Report
) -> Edit:
    """Return pyproject.toml with all that the Pipfile says."""
    old = service.folder / "pyproject.toml"
    text = old.read_bytes().decode("utf-8") if old.exists() else ""
    version = str(answers["python_version"])
    major, minor = version.split(".")
    python = f">={version},<{major}.{int(minor) + 1}"
    project = {
        "name": answers["project_slug"],
        "version": "0.1.0",
        "description": answers["description"],
        "requires-python": python,
    }
    settings: Table = {"package-mode": False, "requires-poetry": ">=2.2"}
    # An owner's requires-python stays; Poetry can lock for a part of it.
    narrow = (
        {"python": python} if allows(str(service.project.get("requires-python")), version) else {}
    )

    def whole(converted: adopt_pipenv.Converted) -> str:
        document = tomlkit.parse(text)
        data = converted.data
        poetry: Table = {**settings, **data["tool"]["poetry"]}
        if "requires-python" in service.project:
            poetry["dependencies"] = {**narrow, **poetry.get("dependencies", {})}
        tool = {**data["tool"], "poetry": poetry}
        merge(document, {**data, "project": {**project, **data["project"]}, "tool": tool})
        return written(document, text)

    converted = adopt_pipenv.convert(service.pipfile, lock, found, report)
    commits, branches = adopt_pipenv.locked_commits(service.pipfile, lock)
    pinned = ""
    if commits:
        again = adopt_pipenv.convert(service.pipfile, lock, found, Report(), commits)
        pinned = whole(again)
    main = len(tomllib.loads(tomlkit.dumps(converted.data))["project"]["dependencies"])
    groups = some(["main", *converted.groups])
    report.took(f"{main} dependencies and groups {groups} from Pipfile, in pyproject.toml")
    for group in converted.groups:
        if group != "dev":
            report.look(
                f"category {group} is the optional group {group}: the image installs `main` alone"
            )
    if scripts := service.pipfile.get("scripts"):
        report.look(
            f"scripts {some(list(scripts))} stand in [tool.poe.tasks] as they were: "
            '`make add PACKAGES="--group dev poethepoet"` runs them'
        )
    report.took(f"Python {python}, so that the locked versions fit; widen it when they may move")
    return Edit(whole(converted), pinned, branches)


def edit(
    service: Service, lock: Table, found: adopt_pipenv.Sources, answers: Table, report: Report
) -> Edit:
    """Return what pyproject.toml becomes; nothing is written yet."""
    if service.pipfile:
        return pipenv(service, lock, found, answers, report)
    old = (service.folder / "pyproject.toml").read_bytes().decode("utf-8")
    document = tomlkit.parse(old)
    poetry(service, document, answers, report)
    return Edit(written(document, old))
