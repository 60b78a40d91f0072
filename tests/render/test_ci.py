"""What a pipeline brings: files that their tools read, and versions that follow from git's tags."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.ci import runner

from .conftest import Service
from .support import BIN, KINDS, STANDARD, Fork, run

CI = ("github", "gitlab")
IMAGE = "registry.example.com/acme/service"
PATHS = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}

Checkout = Callable[..., Fork]


@pytest.fixture
def checkout_of(service: Service, tmp_path: Path) -> Checkout:
    """Return `checkout_of(**answers)`: a service in git, with one commit."""

    def checkout_of(**answers: str) -> Fork:
        answers = {"ci": "github", "image_repository": IMAGE, **answers}
        folder = shutil.copytree(service(**answers), tmp_path / "checkout")
        made = Fork(folder)
        made.git("init", "--quiet", "--initial-branch=main")
        made.commit("Create the service")
        return made

    return checkout_of


def version(service: Fork) -> str:
    """Return what `make version` says."""
    said = run("make", "--silent", "version", cwd=service.path)
    assert said.code == 0, said
    return said.output.strip()


def step(service: Fork, tag: str = "") -> None:
    """Make one more commit, and tag it."""
    service.git("commit", "--quiet", "--allow-empty", "--message=Change")
    if tag:
        service.git("tag", tag)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ci", CI)
def test_its_own_tools_find_nothing_in_what_releases(service: Service, ci: str, kind: str) -> None:
    made = service(ci=ci, service_kind=kind)
    for command in ("format", "--check"), ("check",):
        checked = run(BIN / "ruff", *command, "--no-cache", cwd=made)
        assert checked.code == 0, checked.output
    if kind == KINDS[0]:
        checked = run(BIN / "mypy", "--cache-dir=/dev/null", "release.py", cwd=made)
        assert checked.code == 0, checked.output


@pytest.mark.parametrize("ci", CI)
def test_everything_that_a_pipeline_takes_in_is_pinned(service: Service, ci: str) -> None:
    made = service(ci=ci)
    text = (made / PATHS[ci]).read_text("utf-8") + (made / "release.mk").read_text("utf-8")
    taken = re.findall(
        r"(?:uses:|image[:=]|- name:|docker create|SBOM \?=) ?([\w./-]+[:@][\w.:@-]+)", text
    )
    assert len(taken) >= 5
    for reference in taken:
        assert re.search(r"@(sha256:[0-9a-f]{64}|[0-9a-f]{40})$", reference), reference


def test_every_digest_is_that_of_an_image_or_action_that_is_taken_in() -> None:
    ci = STANDARD["ci"]
    images = {value for name, value in ci.items() if name not in ("runner", "actions", "python")}
    images |= set(STANDARD["database"].values())
    images |= {ci["python"].format(python=python) for python in STANDARD["python"]}
    assert images == STANDARD["digests"].keys()
    for action in ci["actions"].values():
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_no_job_may_more_than_it_needs(service: Service) -> None:
    workflow = yaml.safe_load((service(ci="github") / PATHS["github"]).read_text("utf-8"))
    assert workflow["permissions"] == {}
    may = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    publish = may.pop("publish")
    assert publish == {"contents": "read", "packages": "write", "id-token": "write"}
    assert all(permissions == {"contents": "read"} for permissions in may.values())
    for job in workflow["jobs"].values():
        [checkout] = [s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout@")]
        assert checkout["with"]["persist-credentials"] is False


def test_a_commit_is_published_once_at_a_time_and_a_promotion_publishes_nothing(
    service: Service,
) -> None:
    for deploy, ignored in (("none", None), ("kustomize", ["deploy/overlays/**"])):
        made = service(ci="github", deploy=deploy, image_repository="ghcr.io/acme/shop")
        workflow = yaml.safe_load((made / PATHS["github"]).read_text("utf-8"))
        assert workflow[True]["push"].get("paths-ignore") == ignored  # YAML takes "on" for a truth
        assert workflow["jobs"]["publish"]["concurrency"] == "publish-${{ github.sha }}"


@pytest.mark.parametrize(
    ("event", "ref", "ended"),
    [("pull_request", "refs/pull/7/merge", True), ("push", "refs/heads/main", False)],
)
def test_a_newer_push_ends_the_checks_of_a_pull_request_and_no_others(
    service: Service, event: str, ref: str, ended: bool
) -> None:
    workflow = yaml.safe_load((service(ci="github") / PATHS["github"]).read_text("utf-8"))
    concurrency = workflow["concurrency"]

    def comes_to(text: str, run_id: int) -> object:
        [expression] = re.findall(r"\$\{\{ (.+) \}\}", text)
        python = expression.replace("&&", "and").replace("||", "or")
        github = SimpleNamespace(event_name=event, ref=ref, run_id=run_id)
        return eval(python, {"github": github})

    assert (comes_to(concurrency["group"], 1) == comes_to(concurrency["group"], 2)) is ended
    assert comes_to(concurrency["cancel-in-progress"], 1) is ended


def test_on_gitlab_too_a_newer_push_ends_the_checks_of_a_merge_request_alone(
    service: Service,
) -> None:
    workflow = yaml.safe_load((service(ci="gitlab") / PATHS["gitlab"]).read_text("utf-8"))[
        "workflow"
    ]
    assert workflow["auto_cancel"] == {"on_new_commit": "none"}
    others = [rule["if"] for rule in workflow["rules"] if "auto_cancel" in rule]
    assert others == ['$CI_PIPELINE_SOURCE == "merge_request_event"']


@pytest.mark.parametrize("ci", CI)
def test_a_pipeline_without_an_index_of_its_own_has_no_word_of_one(
    service: Service, ci: str
) -> None:
    text = (service(ci=ci) / PATHS[ci]).read_text("utf-8")
    assert not re.search("index|netrc", text, re.IGNORECASE)


@pytest.mark.parametrize("job", ["check", "test-image", "publish"])
def test_each_job_writes_the_secret_of_the_index_where_only_make_finds_it(
    service: Service, tmp_path: Path, job: str
) -> None:
    made = service(ci="github", package_index="https://packages.example.com/simple/")
    show = tmp_path / "bin/make"  # which says what it is given
    show.parent.mkdir()
    show.write_text('#!/bin/sh\necho "$NETRC,$CA_BUNDLE,$CLIENT_CERT,$INDEX_NETRC"\n')
    show.chmod(0o755)
    path = {"PATH": f"{show.parent}:{os.environ['PATH']}"}
    without = runner.run(made, job, tmp_path, {}, path)
    assert without.returncode == 0
    assert "::notice::The index is asked without credentials" in without.stdout
    assert without.stdout.endswith("\n,,,\n")
    secret = 'machine packages.example.com login ci password $HOME\'s \\n "secret"\n'
    secrets = {"INDEX_NETRC": secret, "INDEX_CA_BUNDLE": "authority"}
    done = runner.run(made, job, tmp_path, secrets, path)
    assert done.returncode == 0
    netrc, ca = tmp_path / "NETRC", tmp_path / "CA_BUNDLE"
    assert done.stdout.endswith(f"{netrc},{ca},,\n")
    assert "password" not in done.stdout
    assert netrc.read_text().rstrip("\n") == secret.rstrip("\n")
    assert netrc.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("ci", CI)
def test_renovate_leaves_the_pipeline_to_the_template(service: Service, ci: str) -> None:
    renovate = json.loads((service(ci=ci, renovate=True) / "renovate.json").read_text("utf-8"))
    assert PATHS[ci] in renovate["ignorePaths"]


def test_renovate_leaves_what_is_deployed_to_promotions(service: Service) -> None:
    made = service(deploy="kustomize", renovate=True)
    renovate = json.loads((made / "renovate.json").read_text("utf-8"))
    assert "deploy/**" in renovate["ignorePaths"]


def test_a_tagged_commit_has_the_version_of_its_tag(checkout_of: Checkout) -> None:
    service = checkout_of()
    service.git("tag", "v1.4.2")
    assert version(service) == "1.4.2"
    service.git("tag", "v1.10.0-rc.2")
    service.git("tag", "--annotate", "--message=Release", "v1.10.0")
    service.git("tag", "v1.9.0")
    service.git("tag", "version-2.0.0")
    assert version(service) == "1.10.0"


def test_a_commit_after_a_tag_is_on_the_way_to_the_next_version(checkout_of: Checkout) -> None:
    service = checkout_of()
    step(service, "v1.4.9")
    step(service)
    step(service)
    commit = service.git("rev-parse", "HEAD")[:12]
    assert version(service) == f"1.4.10-dev.2.g{commit}"
    step(service, "v2.0.0-rc.1")
    step(service)
    commit = service.git("rev-parse", "HEAD")[:12]
    assert version(service) == f"2.0.0-rc.1.dev.1.g{commit}"


def test_before_the_first_tag_there_are_versions_too(checkout_of: Checkout) -> None:
    service = checkout_of()
    commit = service.git("rev-parse", "HEAD")[:12]
    assert version(service) == f"0.0.0-dev.1.g{commit}"


def test_a_change_that_no_commit_has_is_seen_in_the_version(checkout_of: Checkout) -> None:
    service = checkout_of()
    service.git("tag", "v1.4.2")
    (service.path / "app/new.py").write_text("")
    assert version(service) == "1.4.2.dirty"


def test_a_copy_that_is_no_repository_has_a_version(service: Service, tmp_path: Path) -> None:
    shutil.copytree(service(ci="github"), tmp_path / "copy", ignore=shutil.ignore_patterns(".git"))
    assert version(Fork(tmp_path / "copy")) == "0.0.0-dev"


def test_the_version_reaches_what_runs_here(checkout_of: Checkout) -> None:
    service = checkout_of()
    service.git("tag", "v1.4.2")
    steps = run("make", "--dry-run", "image", cwd=service.path).output
    assert f"--tag {IMAGE}:1.4.2 ." in steps
    assert '--build-arg VERSION="1.4.2"' in steps


@pytest.mark.parametrize("target", ["push", "sign"])
def test_only_git_says_what_is_pushed_and_signed(checkout_of: Checkout, target: str) -> None:
    service = checkout_of()
    service.git("tag", "v1.4.2")
    refused = run("make", "--silent", target, "VERSION=1.5.0", cwd=service.path)
    assert refused.code != 0
    assert refused.errors.splitlines()[0].endswith(
        f"`make {target}` takes the version from git, not from VERSION=1.5.0: "
        "run it on the commit with the tag v1.5.0.  Stop."
    )
    steps = run("make", "--dry-run", target, cwd=service.path)
    assert steps.code == 0, steps
    named = run("make", "--dry-run", "image", "VERSION=1.5.0", cwd=service.path)
    assert f"--tag {IMAGE}:1.5.0 ." in named.output


@pytest.mark.parametrize(
    ("cloned", "source"),
    [
        ("https://github.com/acme/shop", "https://github.com/acme/shop"),  # a runner
        ("https://user:t@ken@github.com/acme/shop.git", "https://github.com/acme/shop"),
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop"),
        ("ssh://git@github.com:22/acme/shop.git/", "https://github.com/acme/shop"),
        ("git.example.com:/teams/acme/shop", "https://git.example.com/teams/acme/shop"),
        ("http://git.example.com:8080/shop.git", "http://git.example.com:8080/shop"),
        ("/srv/git/shop.git", ""),
        ("file:///srv/git/shop.git", ""),
    ],
)
def test_an_image_names_its_source_the_same_however_that_was_cloned(
    checkout_of: Checkout, cloned: str, source: str
) -> None:
    service = checkout_of()
    service.git("remote", "add", "origin", cloned)
    steps = run("make", "--dry-run", "image", cwd=service.path).output
    assert f'--build-arg SOURCE="{source}" ' in steps


ORDER = """
    0.0.0-dev.1.gabc 0.1.0 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2
    1.0.0-beta.11 1.0.0-rc.1 1.0.0-rc.1.dev.3.gfff 1.0.0 1.0.1-dev.9.gabc 1.0.1-dev.10.gabc 1.0.1
    1.2.0 1.10.0 2.0.0
"""


def test_versions_are_ordered_as_semver_has_it(service: Service) -> None:
    ask = "import release, sys; print(*sorted(sys.argv[1:], key=release.precedence))"
    versions = ORDER.split()
    sorted_ = run(sys.executable, "-B", "-c", ask, *reversed(versions), cwd=service(ci="github"))
    assert sorted_.output.split() == versions, sorted_


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (lambda s: (s.path / "new").write_text(""), "^new is in no commit: commit, ignore or"),
        (
            lambda s: [(s.path / n).write_text("") for n in ("new", "old")],
            r"^new \(and 1 more\) is",
        ),
        (lambda s: (s.path / "README.md").write_text(""), "^README.md has changes: commit or"),
        (lambda s: s.git("tag", "v1.4.2+acme.1"), r"v1\.4\.2\+acme\.1 is no version that an image"),
        (lambda s: s.git("tag", "v01.4.2"), "tag the commit as v1.4.2"),
        (lambda s: (s.path / ".git/shallow").write_text(s.git("rev-parse", "HEAD")), "fetch it"),
    ],
)
def test_what_has_no_version_of_its_own_is_not_pushed(
    checkout_of: Checkout, before: Callable[[Fork], object], said: str
) -> None:
    service = checkout_of()
    before(service)
    pushed = run("python3", "release.py", "push", "false", cwd=service.path, env={"IMAGE": IMAGE})
    assert pushed.code == 1
    assert re.search(said, pushed.sentence)


def test_an_image_that_names_no_registry_is_not_pushed(checkout_of: Checkout) -> None:
    service = checkout_of(image_repository="service")
    pushed = run("make", "--silent", "push", cwd=service.path, env={"MAKEFLAGS": ""})
    assert "names no registry" in pushed.errors
    assert "ghcr.io/acme/my-service" in pushed.errors
