"""`make adopt`: an existing Poetry or Pipenv service comes under the template.

All that it writes stands uncommitted in the service's working tree, which was clean before.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from copier import run_copy
from copier.errors import UserMessageError
from plumbum import CommandNotFound, local

sys.path.insert(0, str(Path(__file__).parent.parent))
from tasks import adopt_answers, adopt_lock, adopt_look, adopt_pipenv, adopt_pyproject
from tasks.adopt_answers import Service
from tasks.adopt_pyproject import Edit
from tasks.adopt_report import Problem, Report, some
from tasks.after_copy import find_poetry
from tasks.new import CHECKOUT, given, source

Table = dict[str, Any]


def usable(folder: Path) -> None:
    """Raise `Problem` unless git can bring back whatever is written in the folder."""
    try:
        git = local["git"]["-C", folder]
    except CommandNotFound:
        raise Problem(
            "git was not found; install it, for it brings back what is replaced"
        ) from None
    if not folder.is_dir():
        raise Problem(f"there is no folder {folder}; name an existing service")
    if git["rev-parse", "--verify", "--quiet", "HEAD"].run(retcode=None)[0]:
        raise Problem(
            f"{folder} is no git repository with a commit, so nothing could bring back what is "
            "replaced: run `git init && git add --all && git commit` there first"
        )
    if changed := git("status", "--porcelain", "--", ".").splitlines():
        raise Problem(
            f"{folder} has uncommitted changes ({some([line[3:] for line in changed], 3)}): "
            "commit or stash them first"
        )
    answers = folder / ".copier-answers.yml"
    if answers.exists():
        template = (yaml.safe_load(answers.read_text("utf-8")) or {}).get("_src_path", "a template")
        raise Problem(
            f"{folder} already follows {template}: `copier update` brings in its newest version"
        )


def manifests(folder: Path) -> tuple[Table, Table, Table]:
    """Return pyproject.toml, Pipfile and Pipfile.lock, empty where missing.

    Raises `Problem` where there is no project of Poetry's or Pipenv's, or none that can be read.
    A Pipfile beside Poetry's own dependencies counts no more.
    """
    pyproject: Table = {}
    try:
        pyproject = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except FileNotFoundError:
        pass
    except ValueError as error:
        raise Problem(f"pyproject.toml cannot be read: {error}") from error
    backend = str(pyproject.get("build-system", {}).get("build-backend", ""))
    lock = (folder / "poetry.lock").exists()
    poetry = "poetry" in backend or lock or "poetry" in pyproject.get("tool", {})
    if poetry and pyproject:
        return pyproject, {}, {}
    if not (folder / "Pipfile").exists():
        raise Problem(
            f"{folder} is neither a Poetry nor a Pipenv project: it needs a pyproject.toml with "
            "[tool.poetry], or a Pipfile"
        )
    return pyproject, *adopt_pipenv.read(folder)


def owned() -> list[str]:
    """Return what the service owns: patterns that copier.yml leaves out of updates."""
    questions = yaml.safe_load((CHECKOUT / "copier.yml").read_text("utf-8"))
    return [p.replace("_copier_operation == 'update'", "true") for p in questions["_exclude"]]


def copy(folder: Path, guesses: Table, given: Table, report: Report) -> Table:
    """Copy the template's own files into an empty folder; return all answers.

    A guess that its question refuses is dropped and reported; a given answer raises `Problem`.
    """
    while True:
        try:
            run_copy(
                str(CHECKOUT),
                folder,
                data={**given, "template_source": source()},
                user_defaults={k: v for k, v in guesses.items() if k not in given},
                exclude=owned(),
                vcs_ref="HEAD",
                defaults=not sys.stdin.isatty(),
                skip_tasks=True,
                unsafe=True,
                quiet=True,
            )
            return dict(yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8")))
        except UserMessageError as error:
            name, _, why = str(error).partition(": ")
            if name in given or name not in guesses:
                raise Problem(str(error)) from error
            report.look(f"{name}={guesses.pop(name)} was not taken ({why})")


def place(made: Path, service: Service, report: Report) -> None:
    """Put the template's files into the service; `Problem` before the first where git has no copy.

    The owner's .gitignore stays, and gets the lines that it lacks.
    """
    names = [p.relative_to(made).as_posix() for p in sorted(made.rglob("*")) if not p.is_dir()]
    for name in names:
        target = service.folder / name
        parents = [service.folder / p for p in Path(name).parents]
        if any(p.is_symlink() for p in (target, *parents[:-1])):
            raise Problem(f"{name} is a link, which would be written through: make it a file first")
        if target.exists() and name not in service.files:
            raise Problem(
                f"{name} would be replaced but is not in git: commit it or move it away first"
            )
    adopt_look.replaced(service, made, names, report)
    for name in names:
        target = service.folder / name
        if name == ".gitignore" and target.exists():
            old = target.read_text("utf-8")
            lines = [
                line
                for line in (made / name).read_text("utf-8").splitlines()
                if line not in old.splitlines()
            ]
            if lines:
                target.write_text(
                    old + ("" if old.endswith("\n") or not old else "\n") + "\n".join(lines) + "\n",
                    "utf-8",
                )
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made / name, target)


def index_of(service: Service, found: adopt_pipenv.Sources) -> str:
    """Return the private index that serves all packages, if one does; Poetry comes from it too."""
    first = found.url(found.default)
    for entry in service.poetry.get("source", []):
        if entry.get("priority") in (None, "primary", "default") and "url" in entry and not first:
            first = str(entry["url"])
    return re.sub(r"//[^/]*@", "//", first)


def lock(service: Service, edit: Edit, old: list[Table], report: Report) -> None:
    """Bring poetry.lock up to date with what was locked before, and say what comes next."""
    poetry = find_poetry()
    done = None
    if service.pipfile and old:
        adopt_lock.seed(service.folder, old)
    if poetry is None:
        kept = ", which keeps the versions that poetry.lock names" if old else ""
        report.look(f"whether poetry.lock fits was not looked at: `make lock`{kept}")
    elif not service.pipfile and adopt_lock.current(poetry, service.folder, report):
        report.took("poetry.lock, as it is")
        return
    else:
        done = adopt_lock.lock(poetry, service.folder, old if service.pipfile else [], report)
    if edit.pinned:  # git dependencies: locked at the commits that they had, now by their branches
        edit.unpin(service.folder)
        if poetry and done is not None:
            done = adopt_lock.lock(poetry, service.folder, [], report)
    if done is None:
        if edit.pinned:
            report.look(
                f"`make lock` will take the newest commits of {some(sorted(edit.branches))}; "
                "Pipfile.lock names the old ones"
            )
        return
    if old:
        name = "Pipfile.lock" if service.pipfile else "poetry.lock"
        adopt_lock.compare(old, adopt_lock.read(service.folder), name, report)
    else:
        report.look("there was no lock: poetry.lock holds the newest versions that fit")
    report.commands += [f"export {k}={shlex.quote(v)}" for k, v in done.items()]


def adopt(folder: Path, given: Table) -> Report:
    """Adopt the service; return the report; `Problem` where it cannot be: nothing is written."""
    usable(folder)
    report = Report()
    pyproject, pipfile, pipfile_lock = manifests(folder)
    service = adopt_answers.read(folder, pyproject, pipfile)
    manifest = "Pipfile" if pipfile else "pyproject.toml"
    if manifest not in service.files:
        raise Problem(f"{manifest} is not in git: commit it first")
    found = adopt_pipenv.sources(pipfile, report)
    standard = tomllib.loads((CHECKOUT / "standard.toml").read_text("utf-8"))
    offered = [v for v, python in standard["python"].items() if not python.get("retired")]
    guesses, why = adopt_answers.guess(service, index_of(service, found))
    version, ran = adopt_answers.python(service, offered, standard["defaults"]["python_version"])
    guesses["python_version"] = version
    with TemporaryDirectory() as temporary:
        made = Path(temporary).resolve() / folder.resolve().name
        answers = copy(made, guesses, given, report)
        edit = adopt_pyproject.edit(service, pipfile_lock, found, answers, report)
        place(made, service, report)
    adopt_look.answers(service, answers, ran, why if "service_kind" not in given else "", report)
    adopt_look.application(service, answers, report)
    edit.write(folder)
    packages = (
        adopt_pipenv.locked_packages(pipfile_lock, found) if pipfile else adopt_lock.read(folder)
    )
    report.took(f"updates come from {answers['_src_path']}")
    report.commands.append(f"cd {shlex.quote(str(folder))}")
    lock(service, edit, packages, report)
    adopt_look.tools(service, adopt_lock.versions(adopt_lock.read(folder)).keys(), report)
    adopt_look.ignored(service, report)
    report.commands += [
        "git status && git diff  # all that was done",
        *(["git rm Pipfile Pipfile.lock" if pipfile_lock else "git rm Pipfile"] if pipfile else []),
        "git add --all && git commit --message 'Adopt the template'",
        "make run",
        "make image",
        "git restore . && git clean -d --force .  # instead, to undo it all",
    ]
    return report


def main() -> None:
    """Adopt, and print the report; end with one sentence where that cannot be."""
    parser = argparse.ArgumentParser(prog="make adopt", usage="make adopt SERVICE=../old-service")
    parser.add_argument("service")
    parser.add_argument("--answers", type=given, default={})
    options = parser.parse_args()
    if not options.service:
        sys.exit("Say which service: make adopt SERVICE=../old-service")
    try:
        print(adopt(Path(options.service), options.answers))
    except Problem as problem:
        sys.exit(f"Nothing was written: {problem}.")
    except Exception as error:
        folder = shlex.quote(options.service)
        sys.exit(
            f"The adoption stopped halfway ({error!r}): `cd {folder} && git restore . && git clean "
            "-d --force .` brings back what was there."
        )


if __name__ == "__main__":
    main()
