"""One service of the fleet: made, lived in, updated by Copier's own command, judged."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml
from plumbum import local

from benchmarks.fleet_oracle import SERVING, Truth, Verdict, judge, truth
from benchmarks.fleet_owner import live
from benchmarks.fleet_template import Answers, Files, Template, files, git, write
from tasks.rendering import ANSWERS

TIMED = Path(__file__).parent / "timed.py"
COPIER = Path(sys.executable).parent / "copier"


@dataclass(frozen=True)
class Service:
    """A service in its folder, made from a release; `seed` decides what its owner did."""

    folder: Path
    template: Template
    version: str
    answers: Answers
    seed: str


@dataclass(frozen=True)
class Took:
    """What an update took: seconds on the clock, seconds of a processor, bytes at most."""

    seconds: float
    processor: float
    memory: int


def stored(content: bytes) -> Answers:
    """Return the answers that a service stores."""
    answers = yaml.safe_load(content)
    return {name: value for name, value in answers.items() if not name.startswith("_")}


def coming(service: Service, old: Files) -> Files:
    """Return what the newest release writes for the service, which was made as `old`."""
    answers = stored(old[ANSWERS])
    new = service.template.render(service.template.versions[-1], answers)
    return new if answers.get("serving") else {n: c for n, c in new.items() if n != SERVING}


def make(service: Service) -> None:
    """Write the service in a repository of its own, with what its owner did."""
    template, folder = service.template, service.folder
    old = template.render(service.version, service.answers)
    write(folder, old)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Create the service")
    renames = template.renames(service.version, template.versions[-1])
    live(folder, Random(service.seed), old, coming(service, old), renames)


def expected(service: Service) -> Truth:
    """Return what ought to come of the service, as it stands before the update."""
    template = service.template
    old = template.render(service.version, service.answers)
    return truth(
        files(service.folder),
        old,
        coming(service, old),
        template.renames(service.version, template.versions[-1]),
    )


def update(service: Service) -> Took:
    """Do what a person's `make update` does; end with Copier's words where it fails."""
    trust = ["--trust"] if service.template.trust else []
    command = local[sys.executable]["-I", str(TIMED), str(COPIER), "update", *trust, "--defaults"]
    with local.cwd(service.folder):
        took = json.loads(command())
    if took["code"]:
        sys.exit(f"{service.folder} could not be updated from {service.version}:\n{took['said']}")
    return Took(took["seconds"], took["processor"], took["memory"])


def version(service: Service) -> str:
    """Return the release that the service records: `1.2.0`."""
    recorded = yaml.safe_load((service.folder / ANSWERS).read_text("utf-8"))["_commit"]
    return str(recorded).removeprefix("v")


def verdict(service: Service, ought: Truth) -> Verdict:
    """Compare the updated service with what ought to be."""
    marked = git(service.folder, "diff", "--name-only", "--diff-filter=U").split()
    result = judge(ought, files(service.folder), set(marked))
    if version(service) != service.template.versions[-1]:
        result.strays.append(ANSWERS)
    return result
