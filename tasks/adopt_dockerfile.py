"""What an old Dockerfile says that the new one should know, or that a person should."""

from __future__ import annotations

import json
import re
import shlex
from copy import deepcopy
from dataclasses import dataclass, field

# What compiling needs and running does not.
BUILD = re.compile(
    r".*-dev|gcc(-\d+)?|g\+\+|make|cmake|ninja-build|build-essential|pkg-config|git|autoconf|automake|"
    r"libtool|rustc|cargo|gfortran|swig|musl-dev|patchelf"
)
# What old images held to fetch or inspect things; the new one has its own way or needs none.
TOOLS = re.compile(
    r"curl|wget|ca-certificates|gnupg2?|vim(-tiny)?|nano|less|procps|net-tools|iputils-ping|"
    r"netcat(-.*)?|telnet|sudo|unzip|zip|gettext|locales|lsb-release|apt-.*|software-properties-common|"
    r"python(3|-).*|python|pipx|openssh-client|dumb-init|tini"
)
# The library behind a header package: without it a compiled dependency does not load.
LIBRARIES = {
    "libpq-dev": "libpq5",
    "default-libmysqlclient-dev": "libmariadb3",
    "libmariadb-dev": "libmariadb3",
    "libsnappy-dev": "libsnappy1v5",
    "unixodbc-dev": "unixodbc",
}
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")


@dataclass
class Stage:
    """What one stage says, and the stage below it."""

    packages: list[str] = field(default_factory=list)
    environment: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    port: int = 0
    user: str = ""
    command: str = ""
    entrypoint: str = ""


@dataclass
class Dockerfile(Stage):
    """The facts of a Dockerfile: its last stage, and what it is all built with."""

    python: str = ""
    build_packages: list[str] = field(default_factory=list)
    runtime_packages: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    other_manager: str = ""


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions as name and rest, with lines joined and comments gone."""
    bare = "\n".join(line for line in text.splitlines() if not re.match(r"\s*#", line))
    joined = re.sub(r"\\[ \t]*\n", " ", bare)
    found = (re.match(r"\s*([A-Za-z]+)\s+(.+)", line) for line in joined.splitlines())
    return [(m[1].upper(), m[2].strip()) for m in found if m]


def installed(run: str) -> list[str]:
    """Return the Debian packages that one RUN installs: `apt-get install -y gcc=12 git` -> both."""
    names: list[str] = []
    for part in re.split(r"&&|\|\||;", run):
        words = part.split()
        if not {"apt-get", "apt"} & set(words) or "install" not in words:
            continue
        arguments = words[words.index("install") + 1 :]
        for position, word in enumerate(arguments):
            name = re.split(r"[=:/]", word)[0]
            option = position and arguments[position - 1] in ("-t", "-o", "--target-release")
            if not option and PACKAGE.fullmatch(name):
                names.append(name)
    return names


def words(text: str) -> str:
    """Return a CMD as one writes it in a shell: `["python", "app.py"]` -> `python app.py`."""
    try:
        return shlex.join(json.loads(text))
    except (ValueError, TypeError):
        return re.sub(r"\s+", " ", text)


def variables(text: str) -> list[str]:
    """Return the names that an ENV sets."""
    names = re.findall(r"(?:^|\s)([A-Za-z_]\w*)=", text)
    return names or text.split()[:1]


def sort(names: list[str], facts: Dockerfile) -> None:
    """Sort what apt installed into what builds, what runs, and what is needed no more."""
    for name in dict.fromkeys(names):
        if TOOLS.fullmatch(name):
            facts.left_out.append(name)
        elif BUILD.fullmatch(name) or name not in facts.packages:
            facts.build_packages.append(name)
            facts.runtime_packages += [LIBRARIES[name]] if name in LIBRARIES else []
        else:
            facts.runtime_packages.append(name)
    facts.runtime_packages = list(dict.fromkeys(facts.runtime_packages))


def apply(name: str, rest: str, stage: Stage) -> None:
    """Let one instruction say its part of a stage."""
    if name == "RUN":
        stage.packages += installed(rest)
    elif name == "ENV":
        stage.environment += variables(rest)
    elif name == "EXPOSE" and (found := re.match(r"(\d+)", rest)):
        stage.port = int(found[1])
    elif name == "USER":
        stage.user = rest.split()[0]
    elif name == "CMD":
        stage.command = words(rest)
    elif name == "ENTRYPOINT":
        stage.entrypoint = words(rest)
    elif name == "VOLUME":
        stage.volumes.append(words(rest))
    elif name in ("COPY", "ADD") and "--from" not in rest:
        parts = [word for word in words(rest).split() if not word.startswith("--")]
        stage.copied += [re.sub(r"^\./|/$", "", part) or "." for part in parts[:-1]]


def read(text: str) -> Dockerfile:
    """Read a Dockerfile; what cannot be understood is passed over."""
    stages: list[Stage] = []
    names: dict[str, Stage] = {}
    python = manager = ""
    for name, rest in instructions(text):
        if name == "FROM":
            image = next((word for word in rest.split() if not word.startswith("--")), "")
            found = re.search(r"python:?-?(\d\.\d+)", image)
            python = found[1] if found else python
            stages.append(deepcopy(names.get(image, Stage())))
            if alias := re.search(r"\s[aA][sS]\s+(\S+)", rest):
                names[alias[1]] = stages[-1]
        elif name == "ARG" and (found := re.match(r"PYTHON_VERSION=[\"']?(\d\.\d+)", rest)):
            python = found[1]
        elif stages:
            apply(name, rest, stages[-1])
        if found := re.search(r"\b(apk add|(yum|dnf|microdnf) install)\b", rest):
            manager = found[1].split()[0]
    facts = Dockerfile(
        **vars(stages[-1] if stages else Stage()), python=python, other_manager=manager
    )
    sort([name for stage in stages for name in stage.packages], facts)
    if found := re.search(r"(?:--port[ =]|-p |--bind[ =]\S*:|-b \S*:)(\d{2,5})", facts.command):
        facts.port = int(found[1])
    return facts
