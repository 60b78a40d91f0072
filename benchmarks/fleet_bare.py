"""A bare template of the same size: no extension, no task, no migration, no validator.

It is made of what the real one writes, release by release: the same files with the same
changes, the same number of questions, three answers filled in. Its services measure what Copier
itself takes.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fleet_template import Answers, Files, Template, git, write
from tasks.rendering import ANSWERS

FILLED = ("project_name", "project_slug", "description")
SETTINGS: dict[str, Any] = {
    "_subdirectory": "template",
    "_templates_suffix": ".jinja",
    "_answers_file": ANSWERS,
    "_envops": {"keep_trailing_newline": True},
}


def questionnaire(full: str, answers: Answers) -> str:
    """Return `copier.yml` with the same questions, each proposing what the services answered."""
    questions: dict[str, Any] = dict(SETTINGS)
    read = yaml.safe_load(full)
    questions["_exclude"] = read["_exclude"]
    empty = {"bool": False, "yaml": []}
    for name, question in read.items():
        if name.startswith("_"):
            continue
        kept = {key: question[key] for key in ("type", "help", "ask", "when") if key in question}
        default = answers.get(name, empty.get(question["type"], ""))
        questions[name] = kept | {"default": default}
        if "choices" in question:
            questions[name]["choices"] = [default]
    return yaml.safe_dump(questions, sort_keys=False, allow_unicode=True)


def unrendered(written: Files, answers: Answers) -> Files:
    """Return the template's files that come to `written`; answers stand where they are."""
    result = {}
    for name, content in written.items():
        text = content.decode("utf-8")
        if not any(mark in text for mark in ("{{", "{%", "{#")):
            for question in FILLED:
                text = text.replace(answers[question], f"{{{{ {question} }}}}")
        filled = text.encode() != content
        result[f"template/{name}{'.jinja' if filled else ''}"] = text.encode()
    result[f"template/{ANSWERS}.jinja"] = b"{{ _copier_answers | to_nice_yaml -}}\n"
    result.pop(f"template/{ANSWERS}", None)
    return result


def bare(full: Template, folder: Path, answers: Answers) -> Template:
    """Write a template whose every release writes what the full one does for these answers."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    for version in full.versions:
        written = full.render(version, answers)
        stored = {
            name: value
            for name, value in yaml.safe_load(written[ANSWERS]).items()
            if not name.startswith("_")
        }
        shutil.rmtree(folder / "template", ignore_errors=True)
        write(folder, unrendered(written, stored))
        questions = git(full.folder, "show", f"v{version}:copier.yml")
        (folder / "copier.yml").write_text(questionnaire(questions, stored), "utf-8")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--allow-empty", "--message", f"Release {version}")
        git(folder, "tag", f"v{version}")
    git(folder, "gc", "--quiet")
    return Template(folder, full.versions, trust=False)
