"""Debian packages by the machine's own mirror, with apt's state kept apart from the machine's."""

import platform
from pathlib import Path

from plumbum import local

from .contained import bound

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def codename() -> str:
    """The machine's Debian release, such as `bookworm`; LookupError where it is not Debian."""
    try:
        release = platform.freedesktop_os_release()
    except OSError as error:
        raise LookupError("this machine is not Debian") from error
    if release["ID"] != "debian" or "VERSION_CODENAME" not in release:
        raise LookupError("this machine is not Debian")
    return release["VERSION_CODENAME"]


def mirror() -> str:
    """The Debian archive in the machine's apt sources; LookupError if they name none."""
    # apt reads its own two source formats better than we would.
    targets = local["apt-get"]["indextargets", "--no-release-info", "Created-By: Packages"]
    for line in targets("--format", "$(REPO_URI) $(RELEASE)").splitlines():
        address, _, release = line.partition(" ")
        if release in (codename(), "stable", "oldstable", "testing"):
            return address
    raise LookupError("this machine's apt sources name no Debian archive")


def source(suite: str) -> str:
    """The one-line apt source of a Debian suite."""
    return f"deb [signed-by={KEYRING}] {mirror()} {suite} main"


def unpack(packages: dict[str, str], target: Path) -> None:
    """Download packages (name to suite), not what they depend on, and unpack them into `target`."""
    work = target.with_name("apt")
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "archives" / "partial").mkdir(parents=True)
    sources = work / "sources.list"
    sources.write_text("".join(f"{source(suite)}\n" for suite in sorted(set(packages.values()))))
    options = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": work / "lists",
        "Dir::State::Status": "/dev/null",
        "Dir::Cache": work,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    bind, *arguments = bound("apt-get", "-q")
    apt = local[bind][arguments, [f"-o{name}={value}" for name, value in options.items()]]
    apt("update")
    apt.with_cwd(work)("download", [f"{name}/{suite}" for name, suite in packages.items()])
    bind, *arguments = bound("dpkg", "--extract")
    for package in work.glob("*.deb"):
        local[bind](arguments, package, target)
