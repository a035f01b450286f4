"""Compares what the functions needed in a whole run of the tests with what they are granted.

``python -m tools.permissions DIRECTORY`` after a run with ``NEEDS_DIR=DIRECTORY``: exit 1 if a
function needed something that no grant of `infra/grants.yaml` gives it, or if none of a grant's
functions needed a permission of it. Of a part of the tests the second would say nothing.

``python -m tools.permissions --write`` brings the tables of docs/permissions.md up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from local.iam.needs import Needed, read
from local.stack.deployment import Grant, grants
from local.stack.emulators import find_emulator
from tools.permission_tables import PAGE, with_tables

# What one of them needs, any of them may come to need: which one takes a step is chance.
CONVERGING = ("onboard", "offboard", "admin", "converge")


def lacking(needs: Iterable[Needed], given: Iterable[Grant]) -> list[str]:
    """What an account needed and has not; a sentence each."""
    given = list(given)
    return [
        f"{need.account} needs {need.permission} on {need.place}, and no grant gives it"
        for need in sorted(needs)
        if not any(_covers(grant, need) for grant in given)
    ]


def exceeding(needs: Iterable[Needed], given: Iterable[Grant]) -> list[str]:
    """What is granted and was not needed by those who have it; a sentence each."""
    needs = list(needs)
    found = []
    for grant in given:
        needed = {(n.account, n.permission) for n in needs if _covers(grant, n)}
        for functions in _alike(grant):
            names = ", ".join(functions)
            found += [
                f"{grant.name} grants {permission}, and {names} did not need it"
                for permission in grant.permissions
                if not any((function, permission) in needed for function in functions)
            ]
    return found


def _alike(grant: Grant) -> list[list[str]]:
    """The functions of a grant: those that run the same steps together, any other by itself."""
    together = [name for name in grant.functions if name in CONVERGING]
    alone = [[name] for name in grant.functions if name not in CONVERGING]
    return [*([together] if together else []), *alone]


def _covers(grant: Grant, need: Needed) -> bool:
    """Whether the need is one that this grant is for; the project has everything else in it."""
    return (
        need.account in grant.functions
        and need.permission in grant.permissions
        and grant.place in (need.place, "project")
    )


def report(directory: Path) -> tuple[list[str], str]:
    """The faults, and what was compared in one line."""
    needs, given = read(directory), grants()
    if not needs:
        return [f"no need was noted in {directory}"], ""
    left_out = ""
    emulator = find_emulator("cloud-firestore-emulator")
    if isinstance(emulator, str) and not any(need.place == "database" for need in needs):
        given = [grant for grant in given if grant.place != "database"]
        left_out = f"; Firestore's not judged, emulator {emulator}"
    faults = lacking(needs, given) + exceeding(needs, given)
    count = sum(len(grant.permissions) for grant in given)
    accounts = len({need.account for need in needs})
    return faults, (
        f"permissions: {len(needs)} needs of {accounts} accounts all granted, "
        f"{count} permissions in {len(given)} grants all needed{left_out}"
    )


def main() -> int:
    """Exit 1 with every difference on a line of its own."""
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    faults, line = report(Path(sys.argv[1]))
    print("\n".join(f"permissions: {fault}" for fault in faults) if faults else line)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
