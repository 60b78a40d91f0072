"""The engine comes and goes without a trace, and base images are what a Dockerfile relies on.

On a developer's own engine the same is asked of the real images.
"""

import json
import os
import shlex
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engine import Engine, EngineUnavailable, engine, start

pytestmark = pytest.mark.engine

SLIM = ["python:3.11-slim-bookworm", "python:3.11-slim-trixie"]
SLIM += ["python:3.13-slim-trixie", "python:3.14-slim-trixie"]
DISTROLESS = {"gcr.io/distroless/python3-debian13:nonroot": "3.13"}
CC = "gcr.io/distroless/cc-debian13:nonroot"
PLATFORM = [f"registry.example.com/inhouse/python:{version}" for version in ("3.11", "3.13")]
PLATFORM += ["registry.example.com/inhouse/python:3.14"]

PROBE = """
import importlib.util, json, os, pathlib, shutil, sys, sysconfig, tempfile, venv
library = pathlib.Path(sysconfig.get_path("stdlib"))
bytecode = [str(path) for path in library.rglob("*.pyc")]
has_pip = importlib.util.find_spec("pip") is not None
if has_pip:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
print(json.dumps({
    "executable": sys.executable,
    "version": "%d.%d" % sys.version_info[:2],
    "packages": sysconfig.get_path("purelib"),
    "packages on path": sysconfig.get_path("purelib") in sys.path,
    "bytecode": bytecode,
    "managed": (library / "EXTERNALLY-MANAGED").exists(),
    "pip": has_pip,
    "others": [name for name in ("sh", "apt-get", "gcc") if shutil.which(name)],
    "PYTHON_VERSION": os.environ.get("PYTHON_VERSION", "").rpartition(".")[0],
    "user": os.getuid(),
}))
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Engine]:
    """One engine for all questions about images."""
    try:
        with engine() as found:
            yield found
    except EngineUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test start private engines, or skip it."""
    monkeypatch.setenv("TEST_ENGINE", "private")
    monkeypatch.setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    if os.geteuid() != 0 or not Path("/usr/bin/apt-get").exists():
        pytest.skip("A private engine needs root and apt.")


def probe(running: Engine, name: str, *command: str) -> dict[str, object]:
    """What Python finds in a fresh container of `name`."""
    running.base(name)
    run = running.docker["run", "--rm", f"--network={running.network}", name, command, "-B"]
    found = json.loads(run("-c", PROBE))
    assert isinstance(found, dict)
    return found


def configuration(running: Engine, name: str) -> dict[str, object]:
    """What `name` sets for its containers."""
    running.base(name)
    found = json.loads(running.docker("image", "inspect", "--format", "{{json .Config}}", name))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", SLIM)
def test_slim(running: Engine, name: str) -> None:
    version = name[len("python:") :].partition("-")[0]
    assert probe(running, name, "python") == {
        "executable": "/usr/local/bin/python",
        "version": version,
        "packages": f"/usr/local/lib/python{version}/site-packages",
        "packages on path": True,
        "bytecode": [],
        "managed": False,
        "pip": True,
        "others": ["sh", "apt-get"],
        "PYTHON_VERSION": version,
        "user": 0,
    }
    assert configuration(running, name)["Cmd"] == ["python3"]


@pytest.mark.parametrize("name", SLIM)
def test_slim_installs_packages(running: Engine, name: str, tmp_path: Path) -> None:
    running.base(name)
    lines = [
        f"FROM {name}",
        "RUN apt-get update && apt-get install -y --no-install-recommends libpq5",
        "RUN ! ls /var/cache/apt/archives/*.deb",
        'RUN pip install --no-cache-dir six && python -c "import six"',
    ]
    (tmp_path / "Dockerfile").write_text("\n".join(lines))
    running.docker("build", "--no-cache", f"--network={running.network}", tmp_path)


@pytest.mark.parametrize("name", DISTROLESS)
def test_distroless(running: Engine, name: str) -> None:
    version = DISTROLESS[name]
    assert probe(running, name) == {
        "executable": f"/usr/bin/python{version}",
        "version": version,
        "packages": f"/usr/local/lib/python{version}/dist-packages",
        "packages on path": False,
        "bytecode": [],
        "managed": True,
        "pip": False,
        "others": [],
        "PYTHON_VERSION": "",
        "user": 65532,
    }
    found = configuration(running, name)
    assert found["Entrypoint"] == [f"/usr/bin/python{version}"]
    assert found["User"] == "65532"
    assert found["WorkingDir"] == "/home/nonroot"
    certificates = "import ssl; assert ssl.create_default_context().get_ca_certs()"
    running.docker("run", "--rm", f"--network={running.network}", name, "-c", certificates)


def test_distroless_without_python(running: Engine, tmp_path: Path) -> None:
    found = configuration(running, CC)
    assert not found.get("Entrypoint")
    assert found["User"] == "65532"
    assert found["WorkingDir"] == "/home/nonroot"
    container = running.docker("create", f"--network={running.network}", CC, "none").strip()
    running.docker("export", f"--output={tmp_path / 'root.tar'}", container)
    running.docker("rm", container)
    with tarfile.open(tmp_path / "root.tar") as root:
        names = set(root.getnames())
    records = {"libc6", "libc6.md5sums", "libssl3t64", "libstdc++6", "libgomp1", "tzdata"}
    assert {f"var/lib/dpkg/status.d/{record}" for record in records} <= names
    absent = ("bin/sh", "usr/bin/sh", "usr/bin/dpkg", "usr/sbin/ldconfig", "var/lib/dpkg/status")
    assert names.isdisjoint(absent)
    assert not [name for name in names if "python" in name and not name.startswith("usr/share")]


@pytest.mark.parametrize("name", PLATFORM)
def test_platform(running: Engine, name: str) -> None:
    version = name.rpartition(":")[2]
    assert probe(running, name, "python") == {
        "executable": "/opt/python/bin/python",
        "version": version,
        "packages": f"/opt/python/lib/python{version}/site-packages",
        "packages on path": True,
        "bytecode": [],
        "managed": False,
        "pip": True,
        "others": ["sh", "apt-get"],
        "PYTHON_VERSION": version,
        "user": 1000,
    }
    found = configuration(running, name)
    assert found["Entrypoint"] == ["/usr/local/bin/platform-init"]
    assert not found.get("Shell")


def test_unknown_base_is_refused(running: Engine) -> None:
    if not running.private:
        pytest.skip("The developer's own engine may pull any image.")
    with pytest.raises(ValueError, match="no stand-in for debian:12"):
        running.base("debian:12")


def processes(text: str) -> list[str]:
    """Command lines of the running processes that name `text`."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # gone meanwhile
            found.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [command for command in found if text in command]


def traces(env: dict[str, str]) -> list[str]:
    """Files, mounts, interfaces, control groups and processes of the engine that `env` leads to."""
    root = Path(env["DOCKER_HOST"].removeprefix("unix://")).parent
    found = [str(root)] if root.exists() else []
    found += [line for line in Path("/proc/mounts").read_text().splitlines() if root.name in line]
    found += map(str, Path("/sys/class/net").glob(f"cpe-{root.name.rpartition('-')[2]}"))
    found += [str(group) for group in Path("/sys/fs/cgroup").glob(f"*/{root.name}")]
    return found + processes(root.name)


@pytest.mark.usefixtures("private")
def test_killed_starter_leaves_nothing() -> None:
    image = "python:3.13-slim-trixie"
    up = [sys.executable, "-m", "tests.engine", "up", image]
    checkout = Path(__file__).parents[2]
    env: dict[str, str] = {}
    with subprocess.Popen(up, cwd=checkout, stdout=subprocess.PIPE, text=True) as starter:
        try:
            assert starter.stdout
            while "PATH" not in env:
                name, _, value = shlex.split(starter.stdout.readline())[1].partition("=")
                env[name] = value
            container = ["docker", "run", "--detach", "--network=host", image, "sleep", "987654"]
            subprocess.run(container, env=env, check=True)
            deadline = time.monotonic() + 10
            while not processes("sleep 987654"):  # the engine answers before the program runs
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert len(traces(env)) > 4
        finally:
            starter.kill()
    deadline = time.monotonic() + 10
    while processes("sleep 987654") + processes(env["DOCKER_CONFIG"].removesuffix("config")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    while traces(env):  # its last process may hold the lock for a moment
        assert time.monotonic() < deadline
        with engine():
            pass


@pytest.mark.usefixtures("private")
def test_closed_engine_leaves_nothing() -> None:
    with engine() as found:
        assert len(traces(found.env)) > 4
    assert traces(found.env) == []


@pytest.mark.usefixtures("private")
def test_running_engine_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with engine() as first:
        with engine() as second:
            assert second.env["DOCKER_HOST"] != first.env["DOCKER_HOST"]
        for name, value in first.env.items():
            monkeypatch.setenv(name, value)
        with engine() as joined:
            assert joined.private
            assert joined.env["DOCKER_HOST"] == first.env["DOCKER_HOST"]
        first.docker("version")


def test_no_engine_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineUnavailable, match="needs Linux, root and apt"):
        start()
