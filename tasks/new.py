"""`make new`: a service from this checkout, asked for at a terminal and by default elsewhere."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml
from copier import run_copy
from copier.errors import UserMessageError
from plumbum import ProcessExecutionError, local

CHECKOUT = Path(__file__).parent.parent


def source() -> str:
    """Return where updates of the service will come from: the checkout's remote, else its path.

    A remote counts only when it has the commit that the service is made from.
    """
    git = local["git"]["-C", CHECKOUT]
    try:
        if git("branch", "--remotes", "--contains", "HEAD").strip():
            return str(git("remote", "get-url", "origin")).strip()
    except ProcessExecutionError:
        pass
    return str(CHECKOUT)


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
        answers = yaml.safe_load(options.data_file.read_text("utf-8"))
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
    except UserMessageError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
