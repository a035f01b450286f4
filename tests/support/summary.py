"""Which backends the tests really ran on, printed at the end of a run.

Whoever prepares a backend notes it on the test (``ran_on`` or ``missing``). The notes travel with
the test reports, so that the summary is true under pytest-xdist too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

_BACKEND = "backend"
_MISSING = "backend missing"


def ran_on(request: pytest.FixtureRequest, backend: str) -> None:
    """Note that the requesting test uses ``backend``."""
    request.node.user_properties.append((_BACKEND, backend))


def missing(request: pytest.FixtureRequest, reason: str) -> None:
    """Note why the requesting test, about to be skipped, cannot have its backend."""
    request.node.user_properties.append((_MISSING, reason))


def lines(reports: Iterable[object]) -> Iterator[str]:
    """The summary of ``reports``; nothing when no test had anything to do with a backend."""
    used: Counter[str] = Counter()
    lacked: Counter[str] = Counter()
    for report in reports:
        if not isinstance(report, pytest.TestReport):
            continue
        notes = dict(report.user_properties)
        if report.when == "call" and not report.skipped and _BACKEND in notes:
            used[str(notes[_BACKEND])] += 1
        if report.skipped and _MISSING in notes:
            lacked[str(notes[_MISSING])] += 1
    if used:
        counts = ", ".join(f"{name} ({count} tests)" for name, count in sorted(used.items()))
        yield f"backends: {counts}"
    for reason, count in sorted(lacked.items()):
        yield f"{reason}; {count} tests on it were skipped"
