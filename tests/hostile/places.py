"""Where answers stand in a service, each read back by what reads that file."""

from __future__ import annotations

import ast
import configparser
import json
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import yaml

from tests.render.support import QUESTIONS as ALL

QUESTIONS = {name: question for name, question in ALL.items() if not name.startswith("_")}
Places = dict[str, dict[str, object]]
"""What stands where, by question and by `file: place`."""


def one(pattern: str, text: str) -> str:
    """Return the group of the one match that there is."""
    found = set(re.findall(pattern, text, re.MULTILINE))
    assert len(found) == 1, (pattern, found)
    return str(found.pop())


def label(dockerfile: str, name: str) -> str:
    """Return a label's value as written, in its quotes."""
    return one(rf'org\.opencontainers\.image\.{name}=("(?:[^"\\]|\\.)*") \\$', dockerfile)


def unquoted(value: str) -> str:
    """Return what Docker makes of a label: its own escapes undone, no variable in it."""
    assert not re.search(r"(?<!\\)(\\\\)*\$", value), "Docker would put a variable in"
    return re.sub(r'\\(["\\$])', r"\1", value[1:-1])


def make(folder: Path, variable: str, *targets: str) -> str:
    """Return a variable as make has it, which also says what it would do for some targets."""
    show = f"--eval=value-of-it: ; value=$({variable})=value"
    command = ["make", "--dry-run", show, "value-of-it", *targets]
    environment = {**os.environ, "MAKEFLAGS": ""}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == 0, done.stderr
    return one(r"^value=(.*)=value$", done.stdout)


def python(folder: Path, package: str) -> dict[str, ast.Module]:
    """Return the modules of the service, parsed."""
    names = [f"{package}/__init__.py", f"{package}/main.py", f"{package}/settings.py"]
    return {
        name: ast.parse((folder / name).read_text("utf-8"))
        for name in [*names, "tests/test_main.py"]
    }


def imported(module: ast.Module) -> set[str]:
    """Return the top-level packages that a module imports by `from`."""
    found = [node.module for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in found if name}


def json_lists(dockerfile: str, command: str) -> list[list[str]]:
    """Return the lists of JSON that an instruction takes: `["python", …]`."""
    lines = re.findall(rf"^{command}\b.*?(\[\".*\])$", dockerfile, re.MULTILINE)
    return [json.loads(line) for line in lines]


def packages(dockerfile: str, stage: str) -> list[str]:
    """Return the Debian packages that a stage installs."""
    part = one(rf"(?s)^FROM \S+ AS {stage}\n(.*?)(?=^FROM )", dockerfile)
    found = re.findall(r"install -y --no-install-recommends (.*?)(?: \\)?$", part, re.MULTILINE)
    return shlex.split(found[0]) if found else []


# Where a manifest that has no name of its own says whose it is.
SLUGS = {
    r"deploy/base/kustomization\.yaml": r"app\.kubernetes\.io/name: (\S+)$",
    r"deploy/overlays/.*/settings/kustomization\.yaml": (
        r"(?: \[|  - name: )(\S+?)(?:\.[a-z]+\.example\.com\])?$"
    ),
    r"deploy/canary/kustomization\.yaml": r"instance: (\S+)-canary$",
    r"deploy/examples/.*": r"^ +(?:namespace|targetNamespace): (\S+)-(?:dev|staging|production)$",
    r"deploy/deploy\.mk": r" --name=(\S+) ",
}


# What is there if it was asked for.
FLAGS = {
    "renovate": "renovate.json",
    "compose": "compose.yaml",
    "devcontainer": ".devcontainer/devcontainer.json",
    "pre_commit": ".pre-commit-config.yaml",
}


def manifests(texts: dict[str, str], answers: dict[str, Any], found: Places) -> None:
    """Add what stands in the manifests, each of which is read whole."""
    for name, text in texts.items():
        if not re.fullmatch(r"deploy/.*\.(yaml|mk)", name):
            continue
        kinds = list(yaml.safe_load_all(text)) if name.endswith(".yaml") else []
        for document in kinds:
            if "/base/" in name and "metadata" in document:
                found["project_slug"][name] = document["metadata"]["name"]
        for file, pattern in SLUGS.items():
            if re.fullmatch(file, name) and re.search(pattern, text, re.MULTILINE):
                found["project_slug"][name] = one(pattern, text)
    migration = "deploy/examples/migrate.yaml"
    if migration in texts:
        job = yaml.safe_load(texts[migration])
        pod = job["spec"]["template"]["spec"]
        found["project_slug"][migration] = job["metadata"]["generateName"].removesuffix("-migrate-")
        found["uid"][migration] = pod["securityContext"]["runAsUser"]
        image = pod["containers"][0]["image"]
        found["image_repository"][migration] = image.removesuffix(":VERSION")
    for name in ("deploy/base/deployment.yaml", "deploy/base/job.yaml"):
        if name in texts:
            manifest = yaml.safe_load(texts[name])
            spec = manifest["spec"]
            if "jobTemplate" in spec:
                found["schedule"][name] = spec["schedule"]
                spec = spec["jobTemplate"]["spec"]
            pod = spec["template"]["spec"]
            found["uid"][name] = pod["securityContext"]["runAsUser"]
            if answers["service_kind"] == "web":
                found["port"][name] = pod["containers"][0]["ports"][0]["containerPort"]


def places(folder: Path) -> Places:
    """Return everything that stands in a service for an answer."""
    texts = {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
    stored: dict[str, Any] = yaml.safe_load(texts[".copier-answers.yml"])
    answers = {name: value for name, value in stored.items() if not name.startswith("_")}
    found: Places = {
        q: {} for q, question in QUESTIONS.items() if question.get("when") is not False
    }
    for name, value in answers.items():  # a question that nobody has reason to ask is not stored
        found[name][".copier-answers.yml"] = value
    found["template_source"] = {".copier-answers.yml": stored.get("_src_path")}
    package, kind = answers["app_package"], answers["service_kind"]
    dockerfile, readme = texts["Dockerfile"], texts["README.md"]

    toml = tomllib.loads(texts["pyproject.toml"])
    project = toml["project"]
    author = project.get("authors", [{}])[0]
    found["project_slug"]["pyproject.toml"] = project["name"]
    found["description"]["pyproject.toml"] = project["description"]
    found["user_name"]["pyproject.toml"] = author.get("name", "")
    found["user_email"]["pyproject.toml"] = author.get("email", "")
    found["license"]["pyproject.toml"] = project.get("license", "none")
    index = toml["tool"]["poetry"].get("source", [{"url": ""}])[0]
    found["package_index"]["pyproject.toml"] = index["url"]

    found["project_name"]["README.md"] = readme.split("\n")[0].removeprefix("# ")
    found["description"]["README.md"] = readme.split("\n")[2]
    found["image_repository"]["README.md"] = one(r"# the image (.*):VERSION$", readme)
    found["image_repository"]["README.md: run"] = one(
        r"docker run .*?(\S+):(?:0\.1\.0|\$\(make version\))$", readme
    )
    found["app_package"]["README.md"] = one(r"^\| `(.*)/main\.py` \|", readme)
    if answers["package_index"]:
        found["package_index"]["README.md"] = one(r"^Packages come from (.*)\.$", readme)

    found["project_name"]["Dockerfile"] = unquoted(label(dockerfile, "title"))
    found["description"]["Dockerfile"] = unquoted(label(dockerfile, "description"))
    found["package_index"]["Dockerfile"] = one(
        r"^ENV INDEX=\$\{POETRY_PYPI_MIRROR_URL(?::-)?(.*)\}$", dockerfile
    )
    found["uid"]["Dockerfile"] = int(one(r"^USER ([1-9]\d*):\d+$", dockerfile))
    found["uid"]["Dockerfile: group"] = int(one(r"^USER [1-9]\d*:(\d+)$", dockerfile))
    found["app_package"]["Dockerfile"] = json_lists(dockerfile, "CMD")[0][-1].removesuffix(".main")
    found["app_package"]["Dockerfile: user"] = one(r" LOGNAME=(\S+) ", dockerfile)
    copied = re.findall(r"^COPY --chown=\d+:\d+ (\S+) /tmp/layer/\S+/app/(\S+)$", dockerfile, re.M)
    found["app_package"]["Dockerfile: code"] = copied[0][0]
    found["app_package"]["Dockerfile: code, to"] = copied[0][1]
    named = slice(1, 1 + len(answers["extra_paths"]))  # then come the migrations
    found["extra_paths"]["Dockerfile"] = [path for path, _ in copied[named]]
    found["extra_paths"]["Dockerfile: to"] = [path for _, path in copied[named]]
    checked = next(step for step in json_lists(dockerfile, "RUN") if "environment" in step)
    found["absent_libraries"]["Dockerfile"] = checked[checked.index("environment") + 1 :]
    found["build_packages"]["Dockerfile"] = packages(dockerfile, "builder")
    composing = [s for s in json_lists(dockerfile, "RUN") if "/Dockerfile.runtime.py" in s]
    found["runtime_packages"]["Dockerfile"] = (
        [name for name in composing[0][3:] if name != "--interpreter"]
        if composing
        else packages(dockerfile, "runtime")
    )
    found["python_version"]["Dockerfile"] = one(r"/lib/python([\d.]+)/site-packages", dockerfile)

    lines = texts[".dockerignore"].split("\n")
    allowed = [line[1:] for line in lines[: lines.index("")] if line.startswith("!")]
    found["app_package"][".dockerignore"] = allowed[allowed.index("poetry.lock") + 1]
    found["extra_paths"][".dockerignore"] = allowed[allowed.index("poetry.lock") + 3 :][
        : len(answers["extra_paths"])
    ]

    ini = configparser.ConfigParser(interpolation=None)
    ini.read_string(texts["mypy.ini"])
    found["app_package"]["mypy.ini"] = ini["mypy"]["files"].removesuffix(", tests")
    found["python_version"]["mypy.ini"] = ini["mypy"]["python_version"]
    ruff = tomllib.loads(texts["ruff.toml"])["target-version"]
    found["python_version"]["ruff.toml"] = ruff.replace("py3", "3.")

    found["image_repository"]["Makefile"] = make(folder, "IMAGE", "help", "image", "lock")
    found["app_package"]["Makefile"] = one(r" -m (\S+)\.main$", texts["Makefile"])
    found["python_version"]["Makefile"] = one(r"shell python([\d.]+) -V", texts["Makefile"])

    modules = python(folder, package)
    for name in (f"{package}/main.py", "tests/test_main.py"):
        assert package in imported(modules[name]), name
        found["app_package"][name] = package
    if kind == "web":
        title = one(r'\btitle="(.*?)",', texts[f"{package}/main.py"])
        found["project_slug"][f"{package}/main.py"] = title
        settings = texts[f"{package}/settings.py"]
        found["port"][f"{package}/settings.py"] = int(one(r"port: int = Field\((\d+),", settings))
        found["port"]["Dockerfile"] = int(one(r"^EXPOSE (\d+)$", dockerfile))
        found["port"]["Dockerfile: variable"] = int(one(r" PORT=(\d+)$", dockerfile))
        found["port"]["README.md"] = int(one(r"http://localhost:(\d+),", readme))
        found["port"]["README.md: table"] = int(one(r"^\| `PORT` \| `(\d+)` \|", readme))
    telemetry = f"{package}/telemetry.py"
    found["observability"][telemetry] = "opentelemetry" if telemetry in texts else "none"
    if telemetry in texts:
        found["project_slug"][telemetry] = one(r'"service\.name": "(.*)",$', texts[telemetry])
    if "LICENSE" in texts and answers["license"] == "MIT":
        holder = "user_name" if answers["user_name"] else "project_name"
        found[holder]["LICENSE"] = texts["LICENSE"].split("\n")[2].removeprefix("Copyright (c) ")
    pipelines = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}
    for pipeline, name in pipelines.items():
        if name in texts:
            found["ci"][name] = pipeline
            yaml.safe_load(texts[name])
            found["python_version"][name] = one(
                r'^ +(?:python-version: "|prefix: python)([\d.]+)"?$', texts[name]
            )
    manifests(texts, answers, found)
    if "compose.yaml" in texts:
        composed = yaml.safe_load(texts["compose.yaml"])
        found["project_slug"]["compose.yaml"] = composed["name"]
        service = composed["services"][kind]
        package_path, _, _, *extra_paths = (rule["path"] for rule in service["develop"]["watch"])
        found["app_package"]["compose.yaml"] = package_path
        found["extra_paths"]["compose.yaml"] = extra_paths
        if kind == "web":
            found["port"]["compose.yaml"] = int(service["ports"][0].rpartition(":")[2])
    if answers["database"] == "postgresql":
        for name in (f"{package}/database.py", "migrations/env.py"):
            assert package in imported(ast.parse(texts[name])), name
            found["app_package"][name] = package
        if answers.get("deploy") == "kustomize":
            secret = r"kubectl --namespace \S+ create secret generic (\S+) "
            found["project_slug"]["README.md"] = one(secret, readme)
        address = r"postgresql://postgres:postgres@localhost/(\S+)\""
        found["project_slug"][f"{package}/settings.py"] = one(
            address, texts[f"{package}/settings.py"]
        )
    if (name := FLAGS["devcontainer"]) in texts:
        developed = json.loads(texts[name])
        found["project_name"][name] = developed["name"]
        if kind == "web":
            found["port"][name] = developed["forwardPorts"][0]
    if (name := ".devcontainer/compose.yaml") in texts:
        beside = yaml.safe_load(texts[name])["services"]["developer"]["environment"]
        found["project_slug"][name] = beside["DATABASE_URL"].rpartition("/")[2]
    for flag, name in FLAGS.items():
        found[flag][name] = name in texts
    if "renovate.json" in texts:
        json.loads(texts["renovate.json"])
    return found
