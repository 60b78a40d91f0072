"""What an owner would wince at: debris, words of what was not asked for, paths of one system."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import Service
from .support import (
    COMBINATIONS,
    DEFAULT,
    DEPLOYED,
    EVERY_DAY,
    KINDS,
    OBSERVED,
    QUESTIONS,
    ROOT,
    STANDARD,
    composed,
    files,
    run,
)

SLOTS = {
    "build_packages": ["gcc", "libpq-dev"],
    "runtime_packages": ["libpq5"],
    "absent_libraries": ["libcuda.so.1"],
    "extra_paths": ["migrations", "conf/alembic.ini"],
}
PIPELINES = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}
FILLED: list[dict[str, Any]] = [
    *({"service_kind": kind, **SLOTS} for kind in KINDS),
    {"base_image": "custom", **SLOTS},
    {"base_image": "distroless", "build_packages": ["gcc"], "extra_paths": ["migrations"]},
    {"base_image": "distroless", **SLOTS},
    {"base_image": "distroless", "python_version": "3.14", **SLOTS},
    {"license": "MIT", "user_name": "Team Ä", "user_email": "team@example.com"},
    {"license": "Apache-2.0", "user_name": "Team"},
    {"license": "MIT", "user_email": "team@example.com"},
    {"package_index": "https://packages.example.com/simple/", "service_kind": "job"},
    {"renovate": True},
    *({"service_kind": kind, "ci": ci, "renovate": True} for kind in KINDS for ci in PIPELINES),
    *({"ci": ci} for ci in PIPELINES),
    *({"ci": ci, "package_index": "https://packages.example.com/simple/"} for ci in PIPELINES),
    {"app_package": "shop", "port": 9000, "uid": 1000},
]
ALL: list[dict[str, Any]] = [
    *(c._asdict() for c in COMBINATIONS),
    *FILLED,
    *DEPLOYED,
    *OBSERVED,
    *EVERY_DAY,
    {"compose": True, "devcontainer": True, "pre_commit": True, "renovate": True},
]


def name(answers: dict[str, Any]) -> str:
    """Name a parameter by its answers."""
    return "-".join(str(value) for value in answers.values() if isinstance(value, str | int))


# Renovate's own language, Argo's and GitHub's have such braces too.
TELEMETRY = "app/telemetry.py"
PROGRAMS = "deploy/deploy.py", "deploy/overlays.py"  # the same whatever is deployed
# The one place that names what is off: what an update would bring.
NOT_ASKED = [name for name, q in QUESTIONS.items() if name[0] != "_" and not q.get("ask", True)]
LATER = re.compile(r"^## What you can add later\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
BRACES = "renovate.json", "deploy/base/analysistemplate.yaml", PIPELINES["github"]

POLICY = "deploy/base/networkpolicy.yaml"
PODS = "deploy/base/", "deploy/examples/migrate.yaml"

every_service = pytest.mark.parametrize("answers", ALL, ids=name)


@pytest.fixture
def texts(answers: dict[str, Any], service: Service) -> dict[str, str]:
    """Return the text of each file, by path."""
    return {path: content.decode("utf-8") for path, content in files(service(**answers)).items()}


def found(texts: dict[str, str], words: str, *allowed: str) -> list[str]:
    """Return the lines that contain one of these words, except in the files that are allowed to."""
    pattern = re.compile(rf"\b({words})", re.IGNORECASE)
    return [
        f"{path}: {line}"
        for path, text in texts.items()
        if path not in allowed
        for line in LATER.sub("", text).splitlines()
        if pattern.search(line)
    ]


@every_service
def test_no_file_has_blank_debris(texts: dict[str, str]) -> None:
    for path, text in texts.items():
        if text or path != "__init__.py":
            assert text.strip(), f"{path} is empty"
        assert not re.search(r"[ \t\r\f\v]$", text, re.MULTILINE), f"{path}: space at a line's end"
        assert text[0] != "\n", f"{path} begins with a blank line"
        assert text.endswith("\n"), f"{path} ends within a line"
        assert not text.endswith("\n\n"), f"{path} ends with a blank line"
        blank_lines = 3 if path.endswith((".py", ".mako")) else 2
        assert "\n" * (blank_lines + 1) not in text, f"{path} has too many blank lines in a row"


@every_service
def test_nothing_of_the_templates_language_is_left(texts: dict[str, str]) -> None:
    for path, text in texts.items():
        if path in BRACES:
            continue
        for debris in ("{{", "{%", "{#", "%}", "#}", "Undefined", "jinja"):
            assert debris not in text, path
            assert debris not in path
        if path in ("Dockerfile", "Makefile") or path.endswith((".toml", ".ini")):
            assert not re.search(r"\b(None|True|False)\W?$", text, re.MULTILINE), path


@every_service
def test_copier_is_named_only_where_its_owner_updates(texts: dict[str, str]) -> None:
    owners = ".copier-answers.yml", "README.md", "LICENSE", "renovate.json"
    pods = (path for path in texts if path.startswith(PODS))  # have a template too
    lines = found(texts, "copier|template", *owners, *pods, *PROGRAMS)
    assert lines
    target = texts["Makefile"].split("\nupdate:")[1].split("\n\n")[0]
    for line in lines:
        path, text = line.split(": ", 1)
        assert path == "Makefile"
        assert text in f"update:{target}"


@every_service
def test_what_serves_no_http_knows_nothing_of_it(
    texts: dict[str, str], answers: dict[str, Any]
) -> None:
    if answers.get("service_kind", "web") == "web":
        assert found(texts, "EXPOSE")
        assert found(texts, "HEALTHCHECK")
        return
    if "observability" in answers:  # Prometheus asks a worker, too
        texts = {n: t for n, t in texts.items() if n != TELEMETRY and not n.startswith("deploy/")}
    if "database" in answers:  # which does
        texts.pop("compose.yaml", None)
    if policy := texts.get(POLICY):  # each asks for names
        texts[POLICY] = policy.partition("  egress:")[0]
    for path, text in texts.items():
        if path.startswith(PODS):  # where these say how much memory they ask for
            texts[path] = re.sub(r"^ *requests:\n", "", text, flags=re.MULTILINE)
    words = (
        "ports?\\b|health|uvicorn|fastapi|starlette|httpx|EXPOSE|drain|listen|HOST\\b"
        "|(?<!pull )requests?\\b"
    )
    others = (".copier-answers.yml", "LICENSE", ".poetry-constraints.txt", "release.py")
    assert not found(texts, words, *others, *PROGRAMS)


@every_service
def test_a_kind_is_spoken_of_by_itself_alone(
    texts: dict[str, str], answers: dict[str, Any]
) -> None:
    kind = answers.get("service_kind", "web")
    if kind != "worker":
        assert not found(texts, "interval: float|`INTERVAL|units? of work|threading", TELEMETRY)
    if kind != "job":
        assert not found(texts, "the work failed|143")


@every_service
def test_a_base_is_spoken_of_by_itself_alone(
    texts: dict[str, str], answers: dict[str, Any]
) -> None:
    base = answers.get("base_image", "slim")
    if base != "distroless":
        assert not found(texts, "distroless|nonroot|gcr\\.io")
    if base != "custom":
        assert not found(texts, "custom\\b|registry\\.example")
    assert not found(
        texts,
        "@sha256:",
        "compose.yaml",
        "release.mk",
        "release.py",
        *PIPELINES.values(),
        *PROGRAMS,
    )
    assert not found(texts, "image\\.base\\.digest")
    if STANDARD["base"][base].get("root", True):
        assert "USER 0" not in texts["Dockerfile"]


@every_service
def test_an_empty_slot_leaves_no_word(texts: dict[str, str], answers: dict[str, Any]) -> None:
    runtime_packages = answers.get("runtime_packages", [])
    packages = answers.get("build_packages", []) + runtime_packages
    base, python = answers.get("base_image", "slim"), answers.get("python_version", DEFAULT)
    composes = composed(base, python, runtime_packages)
    installed = answers.get("build_packages", []) + ([] if composes else runtime_packages)
    assert bool(found({"Dockerfile": texts["Dockerfile"]}, "apt-get|/var/lib/apt")) == bool(
        installed or "devcontainer" in answers
    )
    assert ("Dockerfile.runtime.py" in texts) == composes
    assert bool(found(texts, r"Dockerfile\.runtime|AS additions")) == composes
    for package in packages:
        assert package in texts["Dockerfile"]
    for path in answers.get("extra_paths", []):
        assert f"\nCOPY --chown=10001:10001 {path} " in texts["Dockerfile"]
        assert f"\n!{path}\n" in texts[".dockerignore"]
    if not answers.get("extra_paths"):
        ignored = [line[1:] for line in texts[".dockerignore"].splitlines() if line[:1] == "!"]
        assert len(ignored) == 5 + composes + 2 * ("database" in answers)
    renewed = bool(answers.get("renovate"))
    assert bool(found(texts, "renovate", ".copier-answers.yml")) == renewed
    assert ("renovate.json" in texts) == renewed
    indexed = bool(answers.get("package_index"))
    assert bool(found(texts, ":-http|Packages come from|packages.example.com")) == indexed
    assert bool(found(texts, r"tool\.poetry\.source")) == indexed


@every_service
def test_who_does_not_deploy_reads_nothing_of_it(
    texts: dict[str, str], answers: dict[str, Any]
) -> None:
    stored = ".copier-answers.yml"
    deployed = "deploy" in answers
    assert bool([path for path in texts if path.startswith("deploy/")]) == deployed
    assert bool(found(texts, "deploy\\b|promot|overlay|kustom", stored)) == deployed
    canary = answers.get("canary", "none")
    assert bool(found(texts, "canar|ABORT", stored, *PROGRAMS)) == (canary != "none")
    for kind, word in {
        "rollouts": "kind: Rollout|kind: Analysis",
        "gateway": "kind: HTTPRoute|gateway:",
        "replicas": "pods=",
    }.items():
        lines = found(texts, word, stored, *PROGRAMS)
        assert bool(lines) == (canary == kind), lines


@every_service
def test_a_pipeline_is_spoken_of_where_there_is_one(
    texts: dict[str, str], answers: dict[str, Any]
) -> None:
    chosen = answers.get("ci", "none")
    for ci, path in PIPELINES.items():
        assert (path in texts) == (ci == chosen)
        assert bool(found(texts, ci, ".copier-answers.yml", "release.py")) == (ci == chosen)
    released = chosen != "none" or "deploy" in answers
    words = r"release\.(py|mk)|cosign|sigstore|sbom|signs?\b|pipeline|git tag"
    assert bool(found(texts, words)) == released
    assert ("release.py" in texts) == ("release.mk" in texts) == released
    assert ("0.1.0" in texts["README.md"]) != released


@every_service
def test_who_does_not_tell_of_itself_reads_nothing_of_it(
    texts: dict[str, str], answers: dict[str, Any]
) -> None:
    observed = "observability" in answers
    assert (TELEMETRY in texts) == observed
    words = "telemetry|otel_|opentelemetry|podmonitor|prometheus|trace_id|metrics\\b"
    assert bool(found(texts, words, ".copier-answers.yml", *PROGRAMS)) == observed
    scraped = observed and answers["service_kind"] != "job"
    assert bool(found(texts, "9464|prometheus_client")) == scraped
    assert ("deploy/base/podmonitor.yaml" in texts) == (scraped and "deploy" in answers)
    analysed = observed and answers.get("canary") == "rollouts"
    assert bool(found(texts, "analysis", *PROGRAMS)) == analysed


@every_service
def test_what_a_day_s_work_has_is_spoken_of_where_it_is_asked_for(
    texts: dict[str, str], answers: dict[str, Any]
) -> None:
    for option, file, words in (
        ("compose", "compose.yaml", r"compose\.|docker compose"),
        ("database", "app/database.py", "database|postgres|sqlalchemy|psycopg"),
        ("devcontainer", ".devcontainer/devcontainer.json", "devcontainer|VS Code|localEnv"),
        ("pre_commit", ".pre-commit-config.yaml", "pre-commit|check-lock"),
    ):
        asked = bool(answers.get(option))
        assert (file in texts) == asked
        assert bool(found(texts, words, ".copier-answers.yml")) == asked


@every_service
def test_the_readme_names_what_an_update_brings_until_it_is_there(
    texts: dict[str, str], answers: dict[str, Any]
) -> None:
    section = LATER.search(texts["README.md"])
    rows = re.findall(r"^\| `(\w+)=true`", section[0] if section else "", re.MULTILINE)
    brought = [name for name in NOT_ASKED if QUESTIONS[name]["default"] is False]
    assert rows == [name for name in brought if not answers.get(name)]
    if section:
        assert f"--data {rows[0]}=true\n" in section[0]


@every_service
def test_every_step_runs_on_the_platform_that_is_built_for(texts: dict[str, str]) -> None:
    assert not re.search(r"BUILD(PLATFORM|ARCH|OS)|--platform", texts["Dockerfile"])
    docker = r"docker build --provenance=false \$\(addprefix --platform=,\$\(PLATFORMS\)\) \\"
    assert re.search(docker, texts["Makefile"])


@every_service
def test_an_owner_and_a_licence_are_named_where_there_are_any(
    texts: dict[str, str], answers: dict[str, Any]
) -> None:
    project = texts["pyproject.toml"].split("[dependency-groups]")[0]
    license = answers.get("license", "none")
    assert ("\nlicense = " in project) == ("LICENSE" in texts) == (license != "none")
    named = bool(answers.get("user_name") or answers.get("user_email"))
    assert ("\nauthors = " in project) == named
    assert 'name = ""' not in project
    assert 'email = ""' not in project


RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)


def assert_windows_can_check_out(paths: list[str]) -> None:
    """Fail for a path that Windows refuses, or takes for another's."""
    for path in paths:
        for part in path.split("/"):
            assert not re.search(r'[<>:"\\|?*\x00-\x1f]', part), path
            assert not part.endswith((".", " ")), path
            assert not RESERVED.match(part), path
        assert len(path) < 200, path
    folded = [path.casefold() for path in paths]
    assert len(set(folded)) == len(folded)


@every_service
def test_windows_can_check_out_the_service(texts: dict[str, str]) -> None:
    assert_windows_can_check_out(list(texts))


def test_windows_can_check_out_the_template() -> None:
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    paths = [path for path in listed.output.split("\0") if path]
    assert [path for path in paths if path.startswith("template/")]
    assert_windows_can_check_out(paths)


def test_no_file_of_the_template_can_be_run_by_itself(service: Service) -> None:
    executable = [p for p in Path(service()).rglob("*") if p.is_file() and p.stat().st_mode & 0o111]
    assert [p for p in executable if ".git" not in p.parts] == []
