"""A Pipfile as Poetry says it: dependencies, groups, sources, scripts and what was locked.

Plette, Pipenv's own model of its files, reads and checks them; packaging checks what is written.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import tomlkit
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from plette import Lockfile, Pipfile  # type: ignore[import-untyped]
from tomlkit.container import Container
from tomlkit.items import Comment, Item

from tasks.adopt_report import Problem, Report

Table = dict[str, Any]

SECTIONS = {"source", "packages", "dev-packages", "requires", "scripts", "pipfile", "pipenv"}
# What Pipenv lets stand beside `markers`: `sys_platform = "== 'win32'"`.
MARKERS = [
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
]


def read(folder: Path) -> tuple[Table, Table]:
    """Return Pipfile and Pipfile.lock, each empty if missing; `Problem` where one is none."""
    found: list[Table] = []
    for name, model in (("Pipfile", Pipfile), ("Pipfile.lock", Lockfile)):
        try:
            with (folder / name).open(encoding="utf-8") as file:
                found.append(model.load(file)._data)
        except FileNotFoundError:
            found.append({})
        except (ValueError, KeyError, TypeError) as error:
            raise Problem(f"{name} cannot be read: {error}") from error
    return found[0], found[1]


def public_host() -> str:
    """Return the host of the public index, as pip has it built in; empty without pip."""
    code = "from pip._internal.models.index import PyPI; print(PyPI.netloc)"
    for python in (sys.executable, "python3"):
        done = subprocess.run([python, "-c", code], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip()
    return ""


@dataclass
class Sources:
    """The package indexes of a Pipfile: `table` for Poetry, `names` from Pipenv's to Poetry's.

    An index without a name in Poetry is the public one, which Poetry knows.
    """

    table: list[Table] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    default: str = ""

    def url(self, name: str) -> str:
        """Return the address of a source, by Poetry's name."""
        return next((str(source["url"]) for source in self.table if source["name"] == name), "")


def sources(pipfile: Table, report: Report) -> Sources:
    """Read the indexes: the first serves all that name none; others only those that name them."""
    everywhere = pipfile.get("pipenv", {}).get("install_search_all_sources", False)
    other = "supplemental" if everywhere else "explicit"
    host = public_host()
    found = Sources()
    for position, source in enumerate(pipfile.get("source", [])):
        name = str(source.get("name") or f"source-{position + 1}")
        parts = urlsplit(str(source["url"]))
        login, _, address = parts.netloc.rpartition("@")
        if address == host or address.endswith(".python.org"):
            if position and not found.default:
                continue
            found.names[name] = "PyPI" if position else ""
            if position:
                found.table.append({"name": "PyPI", "priority": other})
            continue
        ours = "index" if name.lower() == "pypi" else name  # Poetry keeps that name to itself
        url = urlunsplit(parts._replace(netloc=address)).rstrip("/")
        found.names[name] = ours
        found.default = found.default if position else ours
        priority = other if position else "primary"
        found.table.append({"name": ours, "url": url, "priority": priority})
        report.took(f"source {ours} ({priority})")
        if ours != name:
            report.look(
                f"source {name} is called {ours}: Poetry keeps '{name}' for the public index"
            )
        if login:
            report.look(
                f"source {ours} had credentials in its address; they are left out: give them as "
                f"POETRY_HTTP_BASIC_{re.sub(r'[^A-Z0-9]', '_', ours.upper())}_USERNAME and "
                "_PASSWORD, and to an image as its secret `netrc`"
            )
        if "$" in url:
            report.look(f"source {ours}: Poetry fills no variable in; write out {url}")
        if source.get("verify_ssl") is False:
            report.look(
                f"source {ours} was not verified: `poetry config certificates.{ours}.cert` names "
                "its certificate"
            )
    return found


@dataclass
class Dependency:
    """One entry: its requirement, and what only Poetry's own table can say (`source`, `path`)."""

    name: str
    requirement: str
    poetry: Table


def address(spec: Table, pinned: str) -> str:
    """Return the address of a git or url dependency, as a requirement writes it; else nothing."""
    if "git" in spec:
        url = str(spec["git"]).removeprefix("git+")
        if "://" not in url and not Path(url).is_absolute():  # git@host:path
            url = "ssh://" + url.replace(":", "/", 1)
        elif "://" not in url:
            url = f"file://{url}"
        reference = pinned or spec.get("ref")
        folder = spec.get("subdirectory")
        url += f"@{reference}" if reference else ""
        return f"git+{url}" + (f"#subdirectory={folder}" if folder else "")
    file = str(spec.get("file", ""))
    return file if "://" in file else ""


def dependency(key: str, entry: Any, found: Sources, pinned: str = "") -> Dependency:
    """Convert one entry; `ValueError` says what Poetry cannot do.

    `celery = {extras = ["redis"], index = "own"}` -> `celery[redis]`, `{source: own}`
    """
    spec: Table = dict(entry) if isinstance(entry, dict) else {"version": str(entry)}
    name, _, inner = key.partition("[")
    if left := {"svn", "hg", "bzr"} & spec.keys():
        raise ValueError(f"Poetry takes nothing from {left.pop()}")
    extras = [*(e.strip() for e in inner.rstrip("]").split(",") if e), *spec.get("extras", [])]
    version = str(spec.get("version", "*")).strip()
    version = "" if version == "*" else f"=={version}" if version[:1].isdigit() else version
    conditions = [str(spec[key]) for key in ("markers", "os_markers") if key in spec]
    conditions += [f"{key} {spec[key]}" for key in MARKERS if key in spec]
    marker = " and ".join(f"({c})" if " or " in c else c for c in conditions)
    url = address(spec, pinned)
    text = f"{name}[{','.join(extras)}]" if extras else name
    text += f" @ {url}" if url else version if "path" not in spec and "git" not in spec else ""
    if marker:
        text += f"{' ' if url else ''}; {Marker(marker)}"
    Requirement(text)
    poetry: Table = {}
    local = spec.get("path") or (spec.get("file") if not url else None)
    if local:
        poetry["path"] = str(local)
    if spec.get("editable") and (local or "git" in spec):
        poetry["develop"] = True
    if (index := spec.get("index")) and found.names.get(index, index):
        poetry["source"] = found.names.get(index, index)
    return Dependency(canonicalize_name(name), text, poetry)


def lines(table: Table) -> Iterator[tuple[str, Any, str]]:
    """Yield key, entry and comment of a TOML table; a comment on its own has no key."""
    if not isinstance(table, Item) or not isinstance(table.value, Container):
        yield from ((key, entry, "") for key, entry in table.items())
        return
    for key, item in table.value.body:
        if key is not None:
            yield key.key, item.unwrap(), item.trivia.comment.lstrip("# ")
        elif isinstance(item, Comment):
            yield "", None, item.trivia.comment.lstrip("# ")


@dataclass
class Converted:
    """What a Pipfile adds to pyproject.toml."""

    data: Table
    groups: list[str]


def convert(
    pipfile: Table,
    lock: Table,
    found: Sources,
    report: Report,
    commits: dict[str, str] | None = None,
) -> Converted:
    """Convert all of a Pipfile but its Python and its sources' addresses.

    `commits` holds git dependencies, by name, to what was locked instead of to their branch.
    """
    groups: Table = {}
    poetry: Table = {}
    names = ["packages", "dev-packages", *(key for key in pipfile if key not in SECTIONS)]
    converted: list[str] = []
    for section in names:
        group = {"packages": "", "dev-packages": "dev"}.get(
            section, str(canonicalize_name(section))
        )
        locked = lock.get(
            {"packages": "default", "dev-packages": "develop"}.get(section, section), {}
        )
        array = tomlkit.array()
        special: Table = {}
        for key, entry, comment in lines(pipfile.get(section, {})):
            if not key:
                array.add_line(comment=comment)
                continue
            if isinstance(entry, dict) and entry.get("path") in (".", "./"):
                report.look(
                    f"[{section}] {key} is the project itself: its own setup file names "
                    "dependencies that are not here yet (`poetry add`)"
                )
                continue
            try:
                made = dependency(
                    key, entry, found, (commits or {}).get(canonicalize_name(key), "")
                )
            except (ValueError, InvalidRequirement) as error:
                report.look(f"[{section}] {key} is left out ({error}): `poetry add` it")
                continue
            if re.search(r"\d(a|b|rc|\.?dev)\d", str(locked.get(made.name, {}).get("version", ""))):
                made.poetry["allow-prereleases"] = True
            array.add_line(made.requirement, comment=comment)
            if made.poetry:
                special[made.name] = tomlkit.inline_table()
                special[made.name].update(made.poetry)
            if (
                isinstance(entry, dict)
                and {"skip_resolver", "no_binary", "pip_args"} & entry.keys()
            ):
                report.look(f"[{section}] {key}: what it tells pip besides its version is not kept")
            if "path" in made.poetry:
                report.look(
                    f"{key} comes from {made.poetry['path']}, which the image's build does not "
                    "see: publish it to an index, or depend on its repository"
                )
        array.add_line(indent="")
        own: Table = {"dependencies": special} if special else {}
        if group:
            if section != "dev-packages" and section in pipfile:
                own = {"optional": True, **own}
            if len(array):
                groups[group] = array
                converted.append(group)
                if own:
                    poetry.setdefault("group", {})[group] = own
        else:
            main, poetry = array, {**own, **poetry}
    data: Table = {"project": {"dependencies": main}}
    if groups:
        data["dependency-groups"] = groups
    tasks = {key: scripted(entry) for key, entry in pipfile.get("scripts", {}).items()}
    data["tool"] = {"poetry": {**poetry, **({"source": found.table} if found.table else {})}}
    if tasks:
        data["tool"]["poe"] = {"tasks": tasks}
    return Converted(data, converted)


def scripted(entry: Any) -> Any:
    """Return a script as Poe the Poet, the task runner for Poetry, writes it."""
    return (
        {"script": str(entry["call"])}
        if isinstance(entry, dict) and "call" in entry
        else (str(entry["cmd"]) if isinstance(entry, dict) and "cmd" in entry else str(entry))
    )


def locked_commits(pipfile: Table, lock: Table) -> tuple[dict[str, str], dict[str, str]]:
    """Return commits and branches of the git dependencies that Pipfile names by a branch, or not.

    The commit is what Pipfile.lock holds; the branch is `HEAD` where Pipfile names none.
    """
    locked = {
        str(canonicalize_name(key)): str(entry["ref"])
        for section, packages in lock.items()
        if section != "_meta"
        for key, entry in packages.items()
        if "ref" in entry
    }
    commits: dict[str, str] = {}
    branches: dict[str, str] = {}
    for section in pipfile:
        if section in SECTIONS - {"packages", "dev-packages"}:
            continue
        for key, entry in dict(pipfile[section]).items():
            name = str(canonicalize_name(key))
            if isinstance(entry, dict) and "git" in entry and name in locked:
                branch = str(entry.get("ref", "HEAD"))
                if branch != locked[name]:
                    commits[name], branches[name] = locked[name], branch
    return commits, branches


def locked_packages(lock: Table, found: Sources) -> list[Table]:
    """Return what Pipfile.lock holds from an index: `{name, version, hashes, source}`.

    Where two categories disagree, the image's own, `default`, wins.
    """
    packages: dict[str, Table] = {}
    for section in sorted(lock, key=lambda name: (name != "default", name != "develop")):
        for key, entry in lock[section].items() if section != "_meta" else ():
            name = str(canonicalize_name(key))
            version = str(entry.get("version", "")).removeprefix("==")
            if not version or {"git", "path", "file"} & entry.keys() or name in packages:
                continue
            index = entry.get("index", "")
            source = found.names.get(index, index) if index else found.default
            packages[name] = {
                "name": name,
                "version": version,
                "hashes": set(entry.get("hashes", [])),
                "source": (source, found.url(source)) if found.url(source) else None,
            }
    return list(packages.values())
