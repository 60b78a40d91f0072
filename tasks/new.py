"""`make new`: a service from this checkout, asked for at a terminal and by default elsewhere."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

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


def pair(text: str) -> tuple[str, object]:
    """Return `name=value` as question and answer; the answer is YAML, as with Copier's `--data`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is neither a file nor name=value")
    return name, value


def main() -> None:
    """Make the service; end with one sentence where that cannot be."""
    parser = argparse.ArgumentParser(prog="make new", usage="make new DEST=../my-service")
    parser.add_argument("destination")
    parser.add_argument("answers", nargs="*", type=pair)
    parser.add_argument("--data-file", type=Path)
    options = parser.parse_args()
    if not options.destination:
        sys.exit("Say where the service goes: make new DEST=../my-service")
    answers = dict(options.answers)
    if options.data_file:
        answers = read(options.data_file)
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
    try:
        run_copy(
            str(CHECKOUT),
            options.destination,
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
    except KeyboardInterrupt:
        sys.exit("Nothing was written.")


if __name__ == "__main__":
    main()
