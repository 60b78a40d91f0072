"""Stand-ins for base images, made from Debian packages where nothing can be pulled.

They are faithful in what a Dockerfile relies on: prefix and paths, pip, entrypoint, user, shell or
none, no bytecode of the standard library. Each is built once and kept in the cache as an archive.
"""

import ast
import hashlib
import os
import shutil
import ssl
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from plumbum import local
from plumbum.commands.base import BaseCommand

from . import apt
from .cache import folder, once
from .contained import PATH, contained

RECIPES = Path(__file__).with_name("bases")

_loading = threading.Lock()  # two at a time take longer than one after the other


@dataclass(frozen=True)
class Base:
    """How an image is made: a recipe's target, Python on a Debian suite, images that it is of."""

    target: str
    python: str
    suite: str
    below: tuple[str, ...] = ()

    @property
    def recipe(self) -> str:
        """The name of the Dockerfile: python, older, platform or distroless."""
        return self.target.partition("-")[0]


def _bases() -> dict[str, Base]:
    bases = {}
    for python, suite in {"3.11": "bookworm", "3.13": "trixie", "3.14": "forky"}.items():
        # No Debian release has 3.14 yet; the official image calls itself trixie.
        slim = f"python:{python}-slim-{suite if suite == 'bookworm' else 'trixie'}"
        # Official images set the locale up to Python 3.12.
        bases[slim] = Base("python-with-lang" if python == "3.11" else "python", python, suite)
        platform = f"registry.example.com/inhouse/python:{python}"
        bases[platform] = Base("platform", python, suite, (slim,))
    newest = "python:3.14-slim-trixie"
    # Nor has a newer one 3.11: bookworm's interpreter, which finds its libraries there.
    both = (newest, "python:3.11-slim-bookworm")
    bases["python:3.11-slim-trixie"] = Base("older", "3.11", "forky", both)
    python3 = Base("distroless-python3", "3.13", "trixie", ("python:3.13-slim-trixie",))
    bases["gcr.io/distroless/python3-debian13:nonroot"] = python3
    # Of the suite that the interpreters carried to it need.
    bases["gcr.io/distroless/cc-debian13:nonroot"] = Base("distroless-cc", "", "forky", (newest,))
    return bases


BASES = _bases()


def provide(docker: BaseCommand, name: str, *, private: bool) -> None:
    """Have the image `name` on the engine; ValueError for one that a private engine cannot have."""
    base = BASES.get(name)
    if private and not base:
        raise ValueError(f"There is no stand-in for {name}, only for {', '.join(BASES)}.")
    if not base or _is_there(docker, name):
        return
    if private:
        slug = name.translate(str.maketrans("/:", "__"))
        archive = folder() / f"{slug}-{_key(base)}.tar"
        once(archive, lambda path: _make(docker, name, base, path))
        with _loading:
            if not _is_there(docker, name):
                docker("load", "--quiet", "--input", archive)
    elif base.recipe == "platform":
        _build(docker, name, base, RECIPES)


def _is_there(docker: BaseCommand, name: str) -> bool:
    return bool(docker["image", "inspect", name].run(retcode=None)[0] == 0)


def _key(base: Base) -> str:
    """A name for all that goes into an image, but for the packages of the day."""
    parts = [repr(base), os.uname().machine, apt.mirror(), _pip_configuration()]
    files = [Path(__file__), certificates(), *sorted(RECIPES.iterdir())]
    content = [part.encode() for part in parts] + [file.read_bytes() for file in files]
    return hashlib.sha256(b"\0".join(content)).hexdigest()[:12]


def _make(docker: BaseCommand, name: str, base: Base, archive: Path) -> None:
    for below in base.below:
        provide(docker, below, private=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as temporary:
        context = Path(temporary)
        if base.recipe == "python":
            _root(base, context)
            (context / "ca-certificates.crt").write_bytes(certificates().read_bytes())
            if configuration := _pip_configuration():
                (context / "pip.conf").write_text(configuration)
        for file in RECIPES.iterdir():
            (context / file.name).write_bytes(file.read_bytes())
        _build(docker, name, base, context)
    docker("save", "--output", archive, name)


def _build(docker: BaseCommand, name: str, base: Base, context: Path) -> None:
    version = context / "version"
    arguments = {
        "BASE": base.below[0] if base.below else "",
        "OTHER": base.below[-1] if base.below else "",
        "PYTHON": base.python,
        "TARGET": base.target,
        "PYTHON_VERSION": version.read_text().strip() if version.exists() else "",
    }
    # Only the private engine builds the others, and it has no network of its own.
    network = "none" if base.recipe == "platform" else "host"
    docker(
        "build",
        "--progress=plain",
        "--provenance=false",
        f"--network={network}",
        f"--file={context / base.recipe}.Dockerfile",
        f"--target={base.target}",
        f"--tag={name}",
        [f"--build-arg={argument}={value}" for argument, value in arguments.items()],
        context,
    )


def _root(base: Base, context: Path) -> None:
    """Write root.tar, a small Debian with its Python, and that Python's version."""
    version = 'chroot "$1" python3 -c "import platform; print(platform.python_version())"'
    # As in Debian's own slim images.
    dpkg = ["path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*"]
    dpkg += ["path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright"]
    dpkg += ["force-unsafe-io"]
    # It mounts the machine's devices into the new root, which must never outlive it.
    contain, *arguments = contained("mmdebstrap", "--quiet")
    bootstrap = local[contain][
        arguments,
        "--mode=root",
        "--variant=minbase",
        "--include=ca-certificates,netbase,tzdata,python3,python3-venv",
        f"--keyring={apt.KEYRING}",
        [f"--dpkgopt={option}" for option in dpkg],
        f"--customize-hook={version} > {context}/version",
    ]
    if base.suite == "forky":  # a suite in the making, of which a mirror may hold an older state
        bootstrap = bootstrap['--aptopt=Acquire::Check-Valid-Until "false"']
    into = [base.suite, context / "root.tar", apt.source(base.suite)]
    bootstrap.with_env(TMPDIR=str(context), PATH=f"{_mmdebstrap()}:{PATH}")(into)


def _mmdebstrap() -> Path:
    """The folder of mmdebstrap, fetched if it is not installed."""
    if installed := shutil.which("mmdebstrap"):
        return Path(installed).parent
    suite = apt.codename()
    target = folder() / f"mmdebstrap-{suite}"
    return once(target, lambda path: apt.unpack({"mmdebstrap": suite}, path)) / "usr/bin"


def certificates() -> Path:
    """The machine's certificates: its network may put its own between us and the index."""
    named = [os.environ.get(n) for n in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")]
    usual = [ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt"]
    return next(Path(path) for path in named + usual if path and Path(path).is_file())


@cache
def _pip_configuration() -> str:
    """The package index of the machine's pip, as pip.conf; empty if it has its built-in one."""
    index = os.environ.get("PIP_INDEX_URL")
    # A virtual environment may have no pip. `config get` finds nothing in pip 25.1, `list` does.
    for python in sys.executable, f"{sys.base_prefix}/bin/python3":
        settings = local[python]["-m", "pip", "config", "list"].run(retcode=None)[1]
        for line in settings.splitlines():
            if line.startswith("global.index-url="):
                index = index or str(ast.literal_eval(line.partition("=")[2]))
    return f"[global]\nindex-url = {index}\n" if index else ""
