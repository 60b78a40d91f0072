"""Refuses a wrong answer with one sentence, however it was given.

At the prompt Copier says what a validator says; for `--data`, `--data-file` and `settings.yml` it
ends in a traceback. The rules stand once, in `copier.yml`; here they are asked a moment earlier.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import copier._main
import yaml
from copier.errors import UserMessageError
from copier_template_extensions import ContextHook
from jinja2 import Environment, Template

QUESTIONS = Path(__file__).parent.parent / "copier.yml"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is built
YES_OR_NO = {"y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0"}

Context = MutableMapping[str, Any]
Templates = Callable[[str], Template]


def is_new(context: Context) -> bool:
    """Say whether a service is made, not updated; nothing public of Copier tells while it asks."""
    conf = context["_copier_conf"]
    if Path(conf["dst_path"], conf["answers_file"]).exists():
        return False
    operation = getattr(copier._main, "_operation", None)
    return operation is not None and operation.get("copy") == "copy"


def stored(file: Path) -> dict[str, Any]:
    """Return the answers that a service has; Copier drops a wrong one of them without a word."""
    found = yaml.load(file.read_text("utf-8"), LOADER) if file.is_file() else None
    return found if isinstance(found, dict) else {}


def problem(template: Templates, question: dict[str, Any], name: str, context: Context) -> str:
    """Return why `context[name]` is no answer to the question, or an empty string."""

    def render(text: str, known: Context = context) -> str:
        return template(text).render(**known)

    answer = context[name]
    shown = reprlib.repr(answer)
    kind = question.get("type", "str")
    if kind == "int" and not re.fullmatch("-?[0-9]{1,20}", str(answer)):
        return f"{shown} is no whole number of at most 20 digits"
    if kind == "bool" and str(answer).lower() not in YES_OR_NO:
        return f"{shown} is neither yes nor no"
    if kind == "str" and not isinstance(answer, str):
        return f"{shown} is no text"
    if "choices" in question:
        choices = question["choices"]
        # What a service has is offered to it though it is retired; a new one has nothing yet.
        known = {key: value for key, value in context.items() if key != name or not is_new(context)}
        offered = yaml.safe_load(render(choices, known)) if isinstance(choices, str) else choices
        values = {
            str(choice["value"]) if isinstance(choice, dict) else str(choice): choice
            for choice in offered.values()
        }
        choice = values.get(str(answer))
        if choice is None:
            return f"{shown} is not offered; choose one of {', '.join(values)}"
        if isinstance(choice, dict) and (refusal := render(choice["validator"])):
            return f"{shown} cannot be had: {refusal}"
    if kind == "int":
        context[name] = int(answer)
    elif kind == "yaml" and isinstance(answer, str):
        with suppress(yaml.YAMLError):  # the validator says what would be right
            context[name] = yaml.safe_load(answer)
    return render(question.get("validator", "")).strip()


class Answers(ContextHook):
    """Looks at what was given from outside: before the first question, and after the last.

    Not in between: what a hook raises while a validator runs, Copier makes a traceback of.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        questions = yaml.load(QUESTIONS.read_text("utf-8"), LOADER)
        self.questions = {name: q for name, q in questions.items() if not name.startswith("_")}
        self.checked: set[str] = set()
        self.template = cache(environment.from_string)  # asked again and again

    def hook(self, context: Context) -> None:
        """Raise `UserMessageError` for the first given answer that its question does not allow.

        Again and again, until one gets through: Copier drops what is raised at a stored answer.
        """
        phase = str(context.get("_copier_phase"))
        if phase in self.checked or phase not in ("prompt", "render"):
            return
        self.checked.add(phase)  # now: the check renders templates too
        try:
            self.check(context)
        except UserMessageError:
            self.checked.remove(phase)
            raise

    def check(self, context: Context) -> None:
        """Look at each answer given; a rule that needs one that nobody gave takes its default."""
        conf = context["_copier_conf"]
        outside = {**conf["settings"].defaults, **conf["user_defaults"], **conf["data"]}
        given = {**outside, **stored(Path(conf["dst_path"], conf["answers_file"])), **conf["data"]}
        if not given:
            return
        known = {**given, **context}
        for name, question in self.questions.items():
            computed = question.get("when") is False and name != "template_source"
            if computed and name in outside:
                raise UserMessageError(f"{name}: it follows from other answers and takes none")
            if name in given and not computed:
                known[name] = answer = given[name]
                if question["type"] == "str" and type(answer) in (int, float):
                    known[name] = str(answer)  # as Copier will: YAML reads 3.13 as a number
                if wrong := problem(self.template, question, name, known):
                    raise UserMessageError(f"{name}: {wrong}")
            elif name not in known:
                default = question["default"]
                text = default if isinstance(default, str) else json.dumps(default)
                answer = self.template(text).render(**known)
                known[name] = answer if question["type"] == "str" else yaml.safe_load(answer)
