"""A version from environment to environment, by real signatures in a real registry."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.deploy.conftest import Open
from tests.deploy.shops import ENVIRONMENTS, Keys, Shop
from tests.engine.registry import registry
from tests.render.support import run


def promote(shop: Shop, version: str, *environments: str) -> None:
    """Promote a version to environments, the first ones unless named."""
    for environment in environments or ENVIRONMENTS:
        shop.does("promote", f"VERSION={version}", f"TO={environment}")


def test_a_version_goes_through_every_environment_by_one_digest(shop: Shop) -> None:
    promote(shop, "1.4.2")
    for environment in ENVIRONMENTS:
        assert shop.runs(environment) == {"1.4.2": shop.digests["1.4.2"]}
    assert shop.git("log", "--format=%s", "--reverse").splitlines()[1:] == [
        f"Promote 1.4.2 to {environment}" for environment in ENVIRONMENTS
    ]


def test_a_promotion_commits_one_file_and_nothing_else(shop: Shop) -> None:
    (shop.folder / "notes.txt").write_text("not to be committed")
    promote(shop, "1.4.2", "dev")
    changed = shop.git("show", "--format=", "--name-only", "HEAD")
    assert changed == "deploy/overlays/dev/kustomization.yaml"
    assert shop.git("status", "--porcelain") == "?? notes.txt"


def test_a_promotion_that_was_done_makes_no_second_commit(shop: Shop) -> None:
    promote(shop, "1.4.2", "dev")
    before = shop.state()
    assert "done already" in shop.does("promote", "VERSION=1.4.2", "TO=dev")
    assert shop.state() == before


def test_an_unknown_version_is_refused(shop: Shop) -> None:
    sentence = shop.refuses("promote", "VERSION=9.9.9", "TO=dev")
    assert sentence == f"{shop.image} has no version 9.9.9: run `make push` on its commit."


@pytest.mark.parametrize("version", ["1.4.2+build.5", "latest", "1.4", "1.4.2; id", "v1.4.2", ""])
def test_what_is_no_version_is_refused(shop: Shop, version: str) -> None:
    assert "1.4.2" in shop.refuses("promote", f"VERSION={version}", "TO=dev")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["promote"], "Say what goes where, as in `make promote VERSION=1.4.2 TO=dev`."),
        (["promote", "TO=dev"], "Say what goes where, as in `make promote VERSION=1.4.2 TO=dev`."),
        (["rollback"], "Say what goes where, as in `make rollback TO=production`."),
        (
            ["rollback", "TO=dev", "VERSION=1.4.1"],
            "`make rollback` goes back by one: to 1.4.1 goes "
            "`make promote VERSION=1.4.1 TO=dev ROLLBACK=1`.",
        ),
        (
            ["promote", "VERSION=v1.4.2", "TO=dev"],
            "'v1.4.2' is no version; that tag's is 1.4.2.",
        ),
    ],
)
def test_what_is_typed_wrong_is_refused_with_what_is_right(
    shop: Shop, arguments: list[str], sentence: str
) -> None:
    assert shop.refuses(*arguments) == sentence


@pytest.mark.parametrize("place", ["prod", "my stage", "$(id)", "../../base"])
def test_an_unknown_environment_is_refused(shop: Shop, place: str) -> None:
    sentence = shop.refuses("promote", "VERSION=1.4.2", f"TO={place.replace('$', '$$')}")
    assert sentence == (
        f"{place!r} is no environment: say TO= and one of dev, staging, production."
    )


def test_a_version_whose_digest_moved_is_refused(opened: Open) -> None:
    shop = opened("moved")
    old = shop.ship("1.4.2")
    promote(shop, "1.4.2", "dev")
    new = shop.ship("1.4.2", "other bytes")
    sentence = shop.refuses("promote", "VERSION=1.4.2", "TO=staging")
    assert sentence.startswith(
        f"1.4.2 is {new[:19]} in the registry and was {old[:19]} in dev: a version keeps its bytes"
    )
    assert shop.refuses("promote", "VERSION=1.4.2", "TO=dev") == sentence
    assert shop.runs("dev") == {"1.4.2": old}


def test_an_unsigned_version_is_refused_until_it_is_signed(opened: Open) -> None:
    shop = opened("unsigned")
    digest = shop.ship("1.4.9", signed=False)
    assert shop.refuses("promote", "VERSION=1.4.9", "TO=dev") == (
        f"1.4.9 ({digest[:19]}) is not signed: run `make sign` on its commit."
    )
    shop.keys.sign(f"{shop.image}@{digest}")
    promote(shop, "1.4.9", "dev")


def test_a_signature_of_somebody_else_does_not_count(opened: Open, tmp_path: Path) -> None:
    shop = opened("forged")
    digest = shop.ship("1.4.9", signed=False)
    Keys(tmp_path / "theirs").make().sign(f"{shop.image}@{digest}")
    assert "is not signed" in shop.refuses("promote", "VERSION=1.4.9", "TO=dev")


def test_no_environment_is_skipped(shop: Shop) -> None:
    promote(shop, "1.4.2", "dev")
    assert shop.refuses("promote", "VERSION=1.4.2", "TO=production") == (
        "1.4.2 has not been in staging: run `make promote VERSION=1.4.2 TO=staging` first."
    )


def test_a_version_that_has_been_there_may_go_on_though_a_newer_one_came(shop: Shop) -> None:
    promote(shop, "1.4.2", "dev")
    promote(shop, "1.10.0", "dev")
    promote(shop, "1.4.2", "staging")
    assert shop.runs("staging") == {"1.4.2": shop.digests["1.4.2"]}


@pytest.mark.parametrize("way", ["--no-ff", "--squash"])
def test_a_merge_keeps_what_an_environment_has_had_and_a_squash_does_not(
    shop: Shop, way: str
) -> None:
    shop.git("switch", "--quiet", "--create", "work")
    promote(shop, "1.4.1", "dev")
    promote(shop, "1.4.2", "dev")
    shop.git("switch", "--quiet", "main")
    (shop.folder / "notes.txt").write_text("what came to main meanwhile")
    shop.commit()
    shop.git("merge", "--quiet", "--no-edit", way, "work")
    if way == "--squash":
        shop.commit()
        assert "1.4.1 has not been in dev" in shop.refuses("promote", "VERSION=1.4.1", "TO=staging")
    else:
        promote(shop, "1.4.1", "staging")
    promote(shop, "1.4.2", "staging")


def test_a_downgrade_is_refused_unless_it_is_meant(shop: Shop) -> None:
    for version in ("1.4.1", "1.5.0-rc.1", "1.10.0"):
        promote(shop, version, "dev")
    assert shop.refuses("promote", "VERSION=1.5.0-rc.1", "TO=dev") == (
        "dev has 1.10.0, which is newer: say ROLLBACK=1 to go back."
    )
    shop.does("promote", "VERSION=1.4.1", "TO=dev", "ROLLBACK=1")
    assert shop.runs("dev") == {"1.4.1": shop.digests["1.4.1"]}


def test_a_tree_with_changes_is_refused(shop: Shop) -> None:
    (shop.folder / "README.md").write_text("changed")
    assert shop.refuses("promote", "VERSION=1.4.2", "TO=dev") == (
        "README.md has changes: commit or stash them first."
    )


def test_an_overlay_edited_by_hand_is_refused_and_named(shop: Shop) -> None:
    promote(shop, "1.4.1", "dev")
    file = shop.overlay("dev")
    text = file.read_text("utf-8")
    file.write_text(text.replace(shop.digests["1.4.1"], shop.digests["1.4.2"]), "utf-8")
    dirty = shop.refuses("promote", "VERSION=1.4.1", "TO=staging")
    assert dirty == f"{file.relative_to(shop.folder)} has changes: commit or stash them first."
    shop.commit()
    for place in ("dev", "staging"):
        assert shop.refuses("promote", "VERSION=1.4.1", f"TO={place}") == (
            "deploy/overlays/dev/kustomization.yaml was edited by hand: revert that commit, "
            "and put what dev has of its own into settings/."
        )
    assert "edited by hand" in shop.does("releases").splitlines()[1]
    shop.git("revert", "--no-edit", "HEAD")
    promote(shop, "1.4.1", "staging")


def test_a_registry_that_is_down_changes_nothing(opened: Open) -> None:
    shop = opened()
    promote(shop, "1.4.2", "dev")
    down = shop.refuses("promote", "IMAGE=127.0.0.1:1/shop", "VERSION=1.4.2", "TO=staging")
    assert down.startswith("127.0.0.1:1 does not answer")
    promote(shop, "1.4.2", "staging")


def test_what_was_killed_before_its_commit_is_finished_by_the_same_command(shop: Shop) -> None:
    hook = shop.folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    killer = "kill -9 $(ps -o ppid= -p $PPID) $PPID\n"  # deploy.py and its git
    hook.write_text(f"#!/bin/sh\n{killer}", "utf-8")
    hook.chmod(0o755)
    assert shop.make("promote", "VERSION=1.4.2", "TO=dev").code != 0
    assert shop.git("status", "--porcelain").endswith("deploy/overlays/dev/kustomization.yaml")
    hook.unlink()
    (shop.folder / ".git/index.lock").unlink(missing_ok=True)  # git's own words say so
    assert "has changes" in shop.refuses("promote", "VERSION=1.4.1", "TO=dev")
    promote(shop, "1.4.2", "dev")
    assert shop.git("status", "--porcelain") == ""
    assert shop.runs("dev") == {"1.4.2": shop.digests["1.4.2"]}


def test_a_hook_that_refuses_leaves_all_as_it_was(shop: Shop) -> None:
    hook = shop.folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no commits on Friday' >&2\nexit 1\n", "utf-8")
    hook.chmod(0o755)
    assert shop.refuses("promote", "VERSION=1.4.2", "TO=dev") == (
        "git commit failed: no commits on Friday"
    )


def test_two_promotions_at_once_both_end_well(shop: Shop) -> None:
    promote(shop, "1.4.1", "dev")
    started = [
        shop.start("promote", "VERSION=1.4.2", "TO=dev"),
        shop.start("promote", "VERSION=1.4.1", "TO=staging"),
        shop.start("promote", "VERSION=1.4.2", "TO=dev"),
    ]
    ends = [(process.communicate(), process.returncode) for process in started]
    assert [code for _, code in ends] == [0, 0, 0], ends
    assert shop.git("status", "--porcelain") == ""
    assert sorted(shop.git("log", "--format=%s", "-2").splitlines()) == [
        "Promote 1.4.1 to staging",
        "Promote 1.4.2 to dev",
    ]
    assert shop.runs("dev").keys() == {"1.4.2"}
    assert shop.runs("staging").keys() == {"1.4.1"}


def test_a_shallow_checkout_says_what_it_lacks(shop: Shop, tmp_path: Path) -> None:
    promote(shop, "1.4.2", "dev")
    source = f"file://{shop.folder}"
    run("git", "clone", "--quiet", "--depth=1", source, tmp_path / "shallow")
    shallow = Shop(tmp_path / "shallow", shop.registry, shop.keys)
    assert shallow.refuses("promote", "VERSION=1.4.2", "TO=staging") == (
        "This checkout lacks its history: run `git fetch --unshallow` first."
    )


def test_a_rollback_goes_back_by_one_and_again_by_one(shop: Shop) -> None:
    for version in ("1.4.1", "1.4.2", "1.10.0"):
        promote(shop, version, "dev")
    for version in ("1.4.2", "1.4.1"):
        said = shop.does("rollback", "TO=dev")
        assert said == f"Roll dev back to {version}: committed; `git push` brings it there."
        assert shop.runs("dev") == {version: shop.digests[version]}
    assert shop.refuses("rollback", "TO=dev") == (
        "dev has had no version older than 1.4.1: "
        "forward again goes `make promote VERSION=1.4.2 TO=dev`."
    )
    promote(shop, "1.4.2", "dev")
    shop.does("rollback", "TO=dev")
    assert shop.runs("dev").keys() == {"1.4.1"}


def test_a_rollback_does_not_go_forward_to_what_was_undone(shop: Shop) -> None:
    assert shop.refuses("rollback", "TO=dev") == (
        "dev has had no version yet: `make promote VERSION=1.4.2 TO=dev` first."
    )
    promote(shop, "1.4.2", "dev")
    assert shop.refuses("rollback", "TO=dev") == (
        "dev has had no version older than 1.4.2: "
        "name one, as in `make promote VERSION=1.4.0 TO=dev ROLLBACK=1`."
    )
    shop.does("promote", "VERSION=1.4.1", "TO=dev", "ROLLBACK=1")  # which it has never had
    assert shop.refuses("rollback", "TO=dev") == (
        "dev has had no version older than 1.4.1: "
        "forward again goes `make promote VERSION=1.4.2 TO=dev`."
    )
    promote(shop, "1.10.0", "dev")
    shop.does("rollback", "TO=dev")
    assert shop.runs("dev").keys() == {"1.4.1"}


def test_what_happens_elsewhere_does_not_hold_up_a_rollback(shop: Shop) -> None:
    promote(shop, "1.4.1")
    promote(shop, "1.4.2")
    with shop.overlay("staging").open("a") as file:
        file.write("# by hand\n")
    shop.commit()
    shop.does("rollback", "TO=production")
    assert shop.runs("production") == {"1.4.1": shop.digests["1.4.1"]}


def test_a_rollback_needs_no_registry_and_says_so(opened: Open) -> None:
    with registry() as mortal:
        shop = replace(opened("mortal"), registry=mortal)
        for version in ("1.4.1", "1.4.2"):
            shop.ship(version)
            promote(shop, version, "dev")
    assert "does not answer" in shop.refuses("promote", "VERSION=1.4.2", "TO=staging")
    done, note = shop.does("rollback", "TO=dev").splitlines()
    assert done == "Roll dev back to 1.4.1: committed; `git push` brings it there."
    assert note == (
        f"{mortal.address} does not answer ([Errno 111] Connection refused), "
        "so digest and signature are as checked at its promotion."
    )
    assert shop.runs("dev") == {"1.4.1": shop.digests["1.4.1"]}


def test_a_rollback_asks_a_registry_that_answers(opened: Open) -> None:
    shop = opened("asked")
    for version in ("1.4.1", "1.4.2"):
        shop.ship(version)
        promote(shop, version, "dev")
    shop.ship("1.4.1", "other bytes")
    assert "a version keeps its bytes" in shop.refuses("rollback", "TO=dev")


class Broken(BaseHTTPRequestHandler):
    """What is left of a registry: it has no time, or breaks off in the middle."""

    def do_GET(self) -> None:
        """Answer as its server was told."""
        assert isinstance(self.server, Remains)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"{")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Remains(HTTPServer):
    """Where that is reached."""

    status: int


@contextmanager
def broken(status: int) -> Iterator[str]:
    """Run what is left of a registry; return its address."""
    with Remains(("127.0.0.1", 0), Broken) as server:
        server.status = status
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "said"), [(200, "does not answer (IncompleteRead"), (429, "429"), (503, "503")]
)
def test_a_registry_that_breaks_stops_a_promotion_and_no_rollback(
    shop: Shop, status: int, said: str
) -> None:
    for version in ("1.4.1", "1.4.2"):
        promote(shop, version, "dev")
    with broken(status) as address:
        image = f"IMAGE={address}/shop"
        assert said in shop.refuses("promote", "VERSION=1.4.2", "TO=staging", image)
        assert said in shop.does("rollback", "TO=dev", image).splitlines()[1]


def published(shop: Shop) -> Shop:
    """Give a shop a place that its commits are pushed to, and push."""
    origin = str(shop.folder.with_name("origin.git"))
    shop.git("init", "--quiet", "--bare", origin)
    shop.git("remote", "add", "origin", origin)
    shop.git("push", "--quiet", "origin", "HEAD")
    return shop


def table(shop: Shop) -> list[list[str]]:
    """Return the cells of what `make releases` prints, by where its columns begin."""
    lines = shop.does("releases").splitlines()
    starts = [
        lines[0].index(name) for name in ("environment", "version", "digest", "since", "next")
    ]
    ends = [*starts[1:], 200]
    return [[line[a:b].rstrip() for a, b in zip(starts, ends, strict=True)] for line in lines]


def test_the_table_says_what_is_where_and_what_comes_next(shop: Shop) -> None:
    heading = ["environment", "version", "digest", "since", "next"]
    assert table(shop) == [heading, *([name, "-", "-", "-", ""] for name in ENVIRONMENTS)]
    shop.git("tag", "v1.4.1")
    assert table(shop)[1] == ["dev", "-", "-", "-", "make promote VERSION=1.4.1 TO=dev"]
    promote(shop, "1.4.1", "dev", "staging")
    promote(shop, "1.4.2", "dev")
    today = shop.git("log", "-1", "--format=%cs")
    old, new = (shop.digests[version][:19] for version in ("1.4.1", "1.4.2"))
    assert table(shop) == [
        heading,
        ["dev", "1.4.2", new, today, ""],
        ["staging", "1.4.1", old, today, "make promote VERSION=1.4.2 TO=staging"],
        ["production", "-", "-", "-", "make promote VERSION=1.4.1 TO=production"],
    ]


@pytest.mark.parametrize("tracking", [True, False], ids=["upstream", "no upstream"])
def test_the_table_marks_what_is_not_pushed(shop: Shop, tracking: bool) -> None:
    published(shop)
    if tracking:
        shop.git("branch", "--set-upstream-to=origin/main")
    promote(shop, "1.4.1", "dev", "staging")
    shop.git("push", "--quiet", "origin", "HEAD")
    promote(shop, "1.4.2", "dev")
    today = shop.git("log", "-1", "--format=%cs")
    assert [row[3:] for row in table(shop)[1:]] == [
        [f"{today}, not pushed", ""],
        [today, "make promote VERSION=1.4.2 TO=staging"],
        ["-", "make promote VERSION=1.4.1 TO=production"],
    ]
    shop.git("push", "--quiet", "origin", "HEAD")
    assert [row[3] for row in table(shop)[1:]] == [today, today, "-"]


def test_a_commit_that_no_branch_has_is_not_taken_for_one_that_a_push_brings(shop: Shop) -> None:
    shop.git("checkout", "--quiet", "--detach")
    said = shop.does("promote", "VERSION=1.4.2", "TO=dev")
    assert said.endswith("no branch has it, and `git push origin HEAD:main` brings it there.")


def test_the_table_says_that_the_upstream_branch_is_ahead(shop: Shop, tmp_path: Path) -> None:
    shop.git("init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    shop.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    shop.does("promote", "VERSION=1.4.2", "TO=dev")
    shop.git("push", "--quiet", "--set-upstream", "origin", "main")
    table = shop.does("releases")
    assert "git pull" not in table
    shop.git("reset", "--quiet", "--hard", "HEAD~1")
    last = shop.does("releases").splitlines()[-1]
    assert last == "The upstream branch is 1 ahead: `git pull` first."


def test_a_version_that_was_tried_in_no_pushed_commit_is_promoted_with_a_word(shop: Shop) -> None:
    published(shop)
    done = "Promote 1.4.2 to {}: committed; `git push` brings it there."
    assert shop.does("promote", "VERSION=1.4.2", "TO=dev") == done.format("dev")
    assert shop.does("promote", "VERSION=1.4.2", "TO=staging").splitlines() == [
        done.format("staging"),
        "dev has 1.4.2 by a commit that is not pushed: it was not tried there.",
    ]
    shop.git("push", "--quiet", "origin", "HEAD")
    assert shop.does("promote", "VERSION=1.4.2", "TO=production") == done.format("production")


def following(shop: Shop) -> list[str]:
    """Return what would come next in each environment."""
    return [row[4] for row in table(shop)[1:]]


def test_what_was_rolled_back_is_not_what_comes_next(shop: Shop) -> None:
    shop.git("tag", "v1.4.1")
    shop.git("tag", "v1.4.2")
    promote(shop, "1.4.1", "dev", "staging")
    promote(shop, "1.4.2", "dev", "staging")
    shop.does("rollback", "TO=staging")
    assert following(shop) == ["", "", "make promote VERSION=1.4.1 TO=production"]
    shop.does("rollback", "TO=dev")
    assert following(shop)[:2] == ["", ""]
    shop.git("tag", "v1.10.0")
    assert following(shop)[0] == "make promote VERSION=1.10.0 TO=dev"
    promote(shop, "1.10.0", "dev")
    assert following(shop)[:2] == ["", "make promote VERSION=1.10.0 TO=staging"]


def test_nothing_comes_next_from_an_environment_that_was_edited_by_hand(shop: Shop) -> None:
    promote(shop, "1.4.1", "dev")
    with shop.overlay("dev").open("a") as file:
        file.write("# by hand\n")
    shop.commit()
    assert following(shop) == ["edited by hand", "", ""]


def test_who_does_what_comes_next_brings_the_newest_version_to_production(shop: Shop) -> None:
    for version in ("1.4.2", "1.10.0", "1.5.0-rc.1"):
        shop.git("tag", f"v{version}")
    steps = 0
    while commands := list(filter(None, following(shop))):
        shop.does(*commands[0].split()[1:])
        steps += 1
    assert steps == len(ENVIRONMENTS)
    assert shop.runs("production") == {"1.10.0": shop.digests["1.10.0"]}


def test_an_environment_that_its_owner_removed_is_none(shop: Shop) -> None:
    shop.git("rm", "-r", "--quiet", "deploy/overlays/staging")
    shop.commit()
    promote(shop, "1.4.2", "dev")
    assert following(shop) == ["", "make promote VERSION=1.4.2 TO=production"]
    promote(shop, "1.4.2", "production")
    assert "one of dev, production" in shop.refuses("rollback", "TO=staging")
