"""A private index and a git server get what they ask for, and nothing else ever sees it."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from zlib import crc32

import pytest

from tests.conftest import ROOT
from tests.engine.registry import Registry, registry
from tests.hostile import credentials, traces
from tests.hostile.conftest import Tally
from tests.hostile.credentials import Home
from tests.hostile.git_server import GitServer, agent, git_server, repository
from tests.hostile.traces import Part, Secret, search
from tests.image.containers import HARDENED
from tests.image.images import inspect
from tests.image.private_index import Index, private_index
from tests.image.services import (
    APART,
    ENVIRONMENT,
    IDENTITY,
    BuildFailed,
    Service,
    Workshop,
)

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(sys.platform != "linux", reason="only on Linux builds have its loopback"),
]

NETWORK = "--network=host --progress=plain"
ORIGIN_TOKEN = token_urlsafe(24)
ORIGIN = f"https://ci:{ORIGIN_TOKEN}@git.example.com/acme/service.git"
# The engine of the tests has the machine's network alone.
STATUS = ("git", "status", "--porcelain", "--ignored")
PRELUDE = ["set -e", 'docker() { command docker "$1" --network=host "${@:2}"; }']
PAGE = ROOT / "docs/private-index.md"
GREETING, TOOL_TIER = (f"tier{crc32(name) % 4}" for name in (b"acme-greeting", b"acme-tool"))
MIRROR_TOKEN = token_urlsafe(24)
TOOL = {
    "pyproject.toml": '[project]\nname = "acme-tool"\nversion = "1.0"\n',
    "acme_tool.py": "TOOL = 'tool'\n",
}


@dataclass
class Watch:
    """What is seen of a developer's machine while a service is made and built."""

    said: list[Part] = field(default_factory=list)
    """Logs of builds and commands."""
    commands: dict[bytes, str] = field(default_factory=dict)
    """Command lines of processes, and what was told of them."""

    @property
    def parts(self) -> Iterator[Part]:
        """All of it."""
        yield from self.said
        yield from ((place, command) for command, place in self.commands.items())


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    """Watch the list of processes until the end."""
    watch, ended = Watch(), threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            watch.commands |= {command: place for place, command in traces.commands()}

    thread = threading.Thread(target=look)
    thread.start()
    yield watch
    ended.set()
    thread.join()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a developer's home, with all that is asked for."""
    return credentials.make(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home with files that nobody accepts."""
    return credentials.make(tmp_path_factory.mktemp("wrong"))


@pytest.fixture(scope="module")
def index(home: Home) -> Iterator[Index]:
    with private_index(*home.accepted, tls=home.tls()) as index:
        yield index


@pytest.fixture(scope="module")
def server(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """Return a git server that has one package."""
    folder = tmp_path_factory.mktemp("git")
    repository(folder / "acme-tool.git", TOOL)
    with git_server(folder, Path(home[".ssh/id_ed25519.pub"]).read_text()) as server:
        Path(home[".ssh/known_hosts"]).write_text(server.known_hosts)
        yield server


@pytest.fixture(scope="module")
def terminal(home: Home, server: GitServer, workshop: Workshop) -> Iterator[dict[str, str]]:
    """Return the environment of a developer's terminal."""
    with (
        tempfile.TemporaryDirectory() as folder,
        agent(server.programs, Path(folder)) as socket,
    ):
        poetry = ROOT / ".poetry/bin"
        # ssh asks the list of accounts for a home, not the environment.
        ssh = Path(folder, "ssh")
        known = f"-F none -o UserKnownHostsFile={home['.ssh/known_hosts']}"
        ssh.write_text(f'#!/bin/sh\nexec {server.programs}/ssh {known} "$@"\n')
        ssh.chmod(0o755)
        yield {
            "HOME": str(home.folder),
            "HISTFILE": home["history"],
            "PATH": f"{folder}:{server.programs}:{poetry}:{workshop.engine.env['PATH']}",
            "POETRY": str(poetry / "poetry"),
            "POETRY_CACHE_DIR": home["poetry-cache"],
            "SSH_AUTH_SOCK": socket,
            "DOCKER_BUILD_FLAGS": NETWORK,
        }


def type_in(service: Service, terminal: dict[str, str], commands: list[str]) -> str:
    """Type commands into a shell that keeps a history; return what it shows."""
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-i"],
        input="\n".join([*PRELUDE, *commands, "exit", ""]),
        cwd=service.folder,
        env={**ENVIRONMENT, **service.engine.env, **APART, **IDENTITY, **terminal},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # it would take the terminal of whoever runs these tests
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def service(
    workshop: Workshop, index: Index, server: GitServer, terminal: dict[str, str], watch: Watch
) -> Service:
    """Return a service that was made and built by the commands of the page."""
    name = "job-private"
    answers = {"package_index": index.url, "build_packages": ["git", "openssh-client"]}
    folder = workshop.write(name, "job", "slim", "3.13", **answers)
    service = workshop.finish(folder, name, "job")
    settings = folder / ".git/config"  # a token among a command's arguments would be seen
    settings.write_text(settings.read_text().replace("user:token@", f"ci:{ORIGIN_TOKEN}@"))
    page = PAGE.read_text("utf-8").replace(
        "ssh://git@git.example.com/acme-tool.git", server.address("acme-tool.git")
    )
    commands = re.findall(r"^    (.+(?:\\\n.+)*)", page, re.MULTILINE)
    watch.said.append(("terminal", type_in(service, terminal, commands).encode()))
    service.commit()
    return service


@pytest.fixture(scope="module")
def asked(home: Home, terminal: dict[str, str]) -> dict[str, str]:
    """Return the environment of a terminal in which all that is asked for is given."""
    return {
        **terminal,
        "NETRC": home[".netrc"],
        "CA_BUNDLE": home["acme/own.pem"],
        "CLIENT_CERT": home["acme/client.pem"],
        "SSH": "default",
    }


def test_a_package_of_a_private_index_and_one_of_a_git_server_are_in_the_image(
    service: Service,
) -> None:
    run = service.image.docker["run", "--rm", "--network=none", HARDENED, service.image.name]
    code = "import acme_greeting, acme_tool; print(acme_greeting.HELLO, acme_tool.TOOL)"
    assert run("python", "-c", code) == "hello tool\n"


def test_a_token_is_as_good_as_a_password(
    service: Service, home: Home, asked: dict[str, str]
) -> None:
    stage(service, GREETING, **asked | {"NETRC": home["acme/token"]})


# ---- who is refused


def stage(service: Service, tier: str, **variables: str) -> str:
    """Build one stage anew, with what the index or the git server is given."""
    flags = f"{NETWORK} --target={tier} --no-cache-filter={tier} --output=type=cacheonly"
    return service.run("make", "image", **variables | {"DOCKER_BUILD_FLAGS": flags})


@pytest.mark.parametrize(
    ("tier", "given", "sentence"),
    [
        (GREETING, {"NETRC": ""}, "(401 Unauthorized): give the build a netrc file"),
        (GREETING, {"NETRC": ".netrc"}, "(401 Unauthorized): correct the netrc file"),
        (GREETING, {"CA_BUNDLE": ""}, "(UnknownIssuer): give the build a CA bundle"),
        (GREETING, {"CA_BUNDLE": "acme/own.pem"}, "(UnknownIssuer): correct the CA bundle"),
        (GREETING, {"CLIENT_CERT": ""}, "(CertificateRequired): give the build a client cert"),
        (
            GREETING,
            {"CLIENT_CERT": "acme/client.pem"},
            "(UnknownCA): correct the client certificate",
        ),
        (GREETING, {"CLIENT_CERT": ".netrc"}, "(CertificateRequired): correct the client cert"),
        (
            TOOL_TIER,
            {"SSH": ""},
            "(key verification failed): give the build a known_hosts file",
        ),
        (TOOL_TIER, {"SSH": ".ssh/id_ed25519"}, "(Permission denied (publickey)): correct the SSH"),
    ],
    ids=[
        *("no credentials", "wrong credentials", "no CA", "wrong CA"),
        *("no certificate", "wrong certificate", "broken certificate"),
        *("no agent", "wrong key"),
    ],
)
def test_a_build_that_is_refused_says_what_to_give_and_leaves_nothing(
    tier: str,
    given: dict[str, str],
    sentence: str,
    service: Service,
    home: Home,
    wrong: Home,
    asked: dict[str, str],
    watch: Watch,
) -> None:
    prefix = "default=" if "SSH" in given else ""
    given = {name: f"{prefix}{wrong[file]}" if file else "" for name, file in given.items()}
    before = service.run(*STATUS)
    with pytest.raises(BuildFailed) as failed:
        stage(service, tier, **asked | given)
    said = str(failed.value)
    watch.said.append(("log of a refused build", said.encode()))
    sentences = set(re.findall(r"\S+ fails \(.+`make image .+`\.", said))
    assert len(sentences) == 1, said
    assert sentence in sentences.pop()
    assert search([("log", said.encode())], [*home.secrets(), *wrong.secrets()]).traces == []
    assert service.run(*STATUS) == before


def test_poetry_that_is_refused_leaves_the_project_as_it_was(
    service: Service, wrong: Home, asked: dict[str, str], watch: Watch
) -> None:
    refused = {**asked, "NETRC": wrong[".netrc"]}
    before = service.run(*STATUS)
    with pytest.raises(BuildFailed, match=r"Authorization error accessing https://localhost") as it:
        service.run("make", "add", "PACKAGES=acme-native", **refused)
    watch.said.append(("refused Poetry", str(it.value).encode()))
    assert service.run(*STATUS) == before


@pytest.fixture
def plain(service: Service, tmp_path: Path) -> Service:
    """Return a twin whose owner did not ask for git and ssh."""
    twin = service.twin(tmp_path / "twin", "plain")
    text = twin.dockerfile.read_text("utf-8")
    twin.dockerfile.write_text(re.sub(r"^RUN apt-get.+\n", "", text, flags=re.MULTILINE))
    return twin


def test_a_build_without_git_and_ssh_names_both(plain: Service, asked: dict[str, str]) -> None:
    with pytest.raises(BuildFailed, match="Add git and openssh-client to build_packages, for"):
        stage(plain, TOOL_TIER, **asked)


def test_an_address_that_holds_credentials_starts_no_build(
    plain: Service, index: Index, asked: dict[str, str], watch: Watch
) -> None:
    mirror = {"POETRY_PYPI_MIRROR_URL": index.url.replace("://", f"://somebody:{MIRROR_TOKEN}@")}
    with pytest.raises(BuildFailed, match="holds credentials: put them into a netrc file") as told:
        stage(plain, "builder", **asked | mirror)
    watch.said.append(("log of a refused build", str(told.value).encode()))
    assert "docker" not in str(told.value)
    with pytest.raises(BuildFailed, match="credentials in the address of localhost: take them out"):
        plain.build("--target=builder", "--build-arg=POETRY_PYPI_MIRROR_URL=https://me@localhost/")


# ---- the search


@pytest.fixture(scope="module")
def cache() -> Iterator[Registry]:
    with registry() as registry_:
        yield registry_


def export(
    service: Service, folder: Path, cache: Registry, *flags: str, **asked: str
) -> list[Part]:
    """Build, and return the image with its provenance, the cache of all stages, and the log."""
    archive = folder / "image.tar"
    name = f"{cache.address}/{service.folder.name}"
    options = (
        *(NETWORK, "--provenance=mode=max", f"--output=type=oci,dest={archive}"),
        f"--cache-to=type=registry,ref={name},mode=max,compression=zstd,compression-level=1",
        *flags,
    )
    kept = cache.storage / "docker/registry/v2"
    before = {place for place, _ in traces.below("cache", kept)}
    said = service.run("make", "image", **asked | {"DOCKER_BUILD_FLAGS": " ".join(options)})
    cached = [part for part in traces.below("cache", kept) if part[0] not in before]
    parts = [*traces.layout(archive), *cached, ("log", said.encode())]
    assert any(b"slsa.dev/provenance" in content for _, content in parts)
    assert [content for _, content in parts if content.startswith(b"\x28\xb5\x2f\xfd")]
    archive.unlink()
    return parts


def layers(service: Service) -> list[str]:
    """Return the digests of the base image's layers, which are older than any secret."""
    return [
        layer
        for base in service.bases
        for layer in inspect(service.image.docker, base)["RootFS"]["Layers"]
    ]


def test_no_trace_of_a_secret_is_anywhere(
    service: Service,
    home: Home,
    asked: dict[str, str],
    cache: Registry,
    watch: Watch,
    tally: Tally,
    tmp_path: Path,
) -> None:
    parts = export(service, tmp_path, cache, **asked)
    parts += [*traces.tree(service.folder), *traces.objects(service.folder), *watch.parts]
    parts.append(("history", Path(home["history"]).read_bytes()))
    assert b"make lock image" in parts[-1][1]
    if service.engine.private:  # what it remembers of builds
        engine = Path(service.engine.env["DOCKER_CONFIG"]).parent / "data/buildkit"
        parts += traces.below("engine", engine)
    secrets = home.secrets()
    secrets += [Secret("origin", ORIGIN_TOKEN.encode()), Secret("mirror", MIRROR_TOKEN.encode())]
    found = search(parts, secrets, layers(service))
    tally("secrets", searched=found.parts, traces=len(found.traces))
    assert found.traces == []


PLANTED = {
    "variable": "image ",
    "label": "image ",
    "argument": "image ",
    "gzip": "image ",
    "zip in a tar file": "image ",
    "removed": "image ",
    "base64 of gzip": "image ",
    "provenance": "image ",
    "stage": "cache ",
    "log": "log",
    "process": "process ",
    "answers": "work tree .copier-answers.yml",
    "commit": "git blob ",
    "history": "history",
}
"""Where a secret is planted, and how the place begins where the search must find it."""

LEAK = """
import base64, gzip, io, subprocess, sys, tarfile, urllib.parse, zipfile
leaks = {leaks!r}
if sys.argv[1:] == ["stage"]:
    open("/tmp/stage", "w").write(leaks["stage"])
    sys.exit()
open("/tmp/gzip", "wb").write(gzip.compress(leaks["gzip"].encode()))
text = base64.b64encode(gzip.compress(leaks["base64 of gzip"].encode())).decode()
open("/tmp/base64", "w").write("data: " + text)
packed = io.BytesIO()
zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED).writestr("leak", leaks["zip in a tar file"])
with tarfile.open("/tmp/tar", "w") as archive:
    entry = tarfile.TarInfo("zip")
    entry.size = len(packed.getvalue())
    archive.addfile(entry, io.BytesIO(packed.getvalue()))
open("/tmp/removed", "w").write(leaks["removed"])
print(urllib.parse.quote(leaks["log"], safe=""))
subprocess.run([sys.executable, "-c", "import time; time.sleep(1)", leaks["process"]])
"""


def test_the_same_search_finds_a_secret_that_is_planted_in_each_place(
    service: Service,
    terminal: dict[str, str],
    asked: dict[str, str],
    cache: Registry,
    watch: Watch,
    tally: Tally,
    tmp_path: Path,
) -> None:
    leaks = {place: f"{token_urlsafe(12)}/+:{token_urlsafe(12)}" for place in PLANTED}
    leaky = service.twin(tmp_path / "leaky", "leaky")
    script = tmp_path / "leak.py"
    script.write_text(LEAK.format(leaks=leaks))
    run = 'RUN --mount=type=secret,id=leak,target=/leak.py,uid=10001 ["python", "/leak.py"'
    text = leaky.dockerfile.read_text("utf-8").removesuffix("FROM service\n")
    lines = [
        "FROM service AS aside",
        f'{run}, "stage"]',
        "FROM service",
        f'ENV LEAK="{leaks["variable"]}"',
        f'LABEL leak="{base64.b64encode(leaks["label"].encode()).decode()}"',
        f'ARG LEAKED="{leaks["argument"]}"',
        f"{run}]",
        'RUN --mount=from=aside,target=/a ["/usr/bin/rm", "/tmp/removed"]',
    ]
    leaky.dockerfile.write_text(text + "\n".join([*lines, ""]))
    with (leaky.folder / ".copier-answers.yml").open("a") as answers:
        answers.write(f"leak: {leaks['answers']}\n")
    (leaky.folder / "leak").write_text(leaks["commit"])
    leaky.commit()
    leaky.run("git", "rm", "--quiet", "leak")
    leaky.commit()
    history = tmp_path / "history"
    type_in(leaky, terminal | {"HISTFILE": str(history)}, [f"true {leaks['history']}"])
    argument = f"--build-arg=LEAK={leaks['provenance']}"
    parts = export(leaky, tmp_path, cache, f"--secret=id=leak,src={script}", argument, **asked)
    parts += [*traces.tree(leaky.folder), *traces.objects(leaky.folder), *watch.parts]
    parts.append(("history", history.read_bytes()))
    planted = [Secret(place, leak.encode()) for place, leak in leaks.items()]
    traced = search(parts, planted, layers(service)).traces
    found = {
        place
        for place, begin in PLANTED.items()
        if any(trace.startswith(begin) and f": {place} (" in trace for trace in traced)
    }
    tally("secrets", planted=len(PLANTED), found=len(found))
    assert found == set(PLANTED), traced
