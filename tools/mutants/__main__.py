"""``make mutants``: does a test notice each small change to the domain and the services?

Exit code 0: all mutants are noticed, or explained in ``explained.toml``; 1: some survived without;
2: it could not be found out.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.mutants.explained import outdated, read_explained
from tools.mutants.report import report
from tools.mutants.run import Run, collect_and
from tools.mutants.selection import all_mutants, changed_since, sample

_TESTS = ("tests/unit", "tests/stateful")
_HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; see the module."""
    options = _options(arguments)
    os.chdir(options.root)
    mutants = all_mutants(options.root)
    explained = read_explained(options.explained)
    if gone := outdated(explained, mutants):
        for file, function, before, *_ in gone:
            print(f"{file} {function}: no such mutant any more:\n  {before}", file=sys.stderr)
        print(f"remove these entries from {options.explained}", file=sys.stderr)
        return 2
    if options.only:
        mutants = [mutant for mutant in mutants if mutant.file in options.only]
        if unknown := set(options.only) - {mutant.file for mutant in mutants}:
            print(f"no mutants in {', '.join(sorted(unknown))}", file=sys.stderr)
            return 2
    if options.since:
        mutants = changed_since(mutants, options.root, options.since)
        print(f"{len(mutants)} mutants of lines changed since {options.since}", flush=True)
    if options.count:
        mutants = sample(mutants, options.count, options.seed)
    run = Run(mutants, options.root, options.jobs)
    collect_and(run, options.tests)
    code = report(run.verdicts, explained, entries=options.entries)
    if run.failed:
        failed = "\n".join(run.failed)
        print(f"\nleft out, since they fail on the code as it is:\n{failed}", file=sys.stderr)
        return 2
    return code


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=0, help="a sample of so many; 0: all")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--since", default="", help="only lines changed since this commit")
    parser.add_argument("--only", nargs="*", default=[], help="only these files")
    parser.add_argument("--tests", nargs="*", default=_TESTS, help="only these tests")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at the same time")
    parser.add_argument("--root", type=Path, default=_HERE.parents[1], help="of the repository")
    parser.add_argument("--explained", type=Path, default=_HERE / "explained.toml")
    parser.add_argument("--entries", action="store_true", help="print entries for explained.toml")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
