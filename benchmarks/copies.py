"""`copier copy` of this template beside a bare one, which writes the same files, unasked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.applications import APART, ROOT
from benchmarks.results import Results

COPIER = Path(sys.executable).with_name("copier")
OURS, BARE = "this template", "bare template"
ANSWERS = "{{ _copier_conf.answers_file }}.jinja"
WHO = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "Bench", "EMAIL": "bench@example.com"}.items()
}
FLAGS = ("--trust", "--defaults", "--quiet", "--vcs-ref=HEAD")


def measure(results: Results, folder: Path, rounds: int) -> None:
    """Copy both in turn, once with and once without tasks; Poetry is on no path, so none locks."""
    bare = folder / "bare"
    _copy(ROOT, folder / "service")
    _make_bare(bare, folder / "service")
    for number in range(rounds):
        for name, source in ((OURS, ROOT), (BARE, bare)):
            for key, flags in (("copy", ()), ("copy-files", ("--skip-tasks",))):
                target = folder / f"{key}-{number}-{source.name}"
                results.add("template", name, key, _copy(source, target, *flags))


def _copy(source: Path, target: Path, *flags: str) -> float:
    """Copy with Copier's command line; return the seconds."""
    begin = time.monotonic()
    command = [str(COPIER), "copy", *FLAGS, *flags, str(source), str(target)]
    _run(command, target.parent)
    return time.monotonic() - begin


def _make_bare(bare: Path, service: Path) -> None:
    """Make a template of a service's files, each rendered, in a repository as large as ours."""
    _run(["git", "clone", "--quiet", str(ROOT), str(bare)], bare.parent)
    template = bare / "template"
    shutil.rmtree(template)
    for file in [path for path in service.rglob("*") if path.is_file()]:
        if ".git" not in file.parts and file.name != ".copier-answers.yml":
            target = template / f"{file.relative_to(service)}.jinja"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    (template / ANSWERS).write_text("{{ _copier_answers | to_nice_yaml }}", "utf-8")
    (bare / "copier.yml").write_text(
        "project_name:\n  type: str\n  default: Service\n"
        "_subdirectory: template\n_templates_suffix: .jinja\n",
        "utf-8",
    )
    _run(["git", "add", "--all"], bare)
    _run(["git", "commit", "--quiet", "-mBare"], bare)


def _run(command: list[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **APART, **WHO}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed Copier has its bytecode
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
