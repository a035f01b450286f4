"""The leaving record: what a person had when they left, and what happened to each resource.

Kept in the record, so that it is written in the same commit as the deed it tells of, and stays
when the environment is gone. It is evidence: nothing decides by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.domain.resources.kinds import Step

_MOST_LEAVINGS = 5  # a record is one document; the oldest departure is dropped
_MOST_FINDINGS = 50


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One step: when it was begun, as which operation, when it ended, and what was there then.

    ``operation`` is Google's name of it; '' for what is done at once; of many, some, and how many
    more. ``outcome``: the state it led to, or why it failed; '' while it is under way.
    """

    step: Step
    about: str
    begun_at: datetime
    operation: str = ""
    ended_at: datetime | None = None
    outcome: str = ""


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """Something the person had: ``kind/slot``, its full name, its state when first looked at."""

    about: str
    name: str
    state: str


class InventoryResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a search for everything of a person, as ``kind: name (why)``.

    Of very many, the last line says how many more there are.
    """

    at: datetime
    leftovers: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


class OffboardingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One departure, from the leave taking effect to the last look.

    ``removal_at``: when the grace period was to end. ``had``: what existed; ``had_more``: how many
    things besides, at least. ``deeds``: the steps; ``deeds_left_out``: how many more there were,
    those about sessions and clusters being left out first. ``scan``: the final look for leftovers.
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
    """``leavings`` with a new one, the oldest dropped where there are too many."""
    return (*leavings, leaving)[-_MOST_LEAVINGS:]


def current(leavings: Sequence[OffboardingRecord]) -> OffboardingRecord | None:
    """The departure that is going on, if one is."""
    last = leavings[-1] if leavings else None
    return last if last is not None and last.returned_at is None else None


def amended(
    leavings: Sequence[OffboardingRecord], leaving: OffboardingRecord
) -> tuple[OffboardingRecord, ...]:
    """``leavings`` with the current one as ``leaving``."""
    return (*leavings[:-1], leaving)


def inventory_result(
    at: datetime, leftovers: Sequence[str], kept: Sequence[str]
) -> InventoryResult:
    """What the search found, as much of it as a record can hold."""
    return InventoryResult(at=at, leftovers=_shortened(leftovers), kept=_shortened(kept))


def _shortened(lines: Sequence[str]) -> tuple[str, ...]:
    left_out = len(lines) - _MOST_FINDINGS
    return (*lines[:_MOST_FINDINGS], f"and {left_out} more") if left_out > 0 else tuple(lines)
