"""Decides whose notebook may be created now, so that at most ``limit`` are created at once.

The records are counted: each says whether its notebook is being created or waits. A claim counts
its own record as creating. If few are and nobody waited lately, the claim stands. Otherwise all
records are counted again, after the save, so that claims made at the same time count each other;
above the limit the person is queued. The tick admits those who have waited longest.
Why the limit holds: docs/decisions/2026-11-27-counted-with-the-claim.md.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from shared.domain.policy import Policy
from shared.domain.reconciliation.context import Turn
from shared.ports import Claimed, Clock, Crowd, EnvironmentStore

# How long people are queued without another count after one that found no free place. A creation
# takes longer than this, so the places are mostly still taken.
_FRESH = timedelta(seconds=30)
# If somebody waited within this time, there may be a queue. Waiting is noted at each admission from
# the queue; the next admission comes at the latest when a stuck creation no longer counts.
_LATELY = Policy().stuck + timedelta(minutes=5)
_TENTH = 10


class Admission:
    """``limit``: how many notebooks may be created at the same time, by all processes together.

    It can be exceeded by a tenth of it at most, rounded down. Safe to share between threads.
    """

    def __init__(self, *, store: EnvironmentStore, clock: Clock, limit: int) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._few = max(1, limit // _TENTH)
        self._lock = threading.Lock()
        self._full_at: datetime | None = None

    def take(self) -> Turn:
        """Whether a person who isn't queued may be admitted, without a call to the store.

        ``PROVISIONAL``: if ``confirm`` agrees after the claim was saved.
        """
        now = self._clock.now()
        with self._lock:
            is_full = self._full_at is not None and timedelta() <= now - self._full_at < _FRESH
            return Turn.LATER if is_full else Turn.PROVISIONAL

    def confirm(self, claimed: Claimed) -> bool:
        """Whether the claim that was just saved stands.

        False: there are too many, or others wait already; the person is then queued. Makes no call
        if few notebooks are being created and nobody waited lately; otherwise one, or two if the
        stored count was wrong.
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
        """How many notebooks are being created, and how many people wait; one call to the store."""
        return self._store.creating()

    def turns(self, *, earlier: Crowd | None = None, waited: int = 0, done: int = 0) -> int:
        """How many waiting people may be admitted now; one call to the store.

        ``done``: how many notebooks are ready although their records still count as creating;
        their places are free as well. ``earlier``: the counts before those records were read;
        ``waited``: how many people who waited then still waited when their records were read.
        """
        free = self._limit - self._store.creating().creating
        if earlier is not None and done:
            # Records in ``done`` may have been updated before the count just made, which then
            # doesn't have them: adding ``done`` to it would free their places twice. The earlier
            # count has all of them, but lacks the people who were admitted since: those who no
            # longer wait, as nobody else is admitted while there is a queue.
            admitted = max(earlier.waiting - waited, 0)
            reused = self._limit - earlier.creating - admitted + done
            free = max(free, min(reused, waited))
        return max(free, 0)

    def _are_few(self, creating: int | None) -> bool:
        """Whether the count is small; less than one is wrong, because the claim itself counts."""
        return creating is not None and 1 <= creating <= self._few


def _is_lately(waited_at: datetime | None, now: datetime) -> bool:
    return waited_at is not None and now - waited_at < _LATELY
