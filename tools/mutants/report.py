"""What survived, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from tools.mutants.explained import Identity, as_entry
from tools.mutants.suite import Verdict


def report(
    verdicts: Sequence[Verdict], explained: Collection[Identity], *, entries: bool = False
) -> int:
    """Print what survived, and a line for each module; the exit code."""
    verdicts = sorted(verdicts, key=lambda v: (v.mutant.file, v.mutant.line))
    unexplained, killed_all_the_same = 0, 0
    for verdict in verdicts:
        mutant = verdict.mutant
        if not verdict.killer and mutant.identity not in explained:
            unexplained += 1
            reach = f"{verdict.tests} tests reach it" if verdict.tests else "no test reaches it"
            print(f"\n{mutant.file}:{mutant.line} {mutant.kind}; {reach}\n{mutant.diff}")
            if entries:
                print(as_entry(mutant))
        if verdict.killer and mutant.identity in explained:
            killed_all_the_same += 1
            print(f"\n{mutant.file}:{mutant.line} is explained, but {verdict.killer} notices it")
    made = Counter(verdict.mutant.file for verdict in verdicts)
    lived = Counter(verdict.mutant.file for verdict in verdicts if not verdict.killer)
    print("\nmodule, mutants, survivors")
    for file, count in sorted(made.items()):
        print(f"{file:36}{count:5}{lived[file]:5}")
    of_these = f"{lived.total() - unexplained} of these explained"
    print(f"{len(verdicts)} mutants, {lived.total()} survived, {of_these}")
    return 1 if unexplained or killed_all_the_same else 0
