"""GitHub's runner, as far as it runs the commands of a job: no action, no container."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

WORKFLOW = ".github/workflows/ci.yml"


def run(
    folder: Path, job: str, runner: Path, secrets: Mapping[str, str], env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a job's commands up to the first that fails; return that or the last, with the whole log.

    `runner` is the folder that GitHub calls `RUNNER_TEMP`.
    """
    workflow = yaml.safe_load((folder / WORKFLOW).read_text("utf-8"))
    variables = {**env, "CI": "true", "RUNNER_TEMP": str(runner), "GITHUB_ENV": f"{runner}/env"}
    log = ""
    for step in workflow["jobs"][job]["steps"]:
        if "run" not in step:
            continue
        given = {name: _filled(value, secrets) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=folder,
            env={**variables, **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        log += done.stdout
        if (runner / "env").exists():
            lines = (runner / "env").read_text().splitlines()
            variables |= dict(line.split("=", 1) for line in lines)
        if done.returncode:
            break
    return subprocess.CompletedProcess(done.args, done.returncode, log, "")


def _filled(value: str, secrets: Mapping[str, str]) -> str:
    """Return a variable with its expressions put in; a secret that is not there is empty."""
    return re.sub(r"\$\{\{ (?:secrets|vars)\.(\w+) \}\}", lambda m: secrets.get(m[1], ""), value)
