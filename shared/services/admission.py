"""Decides whose notebook may be created now; when many people join at once, the others queue.

The records themselves are counted: each says whether its notebook is being created or waits.
A newcomer's record is saved as being made, and counted with that save. If few are being made and
nobody has waited lately, its notebook is created. Otherwise all are counted anew: two that are
counted at the same moment see each other, since both were saved before. A person whose count
exceeds the limit is queued before the cloud is asked. The tick admits those who wait, in the order
in which they began to wait.

See docs/decisions/2026-11-27-counted-with-the-claim.md for why the limit holds.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from shared.domain.policy import Policy
from shared.domain.reconciliation.context import Turn
from shared.ports import Claimed, Clock, Crowd, EnvironmentStore

# Shorter than the creation of a notebook: those that were counted are still being created.
_FRESH = timedelta(seconds=30)
# Whenever somebody is admitted from the queue, the store notes that people wait. Places become free
# at the latest when the creations in them no longer count; the queue is not forgotten before that.
_LATELY = Policy().stuck + timedelta(minutes=5)
_TENTH = 10


class Admission:
    """``limit``: how many notebooks may be made at once, over all processes.

    It is exceeded by a tenth at the most, rounded down. Safe to share between threads.
    """

    def __init__(self, *, store: EnvironmentStore, clock: Clock, limit: int) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._few = max(1, limit // _TENTH)
        self._lock = threading.Lock()
        self._full_at: datetime | None = None

    def take(self) -> Turn:
        """Whether a person who isn't in the queue may be admitted; makes no call."""
        now = self._clock.now()
        with self._lock:
            is_full = self._full_at is not None and timedelta() <= now - self._full_at < _FRESH
            return Turn.LATER if is_full else Turn.PROVISIONAL

    def confirm(self, claimed: Claimed) -> bool:
        """Whether the claim that was just saved stands; in a crowd, one call to the store.

        False: there are too many with it, or others were waiting before. Then it is to be taken
        back, and its person queues. One more call where the count of the claims was wrong.
        """
        now = self._clock.now()
        if self._are_few(claimed.creating) and not _is_lately(claimed.waited_at, now):
            return True
        crowd = self._store.creating()
        stands = crowd.creating <= self._limit and not crowd.waiting
        with self._lock:
            self._full_at = None if stands else now
        is_wrong = claimed.creating is not None and not self._are_few(claimed.creating)
        if is_wrong and stands and self._are_few(crowd.creating):
            self._store.recount(claimed, crowd.creating)
        return stands

    def crowd(self) -> Crowd:
        """How many are being made, and how many wait; one call to the store."""
        return self._store.creating()

    def turns(self, *, earlier: Crowd | None = None, waited: int = 0, done: int = 0) -> int:
        """How many of those who wait may be let in now; one call to the store.

        ``done``: the notebooks that are ready, though their records still count as being made.
        ``earlier``: the crowd before those records were read; ``waited``: how many of those who
        waited then still did when they were read. Without them only what is free for certain.
        """
        free = self._limit - self._store.creating().creating
        if earlier is not None and done:
            # Records in ``done`` may have been brought up to date before the count just made: it
            # would free their places twice. The earlier count has them all; it lacks those who
            # were let in since, who no longer wait. As long as somebody waits, nobody else is.
            let_in = max(earlier.waiting - waited, 0)
            handed_on = self._limit - earlier.creating - let_in + done
            free = max(free, min(handed_on, waited))
        return max(free, 0)

    def _are_few(self, creating: int | None) -> bool:
        """A count of less than one can't be right: it has the claim itself."""
        return creating is not None and 1 <= creating <= self._few


def _is_lately(waited_at: datetime | None, now: datetime) -> bool:
    return waited_at is not None and now - waited_at < _LATELY
