"""A Docker engine of our own: fetched as Debian packages, installed nowhere, gone without a trace.

Whatever ends us, the kernel ends the engine and its containers and forgets their mounts; its folder
goes once no process of it lives. With some GB of memory to spare, TMPDIR=/dev/shm saves the disk
most of the work.
"""

import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

from plumbum import ProcessExecutionError, local
from plumbum.commands.base import BaseCommand

from . import apt, bridge, cache, remains
from .contained import PATH, contained

LABEL = "copier-poetry-service=private"
PREFIX = "copier-poetry-engine-"
TIMEOUT = 60  # seconds to start


class EngineUnavailable(Exception):
    """No engine here; the message is one sentence that says why."""


def binaries(release: str) -> Path:
    """Folder of the unpacked engine, fetched (some 75 MB) if it is not in the cache."""
    init = "tini" if release == "trixie" else "tini-static"
    names = ("docker.io", "docker-cli", "docker-buildx", "containerd", init)
    packages = dict.fromkeys(names, release)
    # A newer runc wants a newer C library than the machine may have.
    packages["runc"] = apt.codename()
    key = hashlib.sha256(json.dumps([packages, os.uname().machine]).encode()).hexdigest()[:12]
    return cache.once(cache.folder() / f"engine-{key}", lambda path: apt.unpack(packages, path))


class Daemon:
    """A running private engine; `stop` it. Its starting thread must outlive it."""

    def __init__(self, release: str = "trixie") -> None:
        """Start the engine of a Debian release and wait until it answers.

        EngineUnavailable if it does not.
        """
        try:
            unpacked = binaries(release)
        except (LookupError, ProcessExecutionError) as error:
            reason = getattr(error, "stderr", "").strip().splitlines() or [str(error)]
            raise EngineUnavailable(f"The engine's packages cannot be had: {reason[-1]}") from error
        self._folder = remains.Folder(PREFIX)
        self._root = self._folder.path
        self.env = _environment(self._root, unpacked)
        dockerd = ("tini-static", "--", "dockerd", "--config-file", f"{self._root}/daemon.json")
        _configure(self._root, unpacked)
        with (self._root / "log").open("w") as log:
            self._process = subprocess.Popen(
                contained(*dockerd),
                env=os.environ | {"PATH": f"{unpacked}/usr/sbin:{unpacked}/usr/bin:{PATH}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[self._folder.lock],
            )
        self.docker: BaseCommand = local[f"{unpacked}/usr/bin/docker"].with_env(**self.env)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while self.docker["version"].run(retcode=None)[0] != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                last = (self._root / "log").read_text().strip().rpartition("\n")[2]
                raise EngineUnavailable(f"The private Docker engine did not start: {last}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the engine with all its containers and remove all that it wrote."""
        # There is nothing to save: an orderly end would only wait for containers.
        self._process.kill()
        self._process.wait()
        self._folder.remove()


def _environment(root: Path, unpacked: Path) -> dict[str, str]:
    return {
        "DOCKER_HOST": f"unix://{root}/docker.sock",
        "DOCKER_CONFIG": f"{root}/config",
        # These could lead elsewhere than the above.
        "DOCKER_CONTEXT": "default",
        "DOCKER_TLS_VERIFY": "",
        "BUILDX_BUILDER": "",
        "PATH": f"{unpacked}/usr/bin:{os.environ['PATH']}",
    }


def _configure(root: Path, unpacked: Path) -> None:
    client = root / "config" / "config.json"
    client.parent.mkdir()
    plugins = str(unpacked / "usr/libexec/docker/cli-plugins")
    client.write_text(json.dumps({"cliPluginsExtraDirs": [plugins]}))
    try:
        network = bridge.make(bridge.name(root))
    except OSError:  # not allowed here: containers have the machine's network alone
        network = "none"
    (root / "daemon.json").write_text(
        json.dumps(
            {
                "labels": [LABEL],
                "hosts": [f"unix://{root}/docker.sock"],
                "pidfile": f"{root}/pid",
                "data-root": f"{root}/data",
                "exec-root": f"{root}/exec",
                "cgroup-parent": f"/{root.name}",
                "exec-opts": ["native.cgroupdriver=cgroupfs"],
                "init-path": str(unpacked / "usr/bin/tini-static"),
                "features": {"containerd-snapshotter": True},
                # The machine's firewall stays as it is, and another engine's interfaces: with no
                # bridge of its own it would remove `docker0`.
                "bridge": network,
                "iptables": False,
                "ip6tables": False,
                "ip-forward": False,
            }
        )
    )
