"""The story itself, chapter by chapter.

Each chapter publishes events, lets time pass, and checks what it claims against the cloud.
"""

from __future__ import annotations

from demo.arrivals import everyone_gets_ready, people_join
from demo.departures import (
    grace_passes,
    one_comes_back_from_the_snapshot,
    one_returns,
    three_leave,
)
from demo.teller import Teller

_CHAPTERS = (
    people_join,
    everyone_gets_ready,
    three_leave,
    one_returns,
    grace_passes,
    one_comes_back_from_the_snapshot,
)


def tell(teller: Teller) -> None:
    """All chapters, in order."""
    for chapter in _CHAPTERS:
        chapter(teller)
