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
from contextlib import contextmanager
from pathlib import Path

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


def history(environment: str) -> list[tuple[str, State]]:
    """Return what the environment has run by git's account, oldest first, each with its day."""
    name = overlays.path(environment).as_posix()
    commits = git("log", "--reverse", "--format=%H %cs", "--", name).splitlines()
    found = []
    for commit in commits:
        identity, day = commit.split()
        if git("ls-tree", identity, "--", name):
            text = git("show", f"{identity}:./{name}")
            if overlays.genuine(text):
                found.append((day, overlays.parse(text)))
    return found


def been(environment: str) -> list[Release]:
    """Return each release that all requests of an environment have gone to, oldest first."""
    runs: list[Release] = []
    for _, state in history(environment):
        if state.now and state.now not in runs[-1:]:
            runs.append(state.now)
    return runs


def previous(runs: list[Release]) -> Release | None:
    """Return what came before the present release; going back forgets what had come after."""
    stack: list[Release] = []
    for run in runs:
        if run in stack:
            del stack[stack.index(run) :]
        stack.append(run)
    return stack[-2] if len(stack) > 1 else None


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
    if not file.exists():
        raise Refusal(f"{file} is missing: `git log -- {file}` says who removed it.")
    changed = git("status", "--porcelain", "--", str(file))
    return not changed and not overlays.genuine(file.read_text("utf-8"))


def verified(service: Service, version: str, to: str) -> Release:
    """Return the release that a version is, where it may come to an environment."""
    for environment in filter(None, (service.before(to), to)):
        if touched(environment):
            file = overlays.path(environment)
            raise Refusal(
                f"{file} was edited by hand: revert that commit, and put what {environment} has of "
                "its own into settings/."
            )
    release.precedence(version)  # refuses what is no version
    digest = release.digest(version)
    if digest is None:
        raise Refusal(f"{release.image()} has no version {version}: run `make push` on its commit.")
    for environment in service.environments:
        for known in been(environment):
            if known.version == version and known.digest != digest:
                raise Refusal(
                    f"{version} is {short(digest)} in the registry and was {short(known.digest)} "
                    f"in {environment}: a version keeps its bytes, so give the new ones a new one."
                )
    if not release.signed(digest):
        raise Refusal(f"{version} ({short(digest)}) is not signed: run `make sign` on its commit.")
    before = service.before(to)
    if before and Release(version, digest) not in been(before):
        raise Refusal(
            f"{version} has not been in {before}: "
            f"run `make promote VERSION={version} TO={before}` first."
        )
    return Release(version, digest)


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


def write(service: Service, to: str, state: State, message: str) -> None:
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
    print(f"{message}: committed; `git push` brings it there.")


def promote(service: Service, version: str, to: str, back: bool = False) -> None:
    """Bring a version, by its digest, to an environment."""
    state = committed(to)
    found = verified(service, version, to)
    if state.canary and state.canary != found:
        raise Refusal(
            f"{state.canary.version} has {state.weight} % of {to}: end that first, with "
            "`make canary WEIGHT=100` or `make canary ABORT=1`."
        )
    older = state.now and release.precedence(version) < release.precedence(state.now.version)
    if state.now and older and not back:
        raise Refusal(f"{to} has {state.now.version}, which is newer: say ROLLBACK=1 to go back.")
    write(service, to, State(found), f"Promote {version} to {to}")


def rollback(service: Service, to: str) -> None:
    """Bring an environment back to the release that it had before the present one."""
    state = committed(to)
    if state.canary:
        raise Refusal(
            f"{state.canary.version} has a share of {to}: `make canary ABORT=1` takes it."
        )
    found = previous(been(to))
    if found is None:
        raise Refusal(f"{to} has had no version before the present one.")
    found = verified(service, found.version, to)
    write(service, to, State(found), f"Roll {to} back to {found.version}")


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
                f"{settings} does not say once how many pods {to} has, as `replicas: "
                f"[{{name: {service.name}, count: 6}}]`, so no share can be worked out."
            )
        old, new = overlays.split(there, weight, service.pods)
        share += f" ({new} of {old + new} pods)"
    if service.canary == "rollouts" and there != 0:
        raise Refusal(
            f"The Deployment has pods beside the Rollout's, and all would be {version}: once the "
            f"Rollout is Healthy, write `replicas: [{{name: {service.name}, count: 0}}]` into "
            f"{settings}."
        )
    write(service, to, State(state.now, found, weight), f"Give {version} {share} of {to}")
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


def since(runs: list[tuple[str, State]]) -> str:
    """Return the day on which the present release came."""
    first = ""
    for day, state in reversed(runs):
        if state.now != runs[-1][1].now:
            break
        first = day
    return first


def following(environment: str, state: State, offered: str) -> str:
    """Return the command that would change an environment next."""
    if touched(environment):
        return "edited by hand"
    if state.canary:
        return f"make canary WEIGHT={50 if state.weight < 50 else 100}"
    now = state.now.version if state.now else ""
    newer = offered and (not now or release.precedence(offered) > release.precedence(now))
    return f"make promote VERSION={offered} TO={environment}" if newer else ""


def releases(service: Service) -> None:
    """Print which version is where, since when, and what would be promoted next."""
    rows = [["environment", "version", "digest", "since", "next"]]
    offered = release.newest(git("tag", "--list", "v*"))
    for environment in service.environments:
        runs = history(environment)
        state = runs[-1][1] if runs else State()
        version, digest, day = "-", "-", "-"
        if state.now:
            version, digest, day = state.now.version, short(state.now.digest), since(runs)
        share = f" ({100 - state.weight} %)" if state.canary else ""
        rows.append([environment, version + share, digest, day])
        rows[-1].append(following(environment, state, offered))
        if state.canary:
            share = f"{state.canary.version} ({state.weight} %)"
            rows.append(["", share, short(state.canary.digest), runs[-1][0], ""])
        offered = state.now.version if state.now else ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


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
    return Service(**vars(parser.parse_args()))


def main(service: Service) -> None:
    """Do what is asked for; a person's words come by the environment, where no shell reads them."""
    version, to, weight, back, ended = (
        os.environ.get(name, "").strip() for name in ("WANTED", "TO", "WEIGHT", "ROLLBACK", "ABORT")
    )
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise Refusal("This checkout lacks its history: run `git fetch --unshallow` first.")
    if service.action == "releases":
        releases(service)
        return
    if service.action != "canary" and to not in service.environments:
        known = ", ".join(service.environments)
        raise Refusal(f"{to!r} is no environment: say TO= and one of {known}.")
    with alone():
        if service.action == "promote":
            if not version:
                raise Refusal("Say which version, as VERSION=1.4.2.")
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
