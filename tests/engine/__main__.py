"""Use the engine by hand: `python -m tests.engine up`, or `… run -- COMMAND` for one command."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from . import EngineUnavailable, engine
from .bases import BASES


def main() -> int:
    """Return the exit code: that of the command run, 1 without an engine."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine")
    actions = parser.add_subparsers(dest="action", required=True)
    up = actions.add_parser("up", help="keep an engine until Ctrl-C and print what to export")
    up.add_argument("base", nargs="*", help="base images to load first")
    run = actions.add_parser("run", help="run a command beside an engine with all base images")
    run.add_argument("command", nargs="+")
    options = parser.parse_args()
    try:
        with engine() as found:
            with ThreadPoolExecutor() as pool:
                list(pool.map(found.base, BASES if options.action == "run" else options.base))
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
            if options.action == "run":
                return subprocess.run(options.command, env=os.environ | found.env).returncode
            for name, value in found.env.items():
                print(f"export {name}={shlex.quote(value)}", flush=True)
            with suppress(KeyboardInterrupt):
                signal.pause()
            return 0
    except (EngineUnavailable, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
