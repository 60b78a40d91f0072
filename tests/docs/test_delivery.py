"""The commands of the pages do what the pages say, in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ci.conftest import LOGIN, Service, World
from tests.conftest import ROOT
from tests.deploy.conftest import Open, keys, opened, service, store, versions
from tests.deploy.shops import ENVIRONMENTS
from tests.deploy.test_canary import NEW, OLD, pods, ready
from tests.deploy.tools import built, of_kind
from tests.docs.pages import blocks, page
from tests.render.support import run

__all__ = ["keys", "opened", "service", "store", "versions"]


def commands(readme: Path, heading: str) -> list[str]:
    """Return the commands of the first block of a part."""
    part = re.split(rf"^{heading}", readme.read_text("utf-8"), flags=re.MULTILINE)[1]
    return [step.command for step in blocks("# Part\n\n" + part)[0].steps]


def release(service: Service, edit: str, steps: list[str]) -> list[str]:
    """Edit the application, run commands as a person would; return what they say."""
    main = service.folder / "app/main.py"
    main.write_text(main.read_text("utf-8") + f"\n# {edit}\n", "utf-8")
    said = []
    for step in steps:
        done = service.run("sh", "-c", step, **service.world.key)
        assert done.code == 0, f"{step}: {done.log}"
        said.append(done.output)
    return said


def runs(service: Service, environment: str) -> str:
    """Return the image that an environment runs."""
    [found] = of_kind(built(service.folder / "deploy/overlays" / environment), "Deployment")
    [container] = found["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def test_who_has_only_the_readme_brings_an_edit_to_production_and_back_in_ten_commands(
    world: World, tmp_path: Path
) -> None:
    service = world.service("way", deploy="kustomize")
    service.run("git", "init", "--quiet", "--bare", tmp_path / "origin.git")
    service.git("remote", "set-url", "origin", str(tmp_path / "origin.git"))
    assert service.make("login", **LOGIN).code == 0
    steps = commands(service.folder / "README.md", "## From environment to environment")
    told, _ = page("promotion.md").to_run
    assert steps == [step.command for step in told.steps]
    assert steps == commands(ROOT / "README.md", "## Ten commands")
    assert len(steps) <= 10
    earlier = [step.replace("1.4.2", "1.4.1") for step in steps[: steps.index("make releases")]]
    release(service, "The one before", earlier)
    before = f"{service.image}@{service.digest('1.4.1')}"
    there = ["dev", "staging", "production"]
    assert [runs(service, name) for name in there] == [before] * 3

    *_, table, _, _ = release(service, "Hello", steps)
    after = f"{service.image}@{service.digest('1.4.2')}"
    assert after != before
    assert [runs(service, name) for name in there] == [after, after, before]
    lines = [line.split() for line in table.splitlines()[1:]]
    digest = after.partition("@")[2][:19]
    assert [line[:3] for line in lines] == [[name, "1.4.2", digest] for name in there]
    assert service.git("ls-remote", "origin", "main").split()[0] == service.git("rev-parse", "HEAD")
    # What runs is what was built for the tag, and says so.
    labels = service.ask(f"release.labels({after.partition('@')[2]!r})")
    assert labels["org.opencontainers.image.version"] == "1.4.2"
    assert labels["org.opencontainers.image.revision"] == service.git(
        "rev-parse", "v1.4.2^{commit}"
    )


def test_a_promotion_comes_by_a_pull_request(opened: Open, tmp_path: Path) -> None:
    shop = opened()
    shop.git("init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    shop.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    shop.does("promote", f"VERSION={NEW}", "TO=dev")
    _, protected = page("promotion.md").to_run
    for step in protected.steps:
        done = run("sh", "-c", step.command, cwd=shop.folder, env=shop.environment)
        assert done.code == 0, done
    shop.git("switch", "--quiet", "main")
    assert "has not been in staging" in shop.refuses("promote", f"VERSION={NEW}", "TO=production")
    shop.git("merge", "--quiet", "--no-ff", "--no-edit", "origin/promote-1.4.2")
    shop.does("promote", f"VERSION={NEW}", "TO=production")


def sample(name: str) -> str:
    """Return the table of releases that a page shows."""
    shown = [block.text.removeprefix("$ make releases\n") for block in page(name).blocks]
    [found] = [text for text in shown if text.startswith("environment ")]
    return found.strip()


def on(day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let git have a day."""
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-11-{day}T12:00:00Z")


def test_the_table_of_releases_is_the_very_one_that_is_printed(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened()
    shop.ship("1.4.3")
    shop.git("init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    shop.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    for day, version, environments in (("24", "1.4.1", 3), ("26", "1.4.2", 2), ("26", "1.4.3", 1)):
        shop.git("push", "--quiet", "origin", "HEAD")
        on(day, monkeypatch)
        for environment in ENVIRONMENTS[:environments]:
            shop.does("promote", f"VERSION={version}", f"TO={environment}")
    printed = shop.does("releases")
    assert sample("README.md") == printed
    assert sample("promotion.md") == printed


def test_the_table_of_a_canary_is_the_very_one_that_is_printed(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened(canary="replicas")
    for day, version, environments in (("24", OLD, ENVIRONMENTS), ("26", NEW, ENVIRONMENTS[:-1])):
        on(day, monkeypatch)
        for environment in environments:
            shop.does("promote", f"VERSION={version}", f"TO={environment}")
    shop.does("canary", f"VERSION={NEW}", "WEIGHT=5")
    assert sample("canary.md") == shop.does("releases")


@pytest.mark.parametrize("canary", ["replicas"])
def test_the_page_of_canaries_tells_what_happens(opened: Open, canary: str) -> None:
    shop = ready(opened, canary)
    five, fifty, all_of_it, abort = page("canary.md").commands
    for command, expected in (
        (five, {OLD: 19, NEW: 1}),
        (fifty, {OLD: 1, NEW: 1}),
        (abort, {OLD: 2}),
        (five, {OLD: 19, NEW: 1}),
        (all_of_it, {NEW: 2}),
    ):
        shop.does(*command.split()[1:])
        assert pods(shop) == expected
