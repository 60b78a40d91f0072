"""Real servers of metrics on loopback, from Debian: one scrapes pods, one takes OTLP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import yaml

from tests.engine import apt, cache, loopback
from tests.engine.contained import bound
from tests.image.containers import until


@dataclass(frozen=True)
class Server:
    """A running server, which answers Prometheus' queries."""

    address: str

    def is_ready(self) -> bool:
        """Whether it takes queries: it listens before."""
        with suppress(HTTPError), build_opener(ProxyHandler({})).open(f"{self.address}/-/ready"):
            return True
        return False

    def result(self, query: str) -> list[dict[str, Any]]:
        """Return what a query gives now."""
        address = f"{self.address}/api/v1/query?{urlencode({'query': query})}"
        with build_opener(ProxyHandler({})).open(address) as answer:
            return list(json.load(answer)["data"]["result"])

    def numbers(self, query: str) -> list[float]:
        """Return the numbers that a query gives now, as who analyses a canary reads them."""
        return [float(item["value"][1]) for item in self.result(query)]


@contextmanager
def serving(name: str, folder: Path, *options: str) -> Iterator[Server]:
    """Run the server that a package of that name has, until the end; `{port}` is where it is."""
    package = cache.once(
        cache.folder() / f"{name}-trixie", lambda path: apt.unpack({name: "trixie"}, path)
    )
    port = loopback.free_port()
    options = tuple(option.format(port=port) for option in options)
    command = bound(str(package / "usr/bin" / name), *options)
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            assert loopback.listens(process, port), f"{name} does not listen"
            yield Server(f"http://127.0.0.1:{port}")
        finally:
            process.kill()


@contextmanager
def prometheus(folder: Path, port: int, **labels: str) -> Iterator[Server]:
    """Run a Prometheus that scrapes a pod each second by its port, and labels it so."""
    pod = {"targets": [f"127.0.0.1:{port}"], "labels": labels}
    configuration = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "pods", "static_configs": [pod]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), "utf-8")
    address = "--web.listen-address=127.0.0.1:{port}"
    options = ("--config.file=prometheus.yml", "--log.level=error", address)
    with serving("prometheus", folder, *options) as server:
        until(server.is_ready, "Prometheus to be ready")
        yield server


@contextmanager
def victoria(folder: Path) -> Iterator[Server]:
    """Run a VictoriaMetrics, for Debian's Prometheus is built without OTLP."""
    options = ("-opentelemetry.usePrometheusNaming", "-search.latencyOffset=0s")
    quiet = "-loggerLevel=ERROR"
    address = "-httpListenAddr=127.0.0.1:{port}"
    with serving("victoria-metrics", folder, *options, quiet, address) as server:
        yield server
