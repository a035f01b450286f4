"""What can be said of a queue from what was written down: crowding, and who overtook whom. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate


@dataclass(frozen=True)
class Arrival:
    """Somebody whose event was being handled from ``began`` to ``ended``."""

    who: str
    began: datetime
    ended: datetime


def most_at_once(spans: Iterable[tuple[datetime, datetime]]) -> int:
    """How many of ``spans`` (begin, end) there were at the worst moment; an end makes room."""
    changes = sorted(
        change for begin, end in spans for change in ((begin, True, 1), (end, False, -1))
    )
    return max(accumulate(step for _, _, step in changes), default=0)


def rounds(moments: Mapping[str, datetime], ticks: Sequence[datetime]) -> dict[str, int]:
    """In which tick each moment fell, 0 before the first; ``ticks`` is when each began."""
    return {who: bisect_right(ticks, moment) for who, moment in moments.items()}


def ahead(arrivals: Iterable[Arrival], served: Mapping[str, int]) -> list[str]:
    """Who was served in an earlier round than somebody who arrived before them.

    Those whose events were handled at the same time have no order. Who was never served at all was
    passed by everybody behind them.
    """
    never = max(served.values(), default=0) + 1
    ordered = sorted(arrivals, key=lambda arrival: arrival.ended)
    ends = [arrival.ended for arrival in ordered]
    latest_up_to = [-1, *accumulate((served.get(each.who, never) for each in ordered), max)]
    return [
        arrival.who
        for arrival in ordered
        if latest_up_to[bisect_left(ends, arrival.began)] > served.get(arrival.who, never)
    ]
