"""`make bench-observability`: what telling costs a web service, beside one that does not tell.

The same application, base and engine, in turns; the medians go to docs/observability.md.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from copier import run_copy
from rich.progress import track

from benchmarks.figures import replace
from benchmarks.tables import markdown
from benchmarks.units import amount
from tasks import mirror
from tests.engine import Engine, engine
from tests.engine.loopback import free_port
from tests.image import own
from tests.image.containers import HARDENED, Container, running
from tests.image.load import hey
from tests.image.services import ROOT, Service, poetry_in
from tests.observability.collector import collector
from tests.observability.conftest import extend
from tests.observability.support import get

PAGE = ROOT / "docs/observability.md"
MARKERS = (
    "<!-- figures: make bench-observability writes what follows -->",
    "<!-- end of figures -->",
)
ROUNDS = 9
RESIDENT = "print(*(line for line in open('/proc/1/status') if line.startswith('VmRSS')))"


@dataclass
class Column:
    """One way to run a service, and what was measured of it."""

    title: str
    service: Service
    collected: bool = False
    samples: dict[str, list[float]] = field(default_factory=dict)

    def measure(self) -> None:
        """Take one sample of everything."""
        with collector() if self.collected else nullcontext() as kept:
            named = {"OTEL_EXPORTER_OTLP_ENDPOINT": kept.endpoint} if kept else {}
            variables = {"OTEL_EXPORTER_PROMETHEUS_PORT": free_port(), "LOG_LEVEL": "WARNING"}
            begin = time.perf_counter()
            with running(
                self.service.image, self.service.network, flags=HARDENED, **variables, **named
            ) as container:
                first = answered(container) - begin
                requests(container, 300, 1)
                alone = requests(container, 2000, 1)
                many = requests(container, 4000, 50)
                resident = int(container.python(RESIDENT).split()[1]) * 1024
        for name, value in zip(ROWS, (first, alone, many, resident), strict=True):
            self.samples.setdefault(name, []).append(value)


ROWS: dict[str, Callable[[float], str]] = {
    "first answer after `docker run`": lambda value: amount(value, "s"),
    "a request, one at a time": lambda value: f"{value * 1e6:.0f} µs",
    "a request, 50 at a time, divided by 50": lambda value: f"{value * 1e6:.0f} µs",
    "memory after these requests": lambda value: amount(value, "B"),
}


def answered(container: Container) -> float:
    """Return when a service first answered."""
    while True:
        try:
            get(container.port, "/health/live")
            return time.perf_counter()
        except OSError:
            time.sleep(0.002)


def requests(container: Container, number: int, clients: int) -> float:
    """Return the seconds that a request took, from so many clients at once."""
    command = [hey(), "-n", str(number), "-c", str(clients), f"{container.url}/orders/7"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    [answers] = re.findall(r"^ +\[200\]\t(\d+) responses$", report, re.MULTILINE)
    assert int(answers) == number, report
    [total] = re.findall(r"^  Total:\s+([\d.]+) secs$", report, re.MULTILINE)
    return float(total) / number


def made(name: str, folder: Path, docker: Engine, **answers: str) -> Service:
    """Return a service with its image, by this checkout's template."""
    image = f"copier-poetry-service.bench/{name}"
    data = {"project_name": name, "image_repository": image, **answers}
    options = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    run_copy(str(ROOT), folder, data=data, vcs_ref="HEAD", **options)  # type: ignore[arg-type]
    extend(folder)
    variables = mirror.run(poetry_in(folder), "lock")
    service = Service(folder, "web", docker, variables, image)
    service.run("git", "init", "--quiet")
    service.commit()
    for base in service.bases:
        own.provide(docker, base)
    service.make("image")
    return service


def size(service: Service) -> int:
    """Return the bytes of all files above the base."""
    return sum(entry.size for entry in service.image.entries.values())


def main() -> None:
    """Measure in turns, and write the table."""
    with engine() as docker, tempfile.TemporaryDirectory() as folder:
        without = made("plain", Path(folder, "plain"), docker)
        telling = made("telling", Path(folder, "telling"), docker, observability="opentelemetry")
        columns = [
            Column("without", without),
            Column("with it", telling),
            Column("with a collector, too", telling, collected=True),
        ]
        for turn in track(range(ROUNDS), "Measuring ..."):
            for column in columns if turn % 2 else reversed(columns):
                column.measure()
        rows = [["", *(column.title for column in columns)]]
        for name, shown in ROWS.items():
            rows.append([name, *(shown(median(c.samples[name])) for c in columns)])
        rows.append(["files above the base", *(amount(size(c.service), "B") for c in columns)])
    text = (
        f"Medians of {ROUNDS} turns, `web` on slim; client and collector share the "
        "machine with the service.\n\n"
    )
    replace(PAGE, text + markdown(rows), MARKERS)
    print(markdown(rows))


if __name__ == "__main__":
    main()
