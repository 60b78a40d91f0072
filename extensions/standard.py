"""The organisation's standard as one table, `standard`, for the questionnaire and the templates.

Copier runs this file anew for each version of the template, yet caches what it imports: so it
imports nothing of its own and finds its data beside itself.
"""

from __future__ import annotations

import itertools
import keyword
import re
import reprlib
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from copier.errors import UserMessageError
from jinja2 import Environment
from jinja2.ext import Extension

STANDARD = Path(__file__).parent.parent / "standard.toml"

shown = reprlib.Repr()
shown.maxstring = 60

# Names that Windows cannot check out.
WINDOWS_DEVICES = {"aux", "con", "nul", "prn"} | {
    f"{d}{n}" for d in ("com", "lpt") for n in range(10)
}

# Words that YAML takes for a truth, or for nothing, where a name is meant.
YAML_WORDS = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]

# Packages that a service starts with, as Python imports them, and what its tests run.
# fmt: off
INSTALLED = [
    "annotated_doc", "annotated_types", "anyio", "certifi", "click", "dotenv", "fastapi", "h11",
    "httpcore", "httpcore2", "httpx", "httpx2", "idna", "iniconfig", "mypy", "opentelemetry",
    "packaging", "pip", "pluggy", "prometheus_client", "pydantic", "pydantic_core",
    "pydantic_settings", "pytest", "pythonjsonlogger", "ruff", "starlette", "tests",
    "typing_extensions", "typing_inspection", "uvicorn",
]
# fmt: on

Table = dict[str, Any]
Rule = tuple[str, Callable[[Any], object]]
Key = tuple[str, ...]


def text(pattern: str, words: str) -> Rule:
    """Return the rule for a text that fits a pattern from end to end."""
    return words, lambda value: isinstance(value, str) and re.fullmatch(pattern, value)


def number(least: int, most: int) -> Rule:
    """Return the rule for a whole number."""
    words = f"a whole number from {least} to {most}"
    return words, lambda value: type(value) is int and least <= value <= most


def filled(pattern: str, words: str) -> Rule:
    """Return the rule for a text that fits a pattern once its {fields} are filled in."""

    def fits(value: Any) -> bool:
        try:
            known = value.format(python="3", debian="d", debian_number=1)
        except (AttributeError, LookupError, ValueError):
            return False
        return re.fullmatch(pattern, known) is not None

    return f"{words}, with no field but {{python}}, {{debian}} and {{debian_number}}", fits


def hashes(value: Any) -> bool:
    """Say whether all of a list are digests."""
    return isinstance(value, list) and all(DIGEST[1](item) for item in value)


def amounts(value: Any) -> bool:
    """Say whether a table has amounts of what a cluster gives out."""
    known = {"cpu", "memory", "ephemeral-storage"}
    return isinstance(value, dict) and set(value) <= known and all(map(QUANTITY[1], value.values()))


def environments(value: Any) -> bool:
    """Say whether a list names environments, each once, as folders and namespaces can be called."""
    names = value if isinstance(value, list) else []
    named = [
        isinstance(n, str) and re.fullmatch(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", n) for n in names
    ]
    return bool(names) and all(named) and len(set(names)) == len(names)


HOST = r"[A-Za-z0-9][A-Za-z0-9.-]*(:[1-9][0-9]{0,4})?"
IMAGE = r"[A-Za-z0-9][A-Za-z0-9._:/@-]*", "the name of an image"
NAME = text(r"[a-z][a-z0-9-]*", "a name such as slim")
VERSION = text(r"[0-9][A-Za-z0-9.]*", "a version such as 2.5.1")
DIGEST = text(r"sha256:[0-9a-f]{64}", "sha256: and 64 digits")
QUANTITY = text(r"[0-9]+(\.[0-9]+)?(m|[kMGT]i?)?", "an amount in quotes such as 128Mi")
FLAG: Rule = "true or false", lambda value: isinstance(value, bool)
CI_IMAGES = ("docker", "engine", "buildkit", "cosign", "sbom")
# Everything that the standard may say; what ends in ? may be left out, and * stands for any name.
BASE = {
    "help": text(r"[^\x00-\x1f\x7f{}]+", "one line of text without braces"),
    "of?": NAME,
    "builder?": filled(*IMAGE),
    "runtime": filled(*IMAGE),
    "interpreter": filled(r"/[A-Za-z0-9._/-]+", "the path of a program"),
    "debian?": NAME,
    "pythons?": (
        'a list of Pythons such as ["3.13"]',
        lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    ),
    **dict.fromkeys(("apt?", "root?", "public?", "uv?"), FLAG),
}
SHAPE: Table = {
    "defaults": {
        "python_version": text(r".+", 'a Python in quotes such as "3.13"'),
        "base_image": NAME,
        "requires_python": text(
            r"((~=|[=!]=|[<>]=?) *[0-9]+(\.[0-9]+)*(\.\*)?(, *(?=.)|$))+", "a range such as >=3.11"
        ),
        "port": number(1024, 65535),
        "uid": number(1, 2147483647),
    },
    "poetry": {"version": VERSION},
    "uv": {"version": VERSION, "hashes?": {"*": ("a list of sha256:…", hashes)}},
    "registry": {
        "mirror": text(rf"({HOST}(/[A-Za-z0-9._/-]*)?)?", "a registry, without https:// before it"),
        "images": text(
            rf"({HOST}(/[a-z0-9._/-]*[a-z0-9])?)?", "a registry, without https:// before it"
        ),
    },
    "index": {"url": text(rf"(https?://{HOST}(/[A-Za-z0-9._~%+/-]*)?)?", "an address")},
    "deploy": {
        "environments": ('a list of names such as ["dev", "production"]', environments),
        "replicas": number(1, 1000),
        "canary_pods": number(2, 1000),
        "drain": number(1, 600),
        "grace": number(1, 3600),
        "tmp": QUANTITY,
        **dict.fromkeys(
            ("requests", "limits"), ('a table such as { cpu = "1", memory = "1Gi" }', amounts)
        ),
        "gateway": {
            **dict.fromkeys(("name", "namespace"), NAME),
            "domain": text(r"[a-z0-9-]+(\.[a-z0-9-]+)*", "a domain such as example.com"),
        },
        "prometheus": {
            "address": text(rf"https?://{HOST}(/[A-Za-z0-9._~%+/-]*)?", "an address"),
            "operator": FLAG,
            "port": number(1024, 65535),
        },
        "collector": {"address": text(rf"(https?://{HOST}(/[A-Za-z0-9._~%+/-]*)?)?", "an address")},
    },
    "python": {
        "*": {
            "end_of_life": ("a date such as 2029-10-31", lambda value: type(value) is date),
            "retired?": FLAG,
            "debian": NAME,
        }
    },
    "base": {"*": {**BASE, "carried?": {f"{key.rstrip('?')}?": BASE[key] for key in BASE}}},
    "debian": {"*": number(1, 99)},
    "ci": {
        "runner": text(r"[A-Za-z0-9._-]+", "the label of a runner"),
        "python": filled(*IMAGE),
        **dict.fromkeys(CI_IMAGES, text(*IMAGE)),
        "actions": dict.fromkeys(
            ("checkout", "python", "cache", "buildx", "cosign"),
            text(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v[0-9.]+", "owner/name@commit # version"),
        ),
    },
    "database": {"postgresql": text(*IMAGE)},
    "digests": {"*": DIGEST},
}


def read(path: Path = STANDARD) -> Table:
    """Return the standard as written; raise `UserMessageError` for the first mistake in it."""
    try:
        content = path.read_text("utf-8-sig")
        standard = tomllib.loads(content)
    except (OSError, UnicodeDecodeError) as error:
        raise UserMessageError(f"{path.name} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UserMessageError(f"{path.name}, {syntax(content, str(error))}") from error
    for key, wrong in itertools.chain(misshapen(standard, SHAPE), contradictions(standard)):
        named = ".".join(part if re.fullmatch(r"[\w-]+", part) else f'"{part}"' for part in key)
        raise UserMessageError(f"{path.name}, line {line(content, key)}: {named} {wrong}")
    return standard


def statements(content: str) -> Iterator[tuple[int, Table]]:
    """Yield the line on which each statement begins, and the standard up to its end.

    The last one is empty: where nothing more can be read.
    """
    lines = content.splitlines()
    begin = 1
    for end in range(1, len(lines) + 1):
        with suppress(tomllib.TOMLDecodeError):
            yield begin, tomllib.loads("\n".join(lines[:end]))
            begin = end + 1
    yield begin, {}


def syntax(content: str, error: str) -> str:
    """Return where a text is no TOML: line, key if there is one, and what tomllib says."""
    *_, (begin, _) = statements(content)
    key = re.match(r"\s*([^=#\[\s]+)\s*=", content.splitlines()[begin - 1])
    return f"line {begin}: {key[1] + ': ' if key else ''}{error.partition(' (at ')[0]}"


def line(content: str, key: Key) -> int:
    """Return the line where a key stands, or the table that lacks it: 1 for the file itself."""
    for part in range(len(key), 0, -1):
        for begin, found in statements(content):
            if has(found, key[:part]):
                return begin
    return 1


def has(table: Any, key: Key) -> bool:
    """Say whether a key is there."""
    for part in key:
        if not isinstance(table, dict) or part not in table:
            return False
        table = table[part]
    return True


def misshapen(value: Any, shape: Any, key: Key = ()) -> Iterator[tuple[Key, str]]:
    """Yield each key that is missing, unknown, or not of its kind, with a sentence's end."""
    if not isinstance(shape, dict):
        words, fits = shape
        if not fits(value):
            yield key, f"is {shown.repr(value)}, which is not {words}"
    elif not isinstance(value, dict):
        yield key, f"is {shown.repr(value)}, which is not a table"
    else:
        for name in shape:
            if name not in value and name[-1] not in "?*":
                yield (*key, name), "is missing"
        for name, inner in value.items():
            for known in (name, f"{name}?", "*"):
                if known in shape:
                    yield from misshapen(inner, shape[known], (*key, name))
                    break
            else:
                names = ", ".join(known.rstrip("?") for known in shape)
                yield (*key, name), f"means nothing here; there are {names}"


def contradictions(standard: Table) -> Iterator[tuple[Key, str]]:
    """Yield each key that names what the standard does not have, with a sentence's end."""
    pythons, bases, defaults = standard["python"], standard["base"], standard["defaults"]
    offered = [version for version in pythons if not pythons[version].get("retired")]
    debians = list(standard["debian"])
    for name in pythons:
        if not re.fullmatch(r"3\.[0-9]{1,2}", name):
            yield ("python", name), "is not a Python such as 3.13"
    for name in bases:
        if not NAME[1](name):
            yield ("base", name), f"is not {NAME[0]}"
    names = [
        *((("python", name, "debian"), pythons[name]["debian"], debians) for name in pythons),
        *(
            (("base", n, "debian"), bases[n]["debian"], debians)
            for n in bases
            if "debian" in bases[n]
        ),
        *(
            (("base", n, "carried", "debian"), bases[n]["carried"]["debian"], debians)
            for n in bases
            if "debian" in bases[n].get("carried", {})
        ),
        *(
            (("base", name, "of"), bases[name]["of"], list(bases))
            for name in bases
            if "of" in bases[name]
        ),
        (("defaults", "python_version"), defaults["python_version"], offered),
        (("defaults", "base_image"), defaults["base_image"], list(bases)),
    ]
    for key, name, known in names:
        if name not in known:
            yield key, f"is {shown.repr(name)}, which is not one of {', '.join(known)}"
    python, base = defaults["python_version"], defaults["base_image"]
    if why := image(bases[base], python, standard)["unavailable"]:
        yield ("defaults", "base_image"), f"is {base!r}, which cannot be proposed: {why}"
    pinnable = images(standard)
    for name in standard["digests"]:
        if name not in pinnable:
            yield ("digests", name), "pins nothing: no image above has this name"


def fields(base: Table, python: str, standard: Table) -> Table:
    """Return what the name of a base image may contain for one Python."""
    debian = base.get("debian", standard["python"][python]["debian"])
    return {"python": python, "debian": debian, "debian_number": standard["debian"][debian]}


def images(standard: Table) -> set[str]:
    """Return the name of every image of the standard, its fields filled in: what can be pinned."""
    names = {*standard["database"].values(), *(standard["ci"][name] for name in CI_IMAGES)}
    kinds = [{"runtime": standard["ci"]["python"]}]
    for base in standard["base"].values():
        kinds += [base, base | base.get("carried", {})]
    for kind, python in itertools.product(kinds, standard["python"]):
        known = fields(kind, python, standard)
        names |= {kind[role].format(**known) for role in ("builder", "runtime") if role in kind}
    return names


def reference(name: str, standard: Table, public: bool) -> str:
    """Return the reference of a base image: behind the mirror, and by digest where one is pinned.

    `python:3.13-slim` -> `mirror.example.com/hub/python:3.13-slim@sha256:…`
    """
    mirror, digests = standard["registry"]["mirror"], standard["digests"]
    prefix = f"{mirror.rstrip('/')}/" if mirror and public else ""
    digest = f"@{digests[name]}" if name in digests else ""
    return f"{prefix}{name}{digest}"


def image(base: Table, python: str, standard: Table) -> Table:
    """Return what a service needs to know of one base image for one Python.

    `unavailable` says why it cannot be had, and is empty where it can. `carried` says whether its
    Python is the builder's.
    """
    offered = base.get("pythons", [python])
    carried = {} if python in offered else base.get("carried", {})
    base = base | carried
    known = fields(base, python, standard)
    runtime = base["runtime"].format(**known)
    builder = base.get("builder", runtime).format(**known)
    public = base.get("public", True)
    missing = f"it has no Python {python}, only {' and '.join(offered)}"
    return {
        "builder": reference(builder, standard, public),
        "runtime": reference(runtime, standard, public),
        "name": runtime,
        "digest": standard["digests"].get(runtime, ""),
        "help": base["help"],
        "interpreter": base["interpreter"].format(**known),
        "root": base.get("root", True),
        "apt": base.get("apt", True),
        "uv": base.get("uv", False),
        "carried": bool(carried),
        "unavailable": "" if carried or python in offered else missing,
    }


def requirement(name: str, pinned: Table) -> str:
    """Return the line by which pip installs a package: its version, and what files may be it."""
    version = pinned["version"]
    return " --hash=".join([f"{name}=={version}", *pinned.get("hashes", {}).get(version, [])])


def pipelines(standard: Table) -> Table:
    """Return what pipelines run on: a runner, actions, images by reference."""
    ci = standard["ci"]
    return {
        "runner": ci["runner"],
        "actions": ci["actions"],
        "pythons": {
            version: reference(
                ci["python"].format(**fields({}, version, standard)), standard, public=True
            )
            for version in standard["python"]
        },
        **{name: reference(ci[name], standard, public=True) for name in CI_IMAGES},
    }


def table(standard: Table) -> Table:
    """Return every choice and image reference that follows from the standard: plain data."""
    pythons = standard["python"]
    return {
        "defaults": standard["defaults"],
        "poetry": standard["poetry"]["version"],
        "uv": requirement("uv", standard["uv"]),
        "index": standard["index"]["url"],
        "images": standard["registry"]["images"],
        "deploy": standard["deploy"],
        "pythons": {
            version: {
                "end_of_life": str(python["end_of_life"]),
                "retired": python.get("retired", False),
            }
            for version, python in pythons.items()
        },
        "bases": {
            version: {
                name: image(base, version, standard) for name, base in standard["base"].items()
            }
            for version in pythons
        },
        "ci": pipelines(standard),
        "database": {
            name: reference(image, standard, public=True)
            for name, image in standard["database"].items()
        },
        "yaml_words": YAML_WORDS,
        "installed_names": INSTALLED,
        "reserved_names": sorted({*sys.stdlib_module_names, *keyword.kwlist, *WINDOWS_DEVICES}),
    }


class Standard(Extension):
    """Makes the table known as `standard` to every template."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["standard"] = table(read())
