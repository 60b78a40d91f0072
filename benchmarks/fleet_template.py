"""A template with its releases, and what each of them writes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from copier import run_copy
from plumbum import local

from tasks import plain, releases
from tasks.rendering import ANSWERS

# What decides an update: a checkout that differs in it from the newest release is the next one.
PARTS = ("template", "extensions", "tasks", "licenses", "copier.yml", "standard.toml")

Answers = dict[str, Any]
Files = dict[str, bytes]


def git(folder: Path, *arguments: str) -> str:
    """Return what git says in the folder."""
    return str(local["git"]("-C", str(folder), *arguments))


def files(folder: Path) -> Files:
    """Return the content of each file by its name, git's own left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def write(folder: Path, content: Files) -> None:
    """Write files and the folders that they need."""
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)


@contextmanager
def alone(scratch: Path) -> Iterator[None]:
    """Keep Copier, git and what they cache apart from the person's own; let Python write bytecode.

    Both environments: Copier hands plumbum's, a copy of the process's own, to what it starts.
    """
    settings = scratch / "settings.yml"
    settings.write_text("{}")
    (scratch / "tmp").mkdir()
    changed = {
        "COPIER_SETTINGS_PATH": str(settings),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PYTHONDONTWRITEBYTECODE": "",
        "TMPDIR": str(scratch / "tmp"),
        "XDG_CACHE_HOME": str(scratch / "cache"),
    } | {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Owner"), ("EMAIL", "owner@example.com"))
    }
    before = dict(os.environ)
    os.environ.update(changed)
    try:
        with local.env(**changed):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass
class Template:
    """A template in git. `versions` are its releases, oldest first; each has a tag `vX.Y.Z`."""

    folder: Path
    versions: list[str]
    trust: bool
    written: dict[str, Files] = field(default_factory=dict, repr=False)

    @property
    def address(self) -> str:
        """Return where services record that they come from. Copier fetches what ends so."""
        return self.folder.absolute().as_uri()

    def render(self, version: str, answers: Answers) -> Files:
        """Return what a release writes for answers: `{"Dockerfile": b"FROM …"}`."""
        key = f"{version} {json.dumps(answers, sort_keys=True)}"
        if key not in self.written:
            with TemporaryDirectory() as folder:
                # They lie there, so that a retired one is taken as what it is: not new.
                Path(folder, ANSWERS).write_text(yaml.safe_dump(answers), "utf-8")
                run_copy(
                    self.address,
                    folder,
                    data=answers,
                    vcs_ref=f"v{version}",
                    defaults=True,
                    overwrite=True,
                    quiet=True,
                    skip_tasks=True,
                    unsafe=self.trust,
                )
                self.written[key] = files(Path(folder))
        return self.written[key]

    def renames(self, old: str, new: str) -> dict[str, str]:
        """Return the files that the template renamed between two releases, as git sees it."""
        changed = git(
            self.folder, "diff", "--name-status", "--find-renames", "--diff-filter=R",
            "--relative=template", f"v{old}", f"v{new}",
        )  # fmt: skip
        names = [line.split("\t")[1:] for line in changed.splitlines()]
        return {old.removesuffix(".jinja"): new.removesuffix(".jinja") for old, new in names}

    def offered(self, version: str) -> dict[str, list[str]]:
        """Return the Pythons that a release offers to new services on each base image."""
        with TemporaryDirectory() as folder:
            archive = local["git"]["-C", str(self.folder), "archive", f"v{version}"]
            (archive["extensions", "standard.toml"] | local["tar"]["-x", "-C", folder])()
            standard = yaml.safe_load(plain.table(Path(folder)))
        pythons = [name for name, python in standard["pythons"].items() if not python["retired"]]
        return {
            base: [name for name in pythons if not standard["bases"][name][base]["unavailable"]]
            for base in standard["bases"][pythons[0]]
        }


def checkout(folder: Path) -> Template:
    """Clone this checkout with the tags of its releases; its own state is the newest of them.

    Where that differs from the newest release in what an update runs, it is `X.Y.Z+head`.
    """
    git(folder.parent, "clone", "--quiet", "--no-tags", str(releases.CHECKOUT), str(folder))
    recorded = releases.releases()
    for version, commit in recorded.items():
        git(folder, "tag", f"v{version}", commit)
    versions = list(recorded)
    if git(folder, "diff", "--name-only", f"v{versions[-1]}", "HEAD", "--", *PARTS):
        versions.append(f"{versions[-1]}+head")
        git(folder, "tag", f"v{versions[-1]}")
    git(folder, "gc", "--quiet")  # as what a server sends
    return Template(folder, versions, trust=True)
