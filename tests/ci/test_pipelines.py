"""GitLab's jobs, run for real: from a commit and a tag to a signed image, and again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

import pytest
import yaml

from tests.ci import tools
from tests.ci.conftest import KEY_PASSWORD, LOGIN, Outcome, Service, World
from tests.ci.tokens import PASSWORD

ATTESTATION = "vnd.docker.reference.type"


class Story(NamedTuple):
    """A service, and the jobs of its first days."""

    service: Service
    checked: Outcome
    tagged: Outcome
    again: Outcome
    later: Outcome
    digest: str


def job(
    service: Service, name: str, files: Mapping[str, str] | None = None, /, **variables: str
) -> Outcome:
    """Run one job of the pipeline, as a runner would that has a login of its own.

    `files` are GitLab's variables of the type File, by what they hold.
    """
    world = service.world
    kept = {key: {"type": "file", "values": {"*": text}} for key, text in (files or {}).items()}
    filed = world.folder / "variables.yml"
    filed.write_text(yaml.safe_dump(kept), "utf-8")
    variables |= {"DOCKER_CONFIG": world.env["DOCKER_CONFIG"]}
    given = [f"--variable={key}={value}" for key, value in variables.items()]
    service.git("update-ref", "refs/remotes/origin/main", "HEAD")
    service.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    env = world.env | {"DOCKER_CONFIG": str(world.folder / "runner")}
    home = f"--home={world.folder / 'home'}"
    options = [f"--variables-file={filed}", "--needs=false", *given]
    runner = tools.gitlab(**env)[home, options, name]
    return Outcome(*runner.with_cwd(service.folder).run(retcode=None))


@pytest.fixture(scope="module")
def story(world: World) -> Story:
    """Tell the story: checked, tagged and published; published again; changed and published."""
    service = world.service("shop", ci="gitlab")
    secrets = {**world.key, **{f"CI_{name}": value for name, value in LOGIN.items()}}
    first = job(service, "check")
    checked = job(service, "check")
    assert first.code == 0, first.log
    service.git("tag", "v1.0.0")
    tagged = job(service, "publish", **secrets)
    assert tagged.code == 0, tagged.log
    digest = service.digest("1.0.0")
    assert digest
    again = job(service, "publish", **secrets)
    world.engine.docker("buildx", "prune", "--all", "--force")  # the next runner knows nothing
    main = service.folder / "app/main.py"
    main.write_text(main.read_text("utf-8") + "\n# Edited.\n", "utf-8")
    service.commit("Edit")
    later = job(service, "publish", **secrets)
    return Story(service, checked, tagged, again, later, digest)


def test_lint_types_and_tests_are_checked(story: Story) -> None:
    assert story.checked.code == 0, story.checked.log
    assert "Success: no issues found" in story.checked.log
    assert re.search(r"\d passed", story.checked.log)


def test_the_second_check_installs_nothing(story: Story) -> None:
    assert "imported cache" in story.checked.log
    assert not re.search(r"Installing \w", story.checked.log)


def test_the_image_has_the_version_of_the_tag_everywhere(story: Story) -> None:
    labels = story.service.ask(f"release.labels({story.digest!r})")
    commit = story.service.git("rev-parse", "v1.0.0")
    assert labels["org.opencontainers.image.version"] == "1.0.0"
    assert labels["org.opencontainers.image.revision"] == commit
    docker = story.service.world.engine.docker.with_env(
        DOCKER_CONFIG=story.service.world.env["DOCKER_CONFIG"]
    )
    ask = "from app.main import app; print(app.version)"
    image = f"{story.service.image}@{story.digest}"
    assert docker("run", "--rm", image, "python", "-c", ask).strip() == "1.0.0"
    assert story.service.digest(f"sha-{commit}") == story.digest


def test_the_tests_ran_in_the_image_before_it_was_pushed(story: Story) -> None:
    steps = re.findall(r"\$ (make [a-z-]+)", story.tagged.log)
    assert steps == ["make login", "make test-image", "make push"]
    assert re.search(r"\d passed", story.tagged.log)


def test_an_sbom_and_the_provenance_are_attached(story: Story) -> None:
    index = story.service.ask(f"json.loads(release._content('manifests/{story.digest}'))")
    [attached] = [m for m in index["manifests"] if ATTESTATION in m.get("annotations", {})]
    layers = story.service.ask(
        f"json.loads(release._content('manifests/{attached['digest']}'))['layers']"
    )
    found = {}
    for layer in layers:
        kind = layer["annotations"]["in-toto.io/predicate-type"]
        found[kind] = story.service.ask(
            f"json.loads(release._content('blobs/{layer['digest']}'))['predicate']"
        )
    packages = {package["name"] for package in found["https://spdx.dev/Document"]["packages"]}
    assert {"fastapi", "uvicorn"} <= packages
    assert "pytest" not in packages
    [provenance] = [value for kind, value in found.items() if kind.startswith("https://slsa.dev/")]
    assert "python@3.13-slim-trixie" in json.dumps(provenance)


def test_the_signature_is_that_of_the_key(story: Story) -> None:
    assert story.service.ask(f"release.signed({story.digest!r})") is True
    other = story.service.ask("release.platforms(release.digest('1.0.0'))")
    assert story.service.ask(f"release.signed({next(iter(other))!r})") is False


def test_a_version_that_is_there_is_left_alone(story: Story) -> None:
    assert story.again.code == 0, story.again.log
    assert "nothing to do" in story.again.log
    assert story.service.digest("1.0.0") == story.digest


def test_a_commit_after_the_tag_is_published_as_a_development_version(story: Story) -> None:
    assert story.later.code == 0, story.later.log
    version = story.service.make("version").output.strip()
    assert re.fullmatch(r"1\.0\.1-dev\.1\.g[0-9a-f]{12}", version)
    assert story.service.digest(version) not in (None, story.digest)


def test_a_runner_that_knows_nothing_takes_what_earlier_ones_built(story: Story) -> None:
    steps = dict(re.findall(r"#(\d+) \[((?:tier\d|builder|lock) [^]]*)\] RUN", story.later.log))
    cached = re.findall(r"#(\d+) CACHED", story.later.log)
    assert len(steps) >= 5
    assert set(steps) <= set(cached), {steps[n] for n in set(steps) - set(cached)}


def test_no_log_holds_a_secret(story: Story) -> None:
    for log in (story.tagged.log, story.again.log, story.later.log):
        for secret in (PASSWORD, KEY_PASSWORD, "BEGIN ENCRYPTED"):
            assert secret not in log


def test_githubs_pipeline_runs_the_same_commands(world: World, story: Story) -> None:
    github = yaml.safe_load(
        (world.service("same", ci="github").folder / ".github/workflows/ci.yml").read_text()
    )
    gitlab = yaml.safe_load((story.service.folder / ".gitlab-ci.yml").read_text())
    for name in ("check", "test-image", "publish"):
        theirs = [step["run"] for step in github["jobs"][name]["steps"] if "run" in step]
        ours = [line for line in gitlab[name]["script"] if line.startswith("make ")]
        assert theirs == ours
