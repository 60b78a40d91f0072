"""What a command and all that it starts run, open and speak to, as the kernel sees it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.engine import apt
from tests.engine.cache import folder, once

CALLS = "execve,openat,connect,clone,clone3,fork,vfork"
FORK = re.compile(r"(?:clone3?|v?fork)\(.*\) += (\d+)$", re.MULTILINE)
EXEC = re.compile(r'execve\("[^"]+", \[(.*)\], 0x.*\) += 0$')
OPEN = re.compile(r"openat\(.*, (O_\w+).*\) += \d+<(.*)>$")
REMOTE = re.compile(r"connect\(.*sa_family=AF_INET")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass
class Program:
    """One program of one process, and what it did until it ended or became another."""

    arguments: list[str]
    started: list[Program] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    connected: bool = False

    @property
    def name(self) -> str:
        """The name by which it was called."""
        return Path(self.arguments[0]).name

    def all(self) -> Iterator[Program]:
        """Yield it and all that came of it."""
        yield self
        for program in self.started:
            yield from program.all()


def strace() -> tuple[str, dict[str, str]]:
    """Return the path of strace, and what it needs to start; fetched where it is not installed."""
    if installed := shutil.which("strace"):
        return installed, {}
    suite = apt.codename()
    packages = {"strace": suite, "libunwind8": suite}
    root = once(folder() / f"strace-{suite}", lambda target: apt.unpack(packages, target))
    libraries = {str(path.parent) for path in root.rglob("lib*.so.*")}
    return str(root / "usr/bin/strace"), {"LD_LIBRARY_PATH": ":".join(sorted(libraries))}


def trace(command: list[str], logs: Path, environment: Mapping[str, str]) -> Program:
    """Run a command, which must succeed, and return what it was."""
    program, needs = strace()
    logs.mkdir()
    options = ["-ff", "-qq", "-y", "-s1000", "--seccomp-bpf", f"--trace={CALLS}", f"-o{logs}/of"]
    done = subprocess.run(
        [program, *options, *(f"-E{name}" for name in needs), *command],
        env={**environment, **needs},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = {file.suffix[1:]: file.read_text("utf-8", "replace") for file in logs.iterdir()}
    children = {pid for text in lines.values() for pid in FORK.findall(text)}
    [first] = lines.keys() - children
    outside = Program([os.devnull])
    follow(first, lines, outside)
    [root] = outside.started
    return root


def follow(process: str, lines: dict[str, str], program: Program) -> None:
    """Note what a process did, which begins as a copy of a program."""
    for line in lines[process].splitlines():
        if found := FORK.match(line):
            follow(found[1], lines, program)
        elif found := EXEC.match(line):
            program.started.append(Program(STRING.findall(found[1])))
            program = program.started[-1]
        elif found := OPEN.match(line):
            (program.read if found[1] == "O_RDONLY" else program.written).add(found[2])
        elif REMOTE.match(line):
            program.connected = True
