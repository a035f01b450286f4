"""All mutants there are, a sample of them, and those of the lines changed since a commit."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.mutants.changes import Mutant, enum_members, mutants_of

_PACKAGES = ("commands", "contracts", "people", "projections", "reconciliation", "resources")
_MODULES = (
    "shared/domain/*.py",
    *(f"shared/domain/{package}/*.py" for package in _PACKAGES),
    "shared/services/*.py",
)


def all_mutants(root: Path) -> list[Mutant]:
    """Every mutant of the domain and the services, module by module."""
    enums = enum_members([path.read_text() for path in sorted(root.glob("shared/**/*.py"))])
    found = []
    for path in sorted(path for pattern in _MODULES for path in root.glob(pattern)):
        found += mutants_of(str(path.relative_to(root)), path.read_text(), enums)
    return found


def sample(mutants: Sequence[Mutant], size: int, seed: int) -> list[Mutant]:
    """``size`` of them, as evenly spread over the modules as there are any; the same for a seed."""
    by_file: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_file.setdefault(mutant.file, []).append(mutant)
    for file, own in by_file.items():
        random.Random(f"{seed}:{file}").shuffle(own)
    chosen: list[Mutant] = []
    while len(chosen) < min(size, len(mutants)):
        for own in by_file.values():
            if own and len(chosen) < size:
                chosen.append(own.pop())
    return sorted(chosen, key=mutants.index)


def changed_since(mutants: Sequence[Mutant], root: Path, revision: str) -> list[Mutant]:
    """Those of ``mutants`` that are in lines changed since ``revision``, apart from white space.

    Raises ``subprocess.CalledProcessError`` if git doesn't know the revision.
    """
    command = ["git", "diff", "--ignore-all-space", "--unified=0", revision, "--", *_MODULES]
    answer = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    lines: dict[str, set[int]] = {}
    file = ""
    for line in answer.stdout.splitlines():
        if line.startswith("+++ "):
            file = line.removeprefix("+++ b/")
        elif found := re.match(r"@@ -\S+ [+](\d+)(?:,(\d+))? @@", line):
            first, count = int(found[1]), int(found[2] or 1)
            lines.setdefault(file, set()).update(range(first, first + count))
    return [mutant for mutant in mutants if mutant.line in lines.get(mutant.file, ())]
