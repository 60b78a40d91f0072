"""`make fleet N=200`: as many services, lived in and updated; what became of them, and how fast.

Ends with 1 on a false conflict, a true one that is not marked, anything of an owner lost, and,
at 200 services or more, on updates that take longer than 1.5 times a bare template's.
"""

from __future__ import annotations

import argparse
import sys
from itertools import zip_longest
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import fleet_report, fleet_service
from benchmarks.fleet_bare import bare
from benchmarks.fleet_report import Result
from benchmarks.fleet_service import Service
from benchmarks.fleet_template import Answers, Template, alone, checkout
from tasks.new import uncommitted

KINDS = ("web", "worker", "job")
DOCUMENTED = 200  # a run of so many is recorded, and held to the speed


def answers(kind: str, base: str, python: str) -> Answers:
    """Return what the person answered."""
    chosen: Answers = {
        "project_name": f"{kind} on {base}".title(),
        "service_kind": kind,
        "base_image": base,
        "python_version": python,
        "license": "MIT" if kind == "worker" else "none",
    }
    if base == "slim" and kind == "job":
        chosen |= {"build_packages": ["gcc"], "runtime_packages": ["libpq5"]}
    return chosen


def fleet(template: Template, number: int, seed: int, folder: Path) -> list[Service]:
    """Return services of every release but the newest, every kind and every base, in turn."""
    random = Random(seed)
    versions = template.versions[:-1]
    offered = {version: template.offered(version) for version in versions}
    pythons = {
        (version, kind, base): random.choice(names)
        for version in versions
        for kind in KINDS
        for base, names in offered[version].items()
    }
    services = []
    for count in range(number):
        version, kind = versions[count % len(versions)], KINDS[count % len(KINDS)]
        base = random.choice(list(offered[version]))
        chosen = answers(kind, base, pythons[version, kind, base])
        name = f"{count:04}-{kind}-{base}-{version}"
        services.append(Service(folder / name, template, version, chosen, f"{seed} {count}"))
    return services


def twins(template: Template, services: list[Service], folder: Path) -> list[Service]:
    """Return for each service one of the same kind, release and seed from a bare template."""
    folder.mkdir()
    kinds = sorted({service.answers["service_kind"] for service in services})
    bases = {
        kind: bare(template, folder / f"{kind}.git", answers(kind, "slim", "3.13"))
        for kind in kinds
    }
    return [
        Service(
            folder / service.folder.name,
            bases[service.answers["service_kind"]],
            service.version,
            {},
            service.seed,
        )
        for service in services
    ]


def updated(service: Service, twin: Service | None, twin_first: bool) -> Result:
    """Update a service and its twin, one after the other; return what became of it."""
    ought = fleet_service.expected(service)
    old = fleet_service.version(service)
    beside = fleet_service.update(twin) if twin and twin_first else None
    took = fleet_service.update(service)
    if twin and not twin_first:
        beside = fleet_service.update(twin)
    verdict = fleet_service.verdict(service, ought)
    new = fleet_service.version(service)
    return Result(service.folder.name, old, new, verdict, took, beside)


def run(number: int, seed: int, beside: bool, scratch: Path, console: Console) -> list[Result]:
    """Make the services and update them; `beside` says whether bare ones go along."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        template = checkout(scratch / "template.git")
        services = fleet(template, number, seed, scratch / "services")
        others = twins(template, services, scratch / "bare") if beside else []
        for service in progress.track([*services, *others], description="Making services"):
            fleet_service.make(service)
        results: list[Result] = []
        pairs = zip_longest(services, others)
        for service, twin in progress.track(pairs, number, description="Updating them"):
            results.append(updated(service, twin, twin_first=len(results) % 2 == 1))
    return results


def main() -> int:
    """Print the table; return 1 where something went wrong."""
    parser = argparse.ArgumentParser(prog="make fleet", usage="make fleet [N=200] [SEED=1]")
    parser.add_argument("number", type=int, nargs="?", default=DOCUMENTED)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="no bare template beside it")
    options = parser.parse_args()
    if options.number < 1:
        parser.error(f"a fleet has one service or more, not {options.number}")
    console = Console()
    if uncommitted():
        console.print("This checkout has changes that are not committed: the fleet lacks them.")
    with TemporaryDirectory(prefix="fleet-") as folder, alone(Path(folder)):
        results = run(options.number, options.seed, not options.alone, Path(folder), console)
    figures = fleet_report.figures(results, options.seed)
    wide = Console(width=max(console.width, 150))
    wide.print(fleet_report.table(figures))
    for sentence in fleet_report.sentences(figures):
        wide.print(sentence)
    full = options.number >= DOCUMENTED and not options.alone
    faults = fleet_report.faults(results, figures["rows"][-1]["ratio"] if full else None)
    if full:
        fleet_report.record(figures)
        wide.print("Recorded in benchmarks/fleet.json and docs/fleet.md.")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
