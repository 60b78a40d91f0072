"""Says which version runs where, and changes it: `make releases`, `promote`, `rollback`, `canary`.

What an environment runs stands in its overlay, as a digest, and nowhere else; its history is git's.
What is true of an image is asked of the registry.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import overlays
from overlays import Release, Service, State

import release
from release import Refusal


def git(*arguments: str) -> str:
    """Return what git says; Refusal with its own words where it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it does not say why").splitlines()
        raise Refusal(f"git {arguments[0]} failed: {said[0]}")
    return done.stdout


def short(digest: str) -> str:
    """Return as much of a digest as a person compares."""
    return digest[:19]


# ---- what was


class Change(NamedTuple):
    """What an environment runs since a commit."""

    commit: str
    day: str
    state: State


def history(environment: str) -> list[Change]:
    """Return what the environment has run by git's account, oldest first."""
    name = overlays.path(environment).as_posix()
    found = []
    for line in git("log", "--reverse", "--format=%H %cs", "--", name).splitlines():
        commit, day = line.split()
        if git("ls-tree", commit, "--", name):
            text = git("show", f"{commit}:./{name}")
            if overlays.genuine(text):
                found.append(Change(commit, day, overlays.parse(text)))
    return found


def been(changes: list[Change]) -> list[Release]:
    """Return each release that all requests have gone to, oldest first."""
    runs: list[Release] = []
    for change in changes:
        if change.state.now and change.state.now not in runs[-1:]:
            runs.append(change.state.now)
    return runs


def standing(runs: list[Release]) -> list[Release]:
    """Return the releases that nobody has gone back from: an older one undoes the newer."""
    stack: list[Release] = []
    for run in runs:
        while stack and not newer(run.version, stack[-1].version):
            stack.pop()
        stack.append(run)
    return stack


def undone(changes: list[Change]) -> set[str]:
    """Return the versions that were rolled back, or whose canary was aborted."""
    states = [change.state for change in changes]
    seen = {run.version for state in states for run in (state.now, state.canary) if run}
    return seen - {run.version for run in standing(been(changes))}


def newer(version: str, other: str) -> bool:
    """Say whether a version comes after another."""
    return bool(release.precedence(version) > release.precedence(other))


def unpushed() -> set[str]:
    """Return the commits that the upstream branch lacks; where there is none, that no remote has.

    None without a remote.
    """
    if not git("remote"):
        return set()
    try:
        known = git("rev-parse", "--verify", "@{upstream}").strip()
    except Refusal:
        known = "--remotes"
    return set(git("rev-list", "HEAD", "--not", known).split())


def committed(environment: str) -> State:
    """Return what the last commit says of an environment."""
    name = overlays.path(environment).as_posix()
    if not git("ls-tree", "HEAD", "--", name):
        raise Refusal(f"{name} is in no commit: `git add deploy && git commit` first.")
    return overlays.parse(git("show", f"HEAD:./{name}"))


# ---- what may be


def touched(environment: str) -> bool:
    """Say whether somebody else has written the overlay of an environment, and committed it."""
    file = overlays.path(environment)
    changed = git("status", "--porcelain", "--", str(file))
    return not changed and not overlays.genuine(file.read_text("utf-8"))


def unedited(environment: str) -> None:
    """Refuse an overlay that somebody else has written."""
    if touched(environment):
        file = overlays.path(environment)
        raise Refusal(
            f"{file} was edited by hand: revert that commit, and put what {environment} has of "
            "its own into settings/."
        )


def known(service: Service, version: str) -> Release:
    """Return the release that a version is: the bytes that it has always been, signed."""
    release.precedence(version)  # refuses what is no version
    digest = release.digest(version)
    if digest is None:
        raise Refusal(f"{release.image()} has no version {version}: run `make push` on its commit.")
    for environment in service.environments:
        for run in been(history(environment)):
            if run.version == version and run.digest != digest:
                raise Refusal(
                    f"{version} is {short(digest)} in the registry and was {short(run.digest)} "
                    f"in {environment}: a version keeps its bytes, so give the new ones a new one."
                )
    if not release.signed(digest):
        raise Refusal(f"{version} ({short(digest)}) is not signed: run `make sign` on its commit.")
    return Release(version, digest)


def verified(service: Service, version: str, to: str) -> Release:
    """Return the release that a version is, where it may come to an environment."""
    before = service.before(to)
    for environment in filter(None, (before, to)):
        unedited(environment)
    found = known(service, version)
    if before and found not in been(history(before)):
        raise Refusal(
            f"{version} has not been in {before}: "
            f"run `make promote VERSION={version} TO={before}` first."
        )
    return found


def untried(service: Service, found: Release, to: str) -> str:
    """Return what is to be said of a release that the environment before has only here."""
    before = service.before(to)
    changes = history(before) if before else []
    came = {change.commit for change in changes if change.state.now == found}
    if not came or came - unpushed():
        return ""
    return f"{before} has {found.version} by a commit that is not pushed: it was not tried there."


def clean(to: str, text: str) -> None:
    """Refuse a tree with changes, but not what this very command wrote when it was killed."""
    file = overlays.path(to)
    changes = git("status", "--porcelain", "--untracked-files=no", "--no-renames").splitlines()
    own = git("rev-parse", "--show-prefix").strip() + file.as_posix()
    if [line[3:] for line in changes] == [own] and file.read_text("utf-8") == text:
        return
    if changes:
        raise Refusal(f"{changes[0][3:]} has changes: commit or stash them first.")


# ---- what changes


def write(service: Service, to: str, state: State, message: str, note: str = "") -> None:
    """Write an overlay and commit it alone; where git refuses, all is as before."""
    text = overlays.render(service, to, release.image(), state)
    clean(to, text)
    if committed(to) == state:
        print(f"{message}: that is done already.")
        return
    file = overlays.path(to)
    before, new = file.read_bytes(), file.with_suffix(".new")
    new.write_text(text, "utf-8")
    os.replace(new, file)
    try:
        git("commit", "--quiet", "--only", "--message", message, "--", str(file))
    except Refusal:
        file.write_bytes(before)
        raise
    on = git("branch", "--show-current").strip()
    way = "`git push`" if on else "no branch has it, and `git push origin HEAD:main`"
    print(f"{message}: committed; {way} brings it there.")
    if note:
        print(note)


def promote(service: Service, version: str, to: str, back: bool = False) -> None:
    """Bring a version, by its digest, to an environment."""
    state = committed(to)
    found = verified(service, version, to)
    if state.canary and state.canary != found:
        raise Refusal(
            f"{state.canary.version} has {state.weight} % of {to}: end that first, with "
            "`make canary WEIGHT=100` or `make canary ABORT=1`."
        )
    if state.now and newer(state.now.version, version) and not back:
        raise Refusal(f"{to} has {state.now.version}, which is newer: say ROLLBACK=1 to go back.")
    note = untried(service, found, to)
    write(service, to, State(found), f"Promote {version} to {to}", note)


def rollback(service: Service, to: str) -> None:
    """Bring an environment back to the release that it had before the present one.

    What it had is in git, and was checked when it came: a registry that is down is no obstacle.
    """
    state = committed(to)
    if state.canary:
        raise Refusal(
            f"{state.canary.version} has a share of {to}: `make canary ABORT=1` takes it."
        )
    unedited(to)
    runs = been(history(to))
    if not runs:
        raise Refusal(f"{to} has had no version yet: `make promote VERSION=1.4.2 TO={to}` first.")
    *older, now = standing(runs)
    if not older:
        way = f"name one, as in `make promote VERSION=1.4.0 TO={to} ROLLBACK=1`"
        if runs[1:]:
            way = f"forward again goes `make promote VERSION={runs[-2].version} TO={to}`"
        raise Refusal(f"{to} has had no version older than {now.version}: {way}.")
    found, note = older[-1], ""
    try:
        known(service, found.version)
    except release.Unanswered as error:
        note = f"{str(error)[:-1]}, so digest and signature are as checked at its promotion."
    write(service, to, State(found), f"Roll {to} back to {found.version}", note)


def canary(service: Service, version: str, weight: int) -> None:
    """Give a version a share of the last environment; 100 is all of it, and the canary's end."""
    to = service.environments[-1]
    state = committed(to)
    version = version or (state.canary.version if state.canary else "")
    if not version:
        raise Refusal(f"{to} has no canary: say which version, as VERSION=1.4.2.")
    if weight == 100:
        promote(service, version, to)
        return
    if state.now is None:
        raise Refusal(f"{to} runs nothing yet: `make promote VERSION={version} TO={to}` first.")
    if state.canary and state.canary.version != version:
        raise Refusal(f"{state.canary.version} is the canary: `make canary ABORT=1` makes room.")
    found = verified(service, version, to)
    if found == state.now:
        raise Refusal(f"{to} has {version} already.")
    share = f"{weight} %"
    there, settings = overlays.replicas(service, to), overlays.settings(to)
    if service.canary == "replicas":
        if there is None:
            raise Refusal(
                f"{settings} does not say once how many pods {to} has, as "
                "`replicas: [{"
                f"name: {service.name}, count: 6"
                "}]`, so no share can be worked out."
            )
        old, new = overlays.split(there, weight, service.pods)
        share += f" ({new} of {old + new} pods)"
    if service.canary == "rollouts" and there != 0:
        raise Refusal(
            f"The Deployment has pods beside the Rollout's, and all would be {version}: once the "
            "Rollout is Healthy, write `replicas: [{"
            f"name: {service.name}, count: 0"
            "}]` into "
            f"{settings}."
        )
    note = untried(service, found, to)
    write(service, to, State(state.now, found, weight), f"Give {version} {share} of {to}", note)
    if service.canary == "rollouts" and "trafficRouting" not in settings.read_text("utf-8"):
        print("That is at least one pod, and exact only with a traffic router.")


def abort(service: Service) -> None:
    """Take its share from the canary."""
    to = service.environments[-1]
    state = committed(to)
    if state.canary is None:
        raise Refusal(f"{to} has no canary.")
    write(service, to, State(state.now), f"Abort the canary {state.canary.version} in {to}")


# ---- what is


def since(changes: list[Change]) -> str:
    """Return the day on which the present release came."""
    day = ""
    for change in reversed(changes):
        if change.state.now != changes[-1].state.now:
            break
        day = change.day
    return day


def following(environment: str, changes: list[Change], offered: list[str]) -> str:
    """Return the command that would change an environment next."""
    state = changes[-1].state if changes else State()
    if state.canary:
        return f"make canary WEIGHT={50 if state.weight < 50 else 100}"
    gone = undone(changes)
    able = [version for version in offered if version not in gone]
    if state.now:
        able = [version for version in able if newer(version, state.now.version)]
    best = max(able, key=release.precedence, default="")
    return f"make promote VERSION={best} TO={environment}" if best else ""


def releases(service: Service) -> None:
    """Print which version is where, since when, and what would be promoted next."""
    rows = [["environment", "version", "digest", "since", "next"]]
    offered = release.versions(git("tag", "--list", "v*"))
    ahead = unpushed()
    for environment in service.environments:
        changes = history(environment)
        state = changes[-1].state if changes else State()
        mark = ", not pushed" if changes and changes[-1].commit in ahead else ""
        edited = touched(environment)
        row = [environment, "-", "-", "-"]
        row.append("edited by hand" if edited else following(environment, changes, offered))
        rows.append(row)
        if state.now:
            row[1:4] = state.now.version, short(state.now.digest), since(changes) + mark
        if state.canary:
            row[1] += f" ({100 - state.weight} %)"
            share = f"{state.canary.version} ({state.weight} %)"
            rows.append(["", share, short(state.canary.digest), changes[-1].day + mark, ""])
        offered = [state.now.version] if state.now and not edited else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    with suppress(Refusal):  # where there is no upstream
        if missing := git("rev-list", "HEAD..@{upstream}").split():
            print(f"The upstream branch is {len(missing)} ahead: `git pull` first.")


# ---- what `make` runs


@contextmanager
def alone() -> Iterator[None]:
    """Let nobody else change an overlay of this checkout meanwhile."""
    with Path(git("rev-parse", "--git-path", "deploy.lock").strip()).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def service() -> Service:
    """Return what deploy.mk says of the service, on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["promote", "releases", "rollback", "canary"])
    parser.add_argument("--name", required=True)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--environments", type=str.split, required=True)
    parser.add_argument("--canary", default="none")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--pods", type=int, default=1)
    said = parser.parse_args()
    said.environments = [name for name in said.environments if overlays.path(name).exists()]
    return Service(**vars(said))


def main(service: Service) -> None:
    """Do what is asked for; a person's words come by the environment, where no shell reads them."""
    version, to, weight, back, ended = (
        os.environ.get(name, "").strip() for name in ("WANTED", "TO", "WEIGHT", "ROLLBACK", "ABORT")
    )
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise Refusal("This checkout lacks its history: run `git fetch --unshallow` first.")
    if not service.environments:
        raise Refusal(f"{overlays.FOLDER} has no environment: `git log -- deploy` says why.")
    if service.action == "releases":
        releases(service)
        return
    first, last = service.environments[0], service.environments[-1]
    if service.action == "canary":
        if to not in ("", last):
            raise Refusal(f"Only {last} has a canary: leave out TO={to}.")
    elif not to or (service.action == "promote" and not version):
        example = f"VERSION=1.4.2 TO={first}" if service.action == "promote" else f"TO={last}"
        raise Refusal(f"Say what goes where, as in `make {service.action} {example}`.")
    elif to not in service.environments:
        there = ", ".join(service.environments)
        raise Refusal(f"{to!r} is no environment: say TO= and one of {there}.")
    elif service.action == "rollback" and version:
        forced = f"`make promote VERSION={version} TO={to} ROLLBACK=1`"
        raise Refusal(f"`make rollback` goes back by one: to {version} goes {forced}.")
    with alone():
        if service.action == "promote":
            promote(service, version, to, bool(back))
        elif service.action == "rollback":
            rollback(service, to)
        elif ended:
            abort(service)
        elif re.fullmatch(r"[1-9]\d?|100", weight):
            canary(service, version, int(weight))
        else:
            raise Refusal("Say WEIGHT= and a number from 1 to 100, or ABORT=1.")


if __name__ == "__main__":
    try:
        main(service())
    except Refusal as refusal:
        sys.exit(str(refusal))
