"""Terraform offline: ``python -m tools.terraform COMMAND [DIRECTORY]``.

check      everything, for every configuration below infra/ (make infra-check)
fmt        rewrite what isn't formatted (make infra-fmt)
validate   one directory, against the provider's schemas
test       validate it, then run its tests/*.tftest.hcl with the mocked provider
checkov    one directory
install    only get the tools
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.terraform.check import check, problems_of
from tools.terraform.checkov import checkov
from tools.terraform.environment import Unavailable, python_of
from tools.terraform.findings import Finding
from tools.terraform.passed import fingerprint, passed_before, remember
from tools.terraform.site import without_site
from tools.terraform.terraform import Terraform, fmt
from tools.terraform.versions import DISTRIBUTIONS, schema_file


def main(arguments: Sequence[str]) -> int:
    """Run the command in ``arguments``; the exit code."""
    options = _parser().parse_args(arguments)
    if not options.directory.is_dir():
        print(f"{options.directory} is not a directory", file=sys.stderr)
        return 1
    try:
        return _COMMANDS[options.command](options)
    except Unavailable as reason:
        print(reason, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.terraform",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument("directory", type=Path, nargs="?", default=Path("infra"))
    parser.add_argument(
        "--schema", choices=DISTRIBUTIONS, help="only this major version of the provider"
    )
    parser.add_argument(
        "--required", action="store_true", help="check: a tool that can't be had is a failure"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(os.environ.get("TERRAFORM_CACHE", ".local")),
        help="where the tools are kept (default: $TERRAFORM_CACHE, else .local)",
    )
    return parser


def _check(options: argparse.Namespace) -> int:
    """Exit code 0 also where the tools can't be had, unless ``--required``."""
    with without_site(options.directory) as copy:
        state = fingerprint(copy.path)
        if passed_before(state, options.cache):
            print(f"{options.directory}: passed before, unchanged since")
            return 0
        outcome = check(copy.path, options.cache)
        code = _report(copy.told(outcome.findings))
    for reason, parts in outcome.skipped.items():
        print(f"{options.directory}: not checked by {', '.join(parts)}: {reason}", file=sys.stderr)
    if outcome.skipped:
        return code or int(options.required)
    if not code:
        remember(state, options.cache)
        print(f"{options.directory}: Terraform and checkov find nothing wrong")
    return code


def _validate(options: argparse.Namespace) -> int:
    return _on_each_schema(options, test=False)


def _test(options: argparse.Namespace) -> int:
    return _on_each_schema(options, test=True)


def _on_each_schema(options: argparse.Namespace, *, test: bool) -> int:
    python = python_of("terraform", options.cache)
    code = 0
    with without_site(options.directory) as copy:
        for major in [options.schema] if options.schema else DISTRIBUTIONS:
            with Terraform(python, schema_file(major, options.cache)) as core:
                found = copy.told(problems_of(core, copy.path, test=test))
            print(f"google {major}: {len(found) or 'no'} problem{'s' * (len(found) != 1)}")
            code |= _report(found)
    return code


def _fmt(options: argparse.Namespace) -> int:
    python = python_of("terraform", options.cache)
    found = fmt(python, options.directory, write=True)
    left = fmt(python, options.directory)
    for rewritten in sorted(set(found) - set(left)):
        print(f"{rewritten.place}: formatted")
    return _report(left)


def _checkov(options: argparse.Namespace) -> int:
    with without_site(options.directory) as copy:
        return _report(copy.told(checkov(python_of("checkov", options.cache), copy.path)))


def _install(options: argparse.Namespace) -> int:
    python_of("terraform", options.cache)
    for major in DISTRIBUTIONS:
        schema_file(major, options.cache)
    python_of("checkov", options.cache)
    return 0


def _report(found: Iterable[Finding]) -> int:
    findings = sorted(set(found))
    for finding in findings:
        print(finding)
    return int(bool(findings))


_COMMANDS = {
    "check": _check,
    "fmt": _fmt,
    "validate": _validate,
    "test": _test,
    "checkov": _checkov,
    "install": _install,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
