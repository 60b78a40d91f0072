"""`make new`: a service from this checkout, asked for at a terminal and by default elsewhere."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from copier import run_copy
from copier.errors import InteractiveSessionError, UserMessageError
from plumbum import ProcessExecutionError, local

CHECKOUT = Path(__file__).parent.parent


def source() -> str:
    """Return where updates of the service will come from: the checkout's remote, else its path.

    A remote counts only when it has the commit that the service is made from.
    """
    git = local["git"]["-C", CHECKOUT]
    try:
        if git("branch", "--remotes", "--contains", "HEAD").strip():
            address = str(git("remote", "get-url", "origin")).strip()
            return re.sub("^(https?://)[^/]*@", r"\1", address)  # without credentials
    except ProcessExecutionError:
        pass
    return str(CHECKOUT)


def uncommitted() -> bool:
    """Say whether the checkout holds what no update will find."""
    try:
        return bool(local["git"]["-C", CHECKOUT]("status", "--porcelain").strip())
    except ProcessExecutionError:
        return False


def questions() -> set[str]:
    """Return the names of what can be answered."""
    form = yaml.safe_load((CHECKOUT / "copier.yml").read_text("utf-8"))
    return {
        name for name, question in form.items() if name[0] != "_" and question.get("when", True)
    }


def read(file: Path) -> dict[str, object]:
    """Return the answers of a file; end with one sentence where it holds none."""
    try:
        answers = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        answers = None
    if not isinstance(answers, dict):
        sys.exit(f"{file} holds no answers: each is a line such as port: 9000")
    return answers


def copy(destination: Path, **options: Any) -> None:
    """Write the service; what a copy that was cut off left in the middle of a file is no obstacle.

    Copier would remove all of a copy that fails, and with it what another one has just written.
    """
    try:
        run_copy(str(CHECKOUT), destination, cleanup_on_error=False, **options)
    except InteractiveSessionError:
        begun = cut_off(destination, **options)
        if not begun:
            raise
        for file in begun:
            file.unlink()
        run_copy(str(CHECKOUT), destination, cleanup_on_error=False, **options)


def cut_off(destination: Path, **options: Any) -> list[Path]:
    """Return the files that hold the beginning of what the template writes there, and no more.

    None where a file holds anything else: then it is somebody's own.
    """
    begun = []
    with TemporaryDirectory() as folder:
        whole = Path(folder, destination.resolve().name)
        run_copy(str(CHECKOUT), whole, skip_tasks=True, **options)
        for file in whole.rglob("*"):
            there = destination / file.relative_to(whole)
            if file.is_file() and there.is_file() and there.name != ".copier-answers.yml":
                if not file.read_bytes().startswith(there.read_bytes()):
                    return []
                if file.stat().st_size != there.stat().st_size:
                    begun.append(there)
    return begun


def pair(text: str) -> tuple[str, object]:
    """Return `name=value` as question and answer; the answer is YAML, as with Copier's `--data`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(
            f"'{text}' is neither a file nor name=value (quotes keep a value with spaces together)"
        )
    return name, value


def given(text: str) -> dict[str, object]:
    """Return the answers that a file holds, or that a text does, quoted as for a shell."""
    with suppress(OSError):  # too long for the name of a file
        if text and Path(text).is_file():
            return read(Path(text))
    try:
        return dict(map(pair, shlex.split(text)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def main() -> None:
    """Make the service; end with one sentence where that cannot be."""
    parser = argparse.ArgumentParser(prog="make new", usage="make new DEST=../my-service")
    parser.add_argument("destination")
    parser.add_argument("--answers", type=given, default={})
    options = parser.parse_args()
    if not options.destination:
        sys.exit("Say where the service goes: make new DEST=../my-service")
    answers = options.answers
    if unknown := answers.keys() - questions():
        sys.exit(f"{min(unknown)} is no question; there are {', '.join(sorted(questions()))}")
    if Path(options.destination).is_file():
        sys.exit(f"{options.destination} is a file: say which folder the service goes to")
    if uncommitted():
        print(
            "This checkout has changes that are not committed: the service gets them, but its "
            "updates need them committed.",
            file=sys.stderr,
        )
    updates = source()
    print(f"Updates of the service will come from {updates}.", file=sys.stderr)
    destination = Path(options.destination)
    try:
        copy(
            destination,
            data={**answers, "template_source": updates},
            vcs_ref="HEAD",
            defaults=not sys.stdin.isatty(),
            unsafe=True,
            quiet=True,
        )
    except InteractiveSessionError:
        sys.exit(
            f"{options.destination} holds files that the service would replace: choose another "
            "folder, or say at a terminal which to keep"
        )
    except UserMessageError as error:
        sys.exit(f"{error}")
    except OSError as error:  # which one of git is, too
        reason = getattr(error, "stderr", "").strip() or error.strerror or f"{error}"
        sys.exit(
            f"{destination} is not finished ({reason.splitlines()[-1]}): "
            "once that is mended, run the same command again."
        )
    except KeyboardInterrupt:
        sys.exit("Nothing was written.")


if __name__ == "__main__":
    main()
