"""`python -m benchmarks run | figures | compare OLD NEW`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import compare
from benchmarks.results import FILE, load


def main() -> int:
    """Return the exit code: 1 where a comparison finds something worse, or a step failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser("run", help="measure, and write results, tables and charts")
    run.add_argument("--rounds", type=int, default=3)
    run.add_argument("--only", default="", help="one application")
    run.add_argument("--quick", action="store_true", help="fewer contenders and rounds")
    run.add_argument("--output", type=Path)
    actions.add_parser("figures", help="write tables and charts anew from results.json")
    two = actions.add_parser("compare", help="name what got worse")
    two.add_argument("old", type=Path)
    two.add_argument("new", type=Path)
    options = parser.parse_args()
    if options.action == "compare":
        return compare.main(load(options.old), load(options.new))
    from benchmarks import figures  # drawing needs the group `bench`, comparing does not

    complete = True
    if options.action == "run":
        from benchmarks import running

        part = options.quick or options.only
        output = options.output or (FILE.with_name("part.json") if part else FILE)
        complete = running.main(options.rounds, options.only, options.quick, output)
        if output != FILE:
            print(f"Written to {output}; README.md and docs/benchmark.md keep the last whole run.")
            return 0 if complete else 1
    figures.main(load())
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
