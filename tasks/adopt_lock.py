"""A poetry.lock with the very versions that the old lock had.

`poetry lock` keeps the versions of a lock that it finds. So the old ones are written down in
Poetry's format, without files or dependencies; Poetry fills these in from the index.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomlkit
from packaging.utils import canonicalize_name
from plumbum import ProcessExecutionError, local
from plumbum.commands.base import BaseCommand

from tasks import mirror
from tasks.adopt_report import Report, some

Table = dict[str, Any]

MISSING = re.compile(r"Package (\S+) \((\S+)\) not found|Unable to find .* (\S+) \((\S+)\)")

# What Poetry says before it says what is wrong.
BEFORE = re.compile(
    r"deprecated|^Warning|currently activated|Trying to find|^(Resolving|Updating|Creating|Using) "
)


def reason(error: ProcessExecutionError) -> str:
    """Return the first thing that Poetry said of its failure, as one short line."""
    said = f"{error.stderr}\n{error.stdout}".splitlines()
    lines = [line.strip() for line in said if line.strip() and not BEFORE.search(line.strip())]
    return (lines[0] if lines else f"exit code {error.retcode}").rstrip(".")[:160]


def read(folder: Path) -> list[Table]:
    """Return the packages of poetry.lock, none where there is no lock or none that can be read."""
    try:
        data = tomllib.loads((folder / "poetry.lock").read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return list(data.get("package", []))


def versions(packages: list[Table]) -> dict[str, set[str]]:
    """Return the locked versions by name; a name may have several, for different platforms."""
    found: dict[str, set[str]] = {}
    for package in packages:
        found.setdefault(str(canonicalize_name(package["name"])), set()).add(
            str(package["version"])
        )
    return found


def seed(folder: Path, packages: list[Table]) -> None:
    """Write a stale poetry.lock that holds versions alone: even left as it is, it keeps them."""
    document = tomlkit.document()
    entries = tomlkit.aot()
    for package in packages:
        entry = tomlkit.item(
            {
                "name": package["name"],
                "version": package["version"],
                "description": "",
                "optional": False,
                "python-versions": "*",
                "groups": ["main"],
                "files": [],
            }
        )
        if package["source"]:
            name, url = package["source"]
            entry["source"] = {"type": "legacy", "url": url, "reference": name}
        entries.append(entry)
    document["package"] = entries
    document["metadata"] = {"lock-version": "2.1", "python-versions": "*", "content-hash": "stale"}
    (folder / "poetry.lock").write_text(tomlkit.dumps(document), "utf-8", newline="\n")


@contextmanager
def apart(folder: Path) -> Iterator[None]:
    """Run Poetry in the service, with its virtual environments elsewhere: none is asked for."""
    with (
        TemporaryDirectory() as elsewhere,
        local.cwd(folder),
        local.env(
            VIRTUAL_ENV="",
            POETRY_VIRTUALENVS_IN_PROJECT="false",
            POETRY_VIRTUALENVS_PATH=elsewhere,
        ),
    ):
        yield


def run(poetry: BaseCommand, folder: Path) -> dict[str, str]:
    """Run `poetry lock`; return what the environment lacks; raise the error that tells most."""
    with apart(folder):
        try:
            return mirror.run(poetry, "lock", "--no-interaction")
        except ProcessExecutionError:
            try:
                environment = {mirror.URL: mirror.simple_index()}
            except LookupError:
                environment = {}
            poetry.with_env(**environment)("lock", "--no-interaction")
            return environment


def lock(
    poetry: BaseCommand, folder: Path, packages: list[Table], report: Report
) -> dict[str, str] | None:
    """Lock with these versions, giving up those that no index has; `None` where it did not work."""
    left = list(packages)
    while True:
        try:
            return run(poetry, folder)
        except ProcessExecutionError as error:
            said = re.sub(r"\s+", " ", f"{error.stdout} {error.stderr}")
            gone = [(m[1] or m[3], m[2] or m[4]) for m in MISSING.finditer(said)]
            kept = [p for p in left if (p["name"], p["version"]) not in gone]
            if packages and len(kept) < len(left):
                left = kept
                seed(folder, left)
                continue
            report.look(
                f"the dependencies could not be locked ({reason(error)}): `make lock`"
                + (
                    " later keeps the old versions, which poetry.lock names"
                    if packages
                    else " later"
                )
            )
            return None


def current(poetry: BaseCommand, folder: Path, report: Report) -> bool:
    """Tell whether poetry.lock fits pyproject.toml; say what else Poetry finds wrong with it."""
    with apart(folder):
        code, output, errors = poetry["check", "--lock"].run(retcode=None)
    said = [
        line.strip() for line in f"{output}\n{errors}".splitlines() if line.startswith("Error:")
    ]
    for line in said:
        if "poetry.lock" not in line:
            report.look(f"`poetry check` says: {line.removeprefix('Error:').strip()}")
    return not code or bool(said and not any("poetry.lock" in line for line in said))


def compare(old: list[Table], new: list[Table], name: str, report: Report) -> None:
    """Say which locked versions were kept, and which could not be; `name` is the old lock's."""
    before, after = versions(old), versions(new)
    kept = {n for n, v in before.items() if v <= after.get(n, set())}
    report.took(f"{len(kept)} of {len(before)} locked versions from {name}")
    moved = sorted(before.keys() & after.keys() - kept)
    report_each = [
        f"{n} {'/'.join(sorted(before[n]))} -> {'/'.join(sorted(after[n]))}" for n in moved
    ]
    if moved:
        report.look(f"versions that could not be kept: {some(report_each)}")
    if gone := sorted(before.keys() - after.keys()):
        report.look(f"locked before, and needed by nothing: {some(gone)}")
    if added := sorted(after.keys() - before.keys()):
        report.look(f"locked now, for other platforms or Pythons: {some(added)}")
    files = {
        str(canonicalize_name(p["name"])): {file["hash"] for file in p.get("files", [])}
        for p in new
    }
    other = sorted(
        p["name"]
        for p in old
        if p["name"] in kept and p.get("hashes") and not p["hashes"] & files[p["name"]]
    )
    if other:
        report.look(f"the index has other files under the same version: {some(other)}")
