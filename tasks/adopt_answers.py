"""Answers for the questionnaire, guessed from what a service is."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from tasks import adopt_dockerfile
from tasks.adopt_dockerfile import Dockerfile

Table = dict[str, Any]

KINDS = {
    "web": re.compile(
        "fastapi|flask|django|starlette|litestar|sanic|falcon|bottle|tornado|quart|connexion|"
        "uvicorn|gunicorn|hypercorn|granian|waitress|daphne|uwsgi"
    ),
    "worker": re.compile(
        "celery|dramatiq|rq|arq|huey|faststream|aiokafka|confluent-kafka|kafka-python|pika"
    ),
}
# What services keep beside their package and need when they run.
BESIDE = (
    r"migrations|alembic|alembic\.ini|templates|static|locales?|translations|manage\.py|"
    r"(gunicorn|hypercorn)[._-]?conf(ig)?\.py|logging\.(ini|conf|json|ya?ml)|babel\.cfg"
)
# What Dockerfiles copy that the new one knows by itself, or an image does not need.
KNOWN = re.compile(
    r"pyproject\.toml|poetry\.(lock|toml)|Pipfile(\.lock)?|requirements.*|setup\.(py|cfg)|README.*|"
    r"tests?|Dockerfile.*|\.dockerignore|Makefile|mypy\.ini|ruff\.toml|LICENSE.*|\..*"
)
APPLICATION = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass
class Service:
    """An existing service: its folder, its manifests as plain data, and the files that git has."""

    folder: Path
    pyproject: Table
    pipfile: Table
    files: list[str]
    docker: Dockerfile

    @property
    def project(self) -> Table:
        """The table `[project]`."""
        return dict(self.pyproject.get("project", {}))

    @property
    def poetry(self) -> Table:
        """The table `[tool.poetry]`."""
        return dict(self.pyproject.get("tool", {}).get("poetry", {}))

    @property
    def top(self) -> set[str]:
        """The files and folders at the top."""
        return {name.split("/")[0] for name in self.files}

    def text(self, name: str) -> str:
        """Return a file of the service that git has; nothing for any other."""
        return (self.folder / name).read_text("utf-8", "replace") if name in self.files else ""

    def dependencies(self) -> set[str]:
        """Return what the service itself depends on, by normalised name."""
        names = {*self.poetry.get("dependencies", {}), *self.pipfile.get("packages", {})}
        for text in self.project.get("dependencies", []):
            try:
                names.add(Requirement(text).name)
            except InvalidRequirement:
                names.add(re.split(r"[^\w.-]", text.strip())[0])
        return {str(canonicalize_name(name.split("[")[0])) for name in names}


def read(folder: Path, pyproject: Table, pipfile: Table) -> Service:
    """Look at a service; raises nothing for what it lacks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True)
    files = [name for name in listed.stdout.split("\0") if name]
    docker = folder / "Dockerfile"
    text = docker.read_text("utf-8", "replace") if docker.is_file() else ""
    return Service(folder, pyproject, pipfile, files, adopt_dockerfile.read(text))


def names(service: Service) -> Table:
    """Guess how the service is called, what it does, and who looks after it."""
    name = str(service.project.get("name") or service.poetry.get("name") or service.folder.name)
    about = str(
        service.project.get("description") or service.poetry.get("description") or ""
    ).strip()
    found: Table = {"project_name": re.sub(r"[\W_]+", " ", name).strip().title()[:80]}
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", slug):
        found["project_slug"] = slug
    if about and len(about) <= 200 and about.isprintable():
        found["description"] = about
    for author in [*service.project.get("authors", []), *service.poetry.get("authors", [])][:1]:
        text = (
            author
            if isinstance(author, str)
            else f"{author.get('name', '')} <{author.get('email', '')}>"
        )
        who, _, mail = text.partition("<")
        found |= {"user_name": who.strip()[:100], "user_email": mail.strip("> ")}
    declared = service.project.get("license") or service.poetry.get("license") or ""
    declared = declared.get("text", "") if isinstance(declared, dict) else declared
    licences = {
        "mit": "MIT",
        "mit license": "MIT",
        "apache-2.0": "Apache-2.0",
        "apache 2.0": "Apache-2.0",
    }
    if str(declared).lower() in licences:
        found["license"] = licences[str(declared).lower()]
    return found


def allows(constraint: str, version: str) -> bool:
    """Tell whether a constraint of Poetry's, such as `^3.11`, has room for a minor version.

    A constraint that cannot be read allows all: Poetry will say what it thinks of it.
    """
    for choice in re.split(r"\|\|?", constraint):
        texts = [part for part in re.split(r"\s*,\s*|\s+(?=[\^~<>=!])", choice.strip()) if part]
        specifiers: list[str] = []
        for text in texts:
            number = re.sub(r"[^\d.]", "", text).strip(".")
            parts = number.split(".")
            if text.startswith("^"):
                specifiers += [f">={number}", f"<{int(parts[0] or 3) + 1}"]
            elif re.match(r"~[\d ]", text):
                specifiers += [f">={number}", f"=={'.'.join(parts[:2])}.*"]
            elif text[0].isdigit():
                specifiers += [
                    f"=={text}" if text.endswith("*") or len(parts) > 2 else f"=={text}.*"
                ]
            elif text != "*":
                specifiers.append(text)
        try:
            wanted = SpecifierSet(",".join(specifiers))
        except InvalidSpecifier:
            return True
        if any(f"{version}.{patch}" in wanted for patch in range(40)):
            return True
    return False


def python(service: Service, offered: list[str], default: str) -> tuple[str, str]:
    """Return the Python to run on, and the one that the service ran on, empty where nobody says.

    Of those that the project allows: the one it runs on or else the next, for which its locked
    versions are likely to be built; where nobody says, the organisation's, or else the newest.
    """
    requires = service.pipfile.get("requires", {})
    pinned = str(requires.get("python_full_version") or requires.get("python_version") or "")
    said = [pinned, service.docker.python]
    said += [service.text(name) for name in (".python-version", "runtime.txt")]
    ran = next((m[0] for text in said if (m := re.search(r"\d\.\d+", text))), "")
    constraint = service.poetry.get("dependencies", {}).get("python", "")
    constraint = service.project.get("requires-python") or str(constraint)
    allowed = [version for version in offered if allows(str(constraint), version)] or offered
    if ran in allowed:
        return ran, ran
    if ran:
        later = [v for v in allowed if [*map(int, v.split("."))] > [*map(int, ran.split("."))]]
        return (later or allowed)[0], ran
    return default if default in allowed else allowed[-1], ran


def kind(service: Service) -> tuple[str, str]:
    """Return the kind of service, and what speaks for it."""
    for guess, known in KINDS.items():
        if speaks := sorted(filter(known.fullmatch, service.dependencies())):
            return guess, speaks[0]
    if service.docker.port:
        return "web", "EXPOSE in the Dockerfile"
    return "job", "no server, no queue"


def application(service: Service) -> str:
    """Return the application's package: with a `main.py`, or called like the project."""
    named = str(service.project.get("name") or service.poetry.get("name") or "")
    listed = [
        p.get("include", "") for p in service.poetry.get("packages", []) if isinstance(p, dict)
    ]
    likely = ["app", re.sub(r"[-.]", "_", named.lower()), *listed, *sorted(service.top)]
    for file in ("main.py", "__main__.py", "__init__.py"):
        for folder in likely:
            beside = re.fullmatch(BESIDE + "|tests?|docs?|scripts?", folder)
            if f"{folder}/{file}" in service.files and APPLICATION.fullmatch(folder) and not beside:
                return str(folder)
    return "app"


def imported(service: Service, package: str) -> list[str]:
    """Return what else at the top the application imports, or what it imports does."""
    modules = {name.removesuffix(".py"): name for name in service.top if name.endswith(".py")}
    modules |= {
        name: name
        for name in service.top
        if any(f.startswith(f"{name}/") and f.endswith(".py") for f in service.files)
    }
    found: dict[str, None] = {package: None}
    for item in (waiting := [package]):
        own = modules.get(item, item)
        for file in service.files:
            if file == own or (file.startswith(f"{own}/") and file.endswith(".py")):
                for name in re.findall(
                    r"^\s*(?:from|import)\s+(\w+)", service.text(file), re.MULTILINE
                ):
                    if name in modules and name not in found and name not in ("tests", "test"):
                        found[name] = None
                        waiting.append(name)
    return [modules[name] for name in found if name != package]


def beside(service: Service, package: str) -> list[str]:
    """Return what else the image needs: known names, the old Dockerfile's copies, imports."""
    copied = [path for path in service.docker.copied if path.split("/")[0] in service.top]
    wanted = [
        *(name for name in sorted(service.top) if re.fullmatch(BESIDE, name)),
        *(path for path in copied if not KNOWN.fullmatch(path.split("/")[0])),
        *imported(service, package),
    ]
    fits = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
    return [p for p in dict.fromkeys(wanted) if fits.fullmatch(p) and p.split("/")[0] != package]


def guess(service: Service, index: str) -> tuple[Table, str]:
    """Return all answers that differ from the questionnaire's own, and what speaks for the kind."""
    guessed, why = kind(service)
    docker = service.docker
    found = {**names(service), "service_kind": guessed, "app_package": application(service)}
    found["serving"] = False  # its main.py does
    found["extra_paths"] = beside(service, str(found["app_package"]))
    if 1024 <= docker.port <= 65535:
        found["port"] = docker.port
    if docker.user.split(":")[0].isdecimal() and int(docker.user.split(":")[0]):
        found["uid"] = int(docker.user.split(":")[0])
    if docker.build_packages:
        found["build_packages"] = docker.build_packages
    if docker.runtime_packages:
        found["runtime_packages"] = docker.runtime_packages
    if index:
        found["package_index"] = index
    return found, why
