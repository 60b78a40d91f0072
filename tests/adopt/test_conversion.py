"""A Pipfile in Poetry's words, an old Dockerfile in the questionnaire's: no copy, no network."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomlkit

from tasks import adopt_answers, adopt_dockerfile, adopt_pipenv
from tasks.adopt_pipenv import (
    Sources,
    convert,
    dependency,
    locked_commits,
    locked_packages,
    sources,
)
from tasks.adopt_report import Report

OWN = Sources(names={"own": "own", "public": ""})


@pytest.mark.parametrize(
    ("name", "entry", "requirement", "poetry"),
    [
        ("flask", "*", "flask", {}),
        ("Flask", ">=2,<3", "Flask>=2,<3", {}),
        ("django", "~=4.2", "django~=4.2", {}),
        ("pytz", "2021.3", "pytz==2021.3", {}),
        ("celery", {"version": "*", "extras": ["redis", "sqs"]}, "celery[redis,sqs]", {}),
        ("celery[redis]", "==5.3", "celery[redis]==5.3", {}),
        (
            "pywin32",
            {"version": "*", "sys_platform": "== 'win32'"},
            'pywin32; sys_platform == "win32"',
            {},
        ),
        (
            "tomli",
            {
                "version": ">=2",
                "markers": "python_version < '3.11' or os_name == 'nt'",
                "os_name": "!= 'java'",
            },
            'tomli>=2; (python_version < "3.11" or os_name == "nt") and os_name != "java"',
            {},
        ),
        ("ours", {"version": ">=1", "index": "own"}, "ours>=1", {"source": "own"}),
        ("ours", {"version": ">=1", "index": "public"}, "ours>=1", {}),
        ("lib", {"path": "./lib", "editable": True}, "lib", {"path": "./lib", "develop": True}),
        ("lib", {"file": "dist/lib.whl"}, "lib", {"path": "dist/lib.whl"}),
        (
            "lib",
            {"file": "https://files.example.com/lib.whl", "markers": "os_name == 'nt'"},
            'lib @ https://files.example.com/lib.whl ; os_name == "nt"',
            {},
        ),
        (
            "q",
            {
                "git": "https://git.example.com/q.git",
                "ref": "main",
                "editable": True,
                "extras": ["x"],
            },
            "q[x] @ git+https://git.example.com/q.git@main",
            {"develop": True},
        ),
        (
            "q",
            {"git": "git@git.example.com:team/q.git", "subdirectory": "py"},
            "q @ git+ssh://git@git.example.com/team/q.git#subdirectory=py",
            {},
        ),
        (
            "q",
            {"git": "git+https://git.example.com/q", "version": "*"},
            "q @ git+https://git.example.com/q",
            {},
        ),
    ],
)
def test_each_shape_of_an_entry(
    name: str, entry: Any, requirement: str, poetry: dict[str, Any]
) -> None:
    made = dependency(name, entry, OWN)
    assert made.requirement == requirement
    assert made.poetry == poetry


@pytest.mark.parametrize(
    "entry", [{"svn": "https://example.com/x"}, "=>1", {"markers": "python < 3"}]
)
def test_what_poetry_cannot_take_is_said(entry: Any) -> None:
    report = Report()
    made = convert({"packages": {"odd": entry}}, {}, OWN, report)
    assert not list(made.data["project"]["dependencies"])
    assert "[packages] odd is left out" in report.looks[0]


def test_comments_groups_scripts_and_sources_are_kept() -> None:
    pipfile = tomlkit.parse("""\
[packages]
# held back
alpha = "*"  # the engine
beta = {version = "*", index = "own"}

[dev-packages]
pytest = "*"

[type_checks]
mypy = "==1.19.0rc1"

[scripts]
serve = "python -m app.main"
seed = {call = "app.seed:run('all')"}
""")
    found = Sources(
        [{"name": "own", "url": "https://p.example.com", "priority": "explicit"}], {"own": "own"}
    )
    lock = {"type_checks": {"mypy": {"version": "==1.19.0rc1"}}}
    made = convert(pipfile, lock, found, Report())
    text = tomlkit.dumps(made.data)
    assert '    # held back\n    "alpha", # the engine\n    "beta",\n' in text
    data = tomllib.loads(text)
    assert data["dependency-groups"] == {"dev": ["pytest"], "type-checks": ["mypy==1.19.0rc1"]}
    assert data["tool"]["poe"]["tasks"] == {
        "serve": "python -m app.main",
        "seed": {"script": "app.seed:run('all')"},
    }
    assert data["tool"]["poetry"]["dependencies"] == {"beta": {"source": "own"}}
    assert data["tool"]["poetry"]["source"] == found.table
    assert data["tool"]["poetry"]["group"] == {
        "type-checks": {"optional": True, "dependencies": {"mypy": {"allow-prereleases": True}}}
    }


def source(name: str, url: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "url": url, "verify_ssl": True, **more}


PUBLIC = f"https://{adopt_pipenv.public_host()}/simple"
PRIVATE = "https://packages.example.com/simple/"


@pytest.mark.parametrize(
    ("listed", "table", "names"),
    [
        ([source("pypi", PUBLIC)], [], {"pypi": ""}),
        ([source("pypi", "https://older.python.org/simple")], [], {"pypi": ""}),
        (
            [source("pypi", PUBLIC), source("own", PRIVATE)],
            [{"name": "own", "url": PRIVATE[:-1], "priority": "explicit"}],
            {"pypi": "", "own": "own"},
        ),
        (
            [source("pypi", PRIVATE)],
            [{"name": "index", "url": PRIVATE[:-1], "priority": "primary"}],
            {"pypi": "index"},
        ),
        (
            [source("own", PRIVATE), source("pypi", PUBLIC)],
            [
                {"name": "own", "url": PRIVATE[:-1], "priority": "primary"},
                {"name": "PyPI", "priority": "explicit"},
            ],
            {"own": "own", "pypi": "PyPI"},
        ),
    ],
)
def test_sources_keep_pipenvs_order(
    listed: list[dict[str, Any]], table: list[dict[str, Any]], names: dict[str, str]
) -> None:
    assert adopt_pipenv.public_host()
    found = sources({"source": listed}, Report())
    assert found.table == table
    assert found.names == names


def test_all_sources_are_searched_where_pipenv_did() -> None:
    listed = [source("pypi", PUBLIC), source("own", PRIVATE)]
    settings = {"install_search_all_sources": True}
    found = sources({"source": listed, "pipenv": settings}, Report())
    assert found.table[0]["priority"] == "supplemental"


def test_credentials_are_neither_kept_nor_told() -> None:
    report = Report()
    url = "https://robot:hunter2@packages.example.com/simple"
    found = sources({"source": [source("our.own", url, verify_ssl=False)]}, report)
    assert found.table[0]["url"] == "https://packages.example.com/simple"
    assert "POETRY_HTTP_BASIC_OUR_OWN_USERNAME" in report.looks[0]
    assert "certificates.our.own.cert" in report.looks[1]
    assert "hunter2" not in f"{found}{report}"


def test_the_image_s_own_version_wins_over_the_tools() -> None:
    lock = {
        "_meta": {},
        "develop": {"alpha": {"version": "==2.0"}, "only.dev": {"version": "==3"}},
        "default": {"Alpha": {"version": "==1.0", "index": "own"}, "q": {"git": "x", "ref": "1"}},
    }
    found = Sources([{"name": "own", "url": "https://p.example.com"}], {"own": "own"})
    packages = {p["name"]: (p["version"], p["source"]) for p in locked_packages(lock, found)}
    assert packages == {
        "alpha": ("1.0", ("own", "https://p.example.com")),
        "only-dev": ("3", None),
    }


def test_a_branch_is_held_to_its_locked_commit() -> None:
    url = "https://git.example.com/q.git"
    pipfile = {
        "packages": {
            "a": {"git": url, "ref": "main"},
            "b": {"git": url},
            "c": {"git": url, "ref": "9"},
        }
    }
    lock = {"default": {n: {"git": url, "ref": "9"} for n in "abc"}}
    assert locked_commits(pipfile, lock) == ({"a": "9", "b": "9"}, {"a": "main", "b": "HEAD"})


@pytest.mark.parametrize(
    ("constraint", "allowed"),
    [
        ("^3.11", "3.11 3.12 3.13 3.14"),
        (">=3.12,<3.14", "3.12 3.13"),
        ("~3.12.7", "3.12"),
        ("~3.12", "3.12"),
        ("3.13", "3.13"),
        ("3.13.*", "3.13"),
        (">=3.11 <3.13", "3.11 3.12"),
        ("~3.9 || ~3.12", "3.12"),
        ("^3.13.5", "3.13 3.14"),
        ("~=3.12", "3.12 3.13 3.14"),
        ("!=3.12.*,>=3.11", "3.11 3.13 3.14"),
        ("*", "3.11 3.12 3.13 3.14"),
        ("<3.11", ""),
        ("not a constraint", "3.11 3.12 3.13 3.14"),
    ],
)
def test_which_pythons_a_project_allows(constraint: str, allowed: str) -> None:
    offered = ["3.11", "3.12", "3.13", "3.14"]
    assert [v for v in offered if adopt_answers.allows(constraint, v)] == allowed.split()


def test_a_dockerfile_of_several_stages() -> None:
    facts = adopt_dockerfile.read("""\
ARG PYTHON_VERSION=3.12
FROM python:${PYTHON_VERSION}-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends \\
    # comments may stand here
    tzdata libpq5=15.* && rm -rf /var/lib/apt/lists/*
FROM base AS build
RUN apt install -y build-essential libsnappy-dev curl; echo done
COPY pyproject.toml ./
FROM base
ENV A=1 B="two words"
ENV C three
COPY --from=build /venv /venv
COPY --chown=1:1 app ./app
COPY ["settings.yml", "scripts/", "/app/"]
USER app
VOLUME /data
ENTRYPOINT ["tini", "--"]
CMD gunicorn -b 0.0.0.0:8080 app.wsgi
""")
    assert facts.python == "3.12"
    assert facts.build_packages == ["build-essential", "libsnappy-dev"]
    assert facts.runtime_packages == ["tzdata", "libpq5", "libsnappy1v5"]
    assert facts.left_out == ["curl"]
    assert facts.environment == ["A", "B", "C"]
    assert facts.copied == ["app", "settings.yml", "scripts"]
    assert facts.port == 8080
    assert facts.entrypoint == "tini --"
    assert facts.command == "gunicorn -b 0.0.0.0:8080 app.wsgi"
    assert facts.volumes == ["/data"]


def test_another_package_manager_is_named() -> None:
    facts = adopt_dockerfile.read("FROM python:3.11-alpine\nRUN apk add --no-cache libpq\n")
    assert (facts.python, facts.other_manager, facts.runtime_packages) == ("3.11", "apk", [])
