"""The leaving record: what a person had when they left, and what was done with each resource.

It is part of the person's record, so that it is written in the same commit as the change that it
describes, and is kept after the removal. It is evidence for people: no step depends on its content.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.domain.resources.kinds import Step

_MOST_LEAVINGS = 5  # a record is one document; the oldest departure is dropped
_MOST_FINDINGS = 50


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One step: when it began and ended, as which operation, and its outcome.

    ``operation``: Google's name of it; '' for a step without one. Of very many, the first ones and
    the number of the others. ``outcome``: the state after the step, or why it failed; '' while it
    is in progress.
    """

    step: Step
    about: str
    begun_at: datetime
    operation: str = ""
    ended_at: datetime | None = None
    outcome: str = ""


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """Something the person had: ``kind/slot``, its full name, its state when first observed."""

    about: str
    name: str
    state: str


class InventoryResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the final search; each line is ``kind: name (why)``.

    If there are too many lines, the last one says how many others there are.
    """

    at: datetime
    leftovers: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


class OffboardingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One departure, from the time when the leave took effect to the final search.

    ``removal_at``: the end of the grace period. ``had``: what existed; ``had_more``: how many other
    things, at least. ``deeds``: the steps; ``deeds_left_out``: how many others there were (steps
    about sessions and clusters are left out first). ``scan``: the result of the final search.
    ``completed_at``: when everything was gone; ``returned_at``: when the person came back instead.
    """

    event_id: str
    source: str
    occurred_at: datetime
    left_at: datetime
    removal_at: datetime
    immediate: bool = False
    reason: str = ""
    had: tuple[Thing, ...] = ()
    deeds: tuple[StepRecord, ...] = ()
    snapshots: tuple[str, ...] = ()
    had_more: int = 0
    deeds_left_out: int = 0
    scan: InventoryResult | None = None
    completed_at: datetime | None = None
    returned_at: datetime | None = None


def opened(
    leavings: Sequence[OffboardingRecord], leaving: OffboardingRecord
) -> tuple[OffboardingRecord, ...]:
    """``leavings`` with ``leaving`` added; the oldest is dropped if there are too many."""
    return (*leavings, leaving)[-_MOST_LEAVINGS:]


def current(leavings: Sequence[OffboardingRecord]) -> OffboardingRecord | None:
    """The current departure, if there is one: the last, unless the person has returned."""
    last = leavings[-1] if leavings else None
    return last if last is not None and last.returned_at is None else None


def amended(
    leavings: Sequence[OffboardingRecord], leaving: OffboardingRecord
) -> tuple[OffboardingRecord, ...]:
    """``leavings`` with the last one replaced by ``leaving``."""
    return (*leavings[:-1], leaving)


def inventory_result(
    at: datetime, leftovers: Sequence[str], kept: Sequence[str]
) -> InventoryResult:
    """The result of a search, shortened to what a record can hold."""
    return InventoryResult(at=at, leftovers=_shortened(leftovers), kept=_shortened(kept))


def _shortened(lines: Sequence[str]) -> tuple[str, ...]:
    left_out = len(lines) - _MOST_FINDINGS
    return (*lines[:_MOST_FINDINGS], f"and {left_out} more") if left_out > 0 else tuple(lines)
