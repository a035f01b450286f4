"""The times and limits that converge works with, all in one place."""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta

import msgspec

from shared.domain.resources.kinds import Kind, Step


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Times and limits of converge.

    ``lease``: how long one worker may act on a record before another takes over. It must be well
    above what one step can take at the worst (``call_deadline``: three calls of 25 s), because no
    step is begun that could outlive the lease.
    ``poll``: how soon to look again at something under way. ``doubt``: how long after we gave up
    waiting for its answer a call may still be carried out: two minutes, and one more because
    instances' clocks differ. ``stuck``: how long an operation may
    take (a create took at most 40 minutes in Terraform's bound for it); ``stuck_copy``: the same
    for what copies a disk, since a first snapshot of a large one may take hours. ``given_up``: how
    long after that a change we no longer wait for may still take effect.
    ``shortage``: how long a zone that had no machines left is passed over for everybody.
    ``creations``: how many notebooks may be made at once; the others wait for their turn.
    ``ask_first``, ``ask_again``: when to ask whether a new notebook's owner has consented.
    ``access_late``: how long after a leave it is reported that access has not ended.
    ``announce_again``: when to offer Pub/Sub again what it didn't take. ``scan_again``: when to
    look everywhere again for what a leaver left over, if that failed. ``list_above``: how many
    running operations the tick has looked at one by one; if there are more it reads the list.
    ``unknown_grace``, ``unknown_keep``: the grace period, and how long the snapshot is kept, of a
    leaver whose record was lost. ``named_most``: the longest of the waits that the cloud asks for
    that is honoured. ``attempts``: how many failures in a row until a resource is
    quarantined, and tried only in the ``quarantine`` steps.
    """

    lease: timedelta = timedelta(seconds=180)
    call_deadline: timedelta = timedelta(seconds=80)
    poll: timedelta = timedelta(seconds=20)
    doubt: timedelta = timedelta(minutes=3)
    stuck: timedelta = timedelta(minutes=40)
    stuck_copy: timedelta = timedelta(hours=12)
    given_up: timedelta = timedelta(hours=6)
    shortage: timedelta = timedelta(minutes=30)
    creations: int = 200
    ask_first: timedelta = timedelta(hours=1)
    ask_again: timedelta = timedelta(hours=24)
    access_late: timedelta = timedelta(minutes=5)
    announce_again: timedelta = timedelta(minutes=1)
    scan_again: timedelta = timedelta(minutes=10)
    list_above: int = 100
    unknown_grace: timedelta = timedelta(days=30)
    unknown_keep: timedelta = timedelta(days=90)
    backoff_first: timedelta = timedelta(seconds=30)
    backoff_most: timedelta = timedelta(hours=1)
    named_most: timedelta = timedelta(hours=1)
    attempts: int = 8
    quarantine: tuple[timedelta, ...] = (
        timedelta(hours=6),
        timedelta(hours=12),
        timedelta(hours=24),
    )

    def patience(self, kind: Kind, step: Step | None) -> timedelta:
        """How long ``step`` of a resource of ``kind`` may take; None: a change that is not ours."""
        copies = step is Step.RESTORE or (kind is Kind.SNAPSHOT and step is not Step.DELETE)
        return self.stuck_copy if copies else self.stuck

    def backoff(self, attempts: int, seed: str) -> timedelta:
        """How long to wait after the ``attempts``-th failure in a row (1 is the first).

        Doubles from ``backoff_first`` up to ``backoff_most``, then the slow quarantine steps. The
        jitter (up to a quarter less) comes from ``seed``, so that ten thousand people who failed
        together don't come back together, and a simulation can be repeated.
        """
        if attempts >= self.attempts:
            step = min(attempts - self.attempts, len(self.quarantine) - 1)
            wait = self.quarantine[step]
        else:
            wait = min(self.backoff_first * 2 ** max(attempts - 1, 0), self.backoff_most)
        return wait * (1 - _spread(f"{seed}#{attempts}") / 4)

    def named(self, seconds: float, attempts: int, seed: str) -> timedelta:
        """How long to wait when the cloud asked for so many ``seconds``.

        Never less, but at most ``named_most``, and up to a quarter more, for the same reason as in
        ``backoff``: all calls that were refused together were given the same time.
        """
        most = self.named_most.total_seconds()
        asked = min(max(seconds, 0.0), most) if math.isfinite(seconds) else most
        return timedelta(seconds=asked * (1 + _spread(f"{seed}#{attempts}") / 4))

    def first_question(self, key: str) -> timedelta:
        """When to ask for the first time whether the owner of a new notebook has consented.

        Between one and two times ``ask_first``: notebooks created together aren't checked together.
        """
        return self.ask_first * (1 + _spread(key))


def _spread(seed: str) -> float:
    """From 0 to 1, always the same for the same seed; some 10**15 different values."""
    digest = hashlib.sha256(seed.encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
