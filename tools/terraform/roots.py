"""Which directories are configurations of their own, and what none of them reaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.terraform.findings import Finding, place_of

_TESTS = "*.tftest.hcl"


def roots_below(directory: Path) -> list[Path]:
    """The directories from ``directory`` down that have versions.tf, except modules."""
    found = [file.parent for file in directory.rglob("versions.tf")]
    return sorted(root for root in found if "modules" not in root.relative_to(directory).parts)


def has_tests(root: Path) -> bool:
    return any(_tests_of(root))


def unreached(directory: Path, roots: Iterable[Path], modules: set[Path]) -> list[Finding]:
    """Terraform below ``directory`` that is in no module of a root, and tests that no root runs.

    ``modules`` are the directories, resolved, that the roots are made of.
    """
    written = {file.parent for file in directory.rglob("*.tf") if ".terraform" not in file.parts}
    run = {test for root in roots for test in _tests_of(root)}
    return [
        *(
            Finding(place_of(place), "no configuration uses it: nothing checks it")
            for place in sorted(written)
            if place.resolve() not in modules
        ),
        *(
            Finding(place_of(test), "never run: tests belong to a directory that has versions.tf")
            for test in sorted(directory.rglob(_TESTS))
            if test not in run
        ),
    ]


def _tests_of(root: Path) -> Iterator[Path]:
    yield from root.glob(_TESTS)
    yield from (root / "tests").glob(_TESTS)
