"""A git server on loopback that speaks SSH: a real sshd, as Debian has it, installed nowhere."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.engine import apt, cache, loopback
from tests.engine.contained import bound, contained
from tests.hostile.credentials import HOST, private, public, write

PACKAGES = ("openssh-server", "openssh-client", "libwrap0")
# As root it wants an account and a folder of its own, which the machine may lack: here they are
# those of its namespace alone.
ACCOUNT = "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin"
ROOTED = (
    'mount --bind "$1" /etc/passwd && mount -t tmpfs tmpfs /run && mkdir /run/sshd && '
    'shift && exec "$@"'
)


@dataclass(frozen=True)
class GitServer:
    """A running server."""

    port: int
    folder: Path
    known_hosts: str
    programs: Path
    """Where ssh, ssh-agent and ssh-add are."""

    def address(self, name: str) -> str:
        """Return the address of a repository."""
        return f"ssh://{getpass.getuser()}@{HOST}:{self.port}{self.folder}/{name}"


def unpacked() -> Path:
    """Return the folder of OpenSSH, fetched if it is not in the cache."""
    release = apt.codename()
    packages = dict.fromkeys(PACKAGES, release)
    return cache.once(cache.folder() / f"openssh-{release}", lambda to: apt.unpack(packages, to))


@contextmanager
def git_server(folder: Path, authorized: str) -> Iterator[GitServer]:
    """Serve the repositories of a folder, until the end, to the one key that is authorized."""
    root = unpacked()
    port = loopback.free_port()
    key = Ed25519PrivateKey.generate()
    write(folder / "host_key", private(key))
    write(folder / "authorized_keys", authorized)
    options = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "AuthenticationMethods": "publickey",
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
        "StrictModes": "no",  # the folder may be anybody's
        "UsePAM": "no",
    }
    for name in ("session", "auth"):  # programs of their own in newer ones
        if (program := root / f"usr/lib/openssh/sshd-{name}").exists():
            options[f"Sshd{name.title()}Path"] = program
    command = [str(root / "usr/sbin/sshd"), "-D", "-f", "/dev/null"]
    command += [f"-o{name}={value}" for name, value in options.items()]
    if os.geteuid() == 0:
        passwd = folder / "passwd"
        passwd.write_text(f"{Path('/etc/passwd').read_text()}{ACCOUNT}\n")
        command = contained("sh", "-c", ROOTED, "sh", str(passwd), *command)
    else:
        command = bound(*command)
    libraries = next(root.glob("usr/lib/*-linux-*/libwrap.so.0")).parent
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, "LD_LIBRARY_PATH": str(libraries)},
            stdout=log,
            stderr=log,
        )
    try:
        assert loopback.listens(process, port), "sshd on loopback did not start"
        known_hosts = f"[{HOST}]:{port} {public(key)}\n"
        yield GitServer(port, folder, known_hosts, root / "usr/bin")
    finally:
        process.kill()
        process.wait()


@contextmanager
def agent(programs: Path, folder: Path) -> Iterator[str]:
    """Run an SSH agent without keys until the end; yield the address of its socket."""
    address = folder / "agent"
    command = bound(str(programs / "ssh-agent"), "-D", "-a", str(address))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + loopback.PATIENCE
        while not address.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield str(address)
    finally:
        process.kill()
        process.wait()


def repository(folder: Path, files: dict[str, str]) -> None:
    """Make a repository with one commit of these files."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    git = [shutil.which("git") or "git", "-C", str(folder), "-c", "user.name=Somebody"]
    git += ["-c", "user.email=somebody@example.com"]
    for arguments in (["init"], ["add", "--all"], ["commit", "--message", "Begin"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
