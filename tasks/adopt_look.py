"""What a person should look at after an adoption: where the old service and the template differ."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tasks.adopt_answers import Service
from tasks.adopt_report import Report, some

Table = dict[str, Any]

# What the new Dockerfile sets itself, or what only pip, Poetry and Pipenv read.
OURS = re.compile(
    r"PATH|HOME|APP_VERSION|LOGNAME|PYTHONUNBUFFERED|PYTHONDONTWRITEBYTECODE|(PIP|POETRY|PIPENV)_.*"
)


def targets(makefile: str) -> set[str]:
    """Return the targets of a Makefile."""
    return set(re.findall(r"^([A-Za-z][\w-]*)\s*:(?!=)", makefile, re.MULTILINE))


def replaced(service: Service, made: Path, names: list[str], report: Report) -> None:
    """Say which files are the template's from now on, and what is lost with the old ones."""
    report.took(f"from the template: {some(names, 20)}")
    old = [n for n in names if n in service.files and n != ".gitignore"]
    if old:
        report.look(f"replaced, yours are in git (`git show HEAD:./{old[0]}`): {some(old)}")
    if lost := sorted(
        targets(service.text("Makefile")) - targets((made / "Makefile").read_text("utf-8"))
    ):
        report.look(f"targets of the old Makefile are gone: {some(lost)}")
    if "Dockerfile" in old:
        dockerfile(service, report)


def dockerfile(service: Service, report: Report) -> None:
    """Say what the old Dockerfile did that the new one does not."""
    docker = service.docker
    if docker.left_out:
        report.look(f"installed with apt before, now left out as tools: {some(docker.left_out)}")
    if docker.other_manager:
        report.look(
            f"the old image installed packages with {docker.other_manager}: name Debian's in "
            "build_packages and runtime_packages"
        )
    if variables := [
        name for name in dict.fromkeys(docker.environment) if not OURS.fullmatch(name)
    ]:
        report.look(
            f"the old image set {some(variables)}: set them where the service runs, or in code"
        )
    started = " ".join(part for part in (docker.entrypoint, docker.command) if part)
    if started:
        report.look(f"the old image ran `{started}`; the new one runs `python -m` on its package")
    if docker.volumes:
        report.look(
            f"the old image had volumes {some(docker.volumes)}: mount them where the service runs"
        )
    if docker.port and docker.port < 1024:
        report.look(
            f"the old image listened on {docker.port}; without privileges a port is 1024 or higher"
        )
    if "." in docker.copied:
        report.look(
            "the old image held the whole repository; the new one holds the package and extra_paths"
        )


def answers(service: Service, given: Table, ran: str, why: str, report: Report) -> None:
    """Say which answers were taken, and which rest on a guess."""
    asked = ("service_kind", "python_version", "app_package", "port", "uid", "package_index")
    slots = ("extra_paths", "build_packages", "runtime_packages")
    said = [f"{name}={given[name]}" for name in asked if given.get(name)]
    said += [f"{name}=[{', '.join(given[name])}]" for name in slots if given.get(name)]
    report.took(f"answers: {'; '.join(said)}")
    if why:
        report.look(f"service_kind={given['service_kind']} is a guess ({why})")
    if ran and ran != given["python_version"]:
        report.look(f"it ran on Python {ran}; the image runs {given['python_version']}")
    if given.get("build_packages") or given.get("runtime_packages"):
        report.look(
            "build_packages and runtime_packages are the old Dockerfile's: drop what is not needed"
        )


def application(service: Service, given: Table, report: Report) -> None:
    """Say where the application does not fit `python -m app.main`, or what the image asks of it."""
    package = str(given["app_package"])
    main = service.text(f"{package}/main.py")
    sources = {
        f: service.text(f)
        for f in service.files
        if f.startswith(f"{package}/") and f.endswith(".py")
    }
    elsewhere = [f for f in service.files if re.fullmatch(r"src/[a-z]\w*/(main|__init__)\.py", f)]
    if not sources:
        hint = f"; move {elsewhere[0].rsplit('/', 1)[0]} to the top" if elsewhere else ""
        report.look(
            f"there is no package {package}, which `make run` and the image need{hint} "
            "(another name: ANSWERS=app_package=...)"
        )
    elif not main:
        report.look(
            f"`python -m {package}.main` does not exist: add {package}/main.py, which starts it all"
        )
    elif "__main__" not in main:
        report.look(
            f"{package}/main.py starts nothing when it is run: end it with "
            "`if __name__ == '__main__': ...`"
        )
    if given["service_kind"] == "web" and not any(
        "/health/ready" in text for text in sources.values()
    ):
        report.look(
            "the image's health check asks GET /health/ready, which nothing here answers yet"
        )
    if not any(name.startswith("tests/") for name in service.files):
        other = " (yours are in test/)" if any(n.startswith("test/") for n in service.files) else ""
        report.look(
            f"there is no folder tests, where `make test` and `make test-image` look{other}"
        )
    if not re.search(
        r'^version = "',
        (service.folder / "pyproject.toml").read_text("utf-8")
        if service.pyproject and not service.pipfile
        else 'version = "',
        re.MULTILINE,
    ):
        report.look('pyproject.toml has no line `version = "..."`, which names the image: add one')
    paths = [
        p
        for p in service.poetry.get("dependencies", {}).values()
        if isinstance(p, dict) and "path" in p
    ]
    if paths:
        report.look(
            f"{some([str(p['path']) for p in paths])}: the image's build does not see dependencies "
            "by path; publish them to an index, or depend on their repository"
        )


def tools(service: Service, locked: Iterable[str], report: Report) -> None:
    """Say which tools are missing, which settings count no more, and who still calls Pipenv."""
    missing = sorted({"pytest", "ruff", "mypy", "pydantic"} - set(locked))
    if missing:
        report.look(
            f"`make test` and `make lint` need {', '.join(missing)}: `make add "
            f'PACKAGES="--group dev {" ".join(missing)}"`'
        )
    tables = service.pyproject.get("tool", {})
    for tool, file in (("ruff", "ruff.toml"), ("mypy", "mypy.ini")):
        if tool in tables:
            report.look(f"[tool.{tool}] in pyproject.toml counts no more: {file} comes first")
        if f".{file}" in service.files:
            before = "comes before" if tool == "ruff" else "counts no more beside"
            report.look(f".{file} {before} the template's {file}: keep one")
    if re.search(r"^\[mypy", service.text("setup.cfg"), re.MULTILINE):
        report.look("[mypy] in setup.cfg counts no more: mypy.ini comes first")
    if service.pipfile:
        command = [
            "git",
            "grep",
            "--name-only",
            "--word-regexp",
            "pipenv",
            "HEAD",
            "--",
            ".",
            ":!Pipfile*",
        ]
        found = subprocess.run(command, cwd=service.folder, capture_output=True, text=True).stdout
        calls = [line.removeprefix("HEAD:") for line in found.splitlines()]
        calls = [
            name
            for name in calls
            if not re.fullmatch(r"Dockerfile|Makefile|\.dockerignore|CHANGE.*", name)
        ]
        if calls:
            report.look(f"pipenv is still named in {some(calls)}")
    elif "Pipfile" in service.files:
        report.look("Pipfile counts no more: `git rm Pipfile Pipfile.lock`")


def ignored(service: Service, report: Report) -> None:
    """Say which new files git would not commit, because the owner's .gitignore hides them."""
    names = [".copier-answers.yml", "Dockerfile", "Dockerfile.py", ".dockerignore", "Makefile"]
    names += ["poetry.toml", "ruff.toml", "mypy.ini", "pyproject.toml", "poetry.lock"]
    names += [".poetry-constraints.txt"]
    names += [path.name for path in service.folder.glob("Dockerfile.runtime.py")]
    command = ["git", "check-ignore", "--no-index", *names]
    found = subprocess.run(
        command, cwd=service.folder, capture_output=True, text=True
    ).stdout.split()
    if hidden := [name for name in found if name not in service.files]:
        report.look(f"your .gitignore hides {some(hidden)}: `git add --force {' '.join(hidden)}`")
