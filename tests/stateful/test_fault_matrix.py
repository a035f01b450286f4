"""One full life, and every remote call in it gone wrong in every way: the end is always the same.

The life is lived once without a fault to learn its calls. Then each cell of the matrix lives it
again with one fault at one call. What becomes of the error is read from the real table.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import NamedTuple

import pytest

from shared.adapters.google_api.errors import ApiError
from shared.adapters.google_api.fault_table import fault_of
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from shared.ports import Conflict, NotPublished
from tests.support.simulation.life import BEN, Life, StoreDown
from tests.support.simulation.world import Crash

STORE = ("load", "save", "find", "append", "park", "shortage")
LOOKS = ("observe", "consented", "older", "everything", "moving")
FATES = {
    "timeout before": ("before", ApiError(status="NO_ANSWER", message="scripted")),
    "timeout after": ("after", ApiError(status="NO_ANSWER", message="scripted")),
    "409": ("before", ApiError(status="ABORTED", message="scripted")),
    "429": (
        "before",
        ApiError(
            status="RESOURCE_EXHAUSTED", message="scripted", retry_after=timedelta(seconds=90)
        ),
    ),
    "500": ("after", ApiError(status="INTERNAL", message="scripted")),  # the worse of the two
    "503": ("before", ApiError(status="UNAVAILABLE", message="scripted")),
    "crash before": ("before", None),
    "crash after": ("after", None),
}


class Cell(NamedTuple):
    """The ``nth`` time that ``call`` is made, it ends in ``fate``."""

    call: str
    nth: int
    disposition: str

    def __str__(self) -> str:
        return f"{self.call} #{self.nth} {self.disposition}"

    @property
    def changes(self) -> bool:
        """Whether the call changes something in the cloud."""
        return "." in self.call and self.call.partition(".")[2] not in LOOKS

    def error(self) -> BaseException:
        """What the caller gets to see."""
        _, symptom = FATES[self.disposition]
        if symptom is None:
            return Crash(str(self))
        if self.call == "publish":
            return NotPublished(str(self))
        if self.call == "save" and symptom.status == "ABORTED":
            return Conflict(str(self))
        if self.call in STORE:
            return StoreDown(str(self))
        return fault_of(symptom, changes=self.changes)


class Fault:
    """Strikes where its cell says, once; called at every point of the life."""

    def __init__(self, cell: Cell) -> None:
        self.hits = 0
        self._cell = cell
        self._point = f"{FATES[cell.disposition][0]}:{cell.call}"
        self._seen = 0

    def __call__(self, point: str) -> None:
        self._seen += point == self._point
        if self._seen == self._cell.nth and not self.hits:
            self.hits += 1
            raise self._cell.error()


@cache
def plain_life() -> Life:
    """The life without a fault."""
    life = Life()
    life.live()
    return life


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", cells(), ids=str)


def cells() -> list[Cell]:
    """Every change in the cloud, each time; what is asked and saved all the time, the first."""
    found = []
    for point, times in sorted(plain_life().world.points.items()):
        when, _, call = point.partition(":")
        for disposition in (
            disposition for disposition, (then, _) in FATES.items() if then == when
        ):
            last = times if Cell(call, 1, disposition).changes else 1
            found += [Cell(call, nth, disposition) for nth in range(1, last + 1)]
    return found


def test_without_faults_every_call_is_made_and_the_end_is_right() -> None:
    life = plain_life()
    calls = {point.partition(":")[2] for point in life.world.points}
    assert calls >= {*STORE, "publish", "search.older", "search.everything", "census.moving"}
    steps = {call.partition(".")[2] for call in calls if call.startswith("workbench.")}
    assert steps == {
        *("create", "observe", "update", "stop", "start", "consented"),
        *("protect", "unprotect", "restore", "delete"),
    }
    assert life.end()["phases"] == [Phase.READY]
    assert (life.notebook(BEN).state, life.notebook(BEN).data) == (State.READY, "one;two;three;")
    assert {t.kind for t in life.world.cloud.alive()} == {
        *(Kind.WORKBENCH, Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE, Kind.SNAPSHOT)
    }


@pytest.mark.slow  # hundreds of lives: as long as all the tests that are not slow
def test_every_failure_has_the_same_result(cell: Cell) -> None:
    fault = Fault(cell)
    life = Life(fault)
    life.live()
    assert fault.hits, "the fault never struck, and proved nothing"
    assert life.end() == plain_life().end()
    assert life.news() == plain_life().news()
    calls = life.world.cloud.counts.copy()
    life.wait(timedelta(hours=12))
    assert life.world.cloud.counts == calls, "it is quiet"
