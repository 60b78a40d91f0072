"""`make plain DEST=../plain`: each release as a template that plain Copier takes without trust.

The extension's results become a table in an included file; tasks and migrations are left out. DEST
is a git repository of its own, with a commit and a tag for each release that it lacks.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import sys
import tempfile
from pathlib import Path

import yaml
from plumbum import local

sys.path.insert(0, str(Path(__file__).parent.parent))
from tasks import releases

LEFT_OUT = ("_jinja_extensions", "_tasks", "_migrations")
TABLE = """\
standard: # what standard.toml comes to; written by `make plain`
  type: yaml
  when: false
  default: "{% include 'standard.yml' %}"

"""


def questionnaire(full: str) -> str:
    """Return `copier.yml` without the keys that need trust, and with the table as its first."""
    blocks = re.split(r"^(?=[A-Za-z_])", full, flags=re.MULTILINE)
    return TABLE + "".join(block for block in blocks if not block.startswith(LEFT_OUT))


def table(template: Path) -> str:
    """Return the table that the template's own extension makes of its `standard.toml`, as YAML."""
    spec = importlib.util.spec_from_file_location("standard", template / "extensions/standard.py")
    assert spec
    assert spec.loader
    extension = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(extension)
    return yaml.safe_dump(extension.table(extension.read()), sort_keys=False, allow_unicode=True)


def write(full: Path, plain: Path) -> None:
    """Write the plain edition of the template in `full` over the one in `plain`."""
    for name in ("template", "licenses"):
        shutil.rmtree(plain / name, ignore_errors=True)
        shutil.copytree(full / name, plain / name)
    for name in ("CHANGELOG.md", "LICENSE"):
        if (full / name).exists():  # not in the first releases
            shutil.copy(full / name, plain)
    questions = (full / "copier.yml").read_text("utf-8")
    (plain / "copier.yml").write_text(questionnaire(questions), "utf-8")
    (plain / "standard.yml").write_text(table(full), "utf-8")


def main() -> None:
    """Bring DEST up to the newest release; say which ones came."""
    parser = argparse.ArgumentParser(prog="make plain", usage="make plain DEST=../plain")
    parser.add_argument("destination", type=Path)
    plain = parser.parse_args().destination.resolve()
    plain.mkdir(parents=True, exist_ok=True)
    git = local["git"]["-C", plain]
    if not (plain / ".git").exists():
        if any(plain.iterdir()):
            sys.exit(f"{plain} holds files and is no git repository: name a new folder.")
        git("init", "--quiet")
    there = git("tag", "--list").split()
    for version, commit in releases.releases().items():
        if f"v{version}" in there:
            continue
        with tempfile.TemporaryDirectory() as folder:
            archive = local["git"]["-C", releases.CHECKOUT, "archive", commit]
            (archive | local["tar"]["-x", "-C", folder])()
            write(Path(folder), plain)
        git("add", "--all")
        git("commit", "--quiet", "--message", f"Release {version}")
        git("tag", f"v{version}")
        print(f"v{version}")


if __name__ == "__main__":
    main()
