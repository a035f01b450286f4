"""All times and limits that converge works with."""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta

import msgspec

from shared.domain.resources.kinds import Kind, Step


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Times and limits of converge.

    ``lease``: how long one worker may act on a record before another takes over. It must be well
    above the longest time of one step (``call_deadline``: three calls of 25 s), because no step
    starts that could end after the lease.
    ``poll``: the time between two observations of something in progress.
    ``doubt``: how long a call may still be carried out after we stopped waiting for its answer: two
    minutes, and one more because instances' clocks differ.
    ``stuck``: how long an operation may take (Terraform allows 40 minutes for a create).
    ``stuck_copy``: the same for steps that copy a disk: the first snapshot of a large disk may take
    hours. ``given_up``: how long after that a change may still take effect.
    ``shortage``: how long a zone without capacity is not tried, for all people.
    ``creations``: how many notebooks may be created at once; the others wait for their turn.
    ``ask_first``, ``ask_again``: when to check whether a new notebook's owner has consented.
    ``access_late``: if access has not ended so long after a leave, it is reported.
    ``announce_again``: when to publish again after Pub/Sub failed. ``scan_again``: when to repeat
    the final search after it failed. ``list_above``: up to this number of running operations, the
    tick checks each one; if there are more, it reads one listing.
    ``unknown_grace``, ``unknown_keep``: the grace period of a leaver whose record was lost, and how
    long their snapshot is kept.
    ``backoff_first``, ``backoff_most``: the wait after the first failure, and the longest one.
    ``named_most``: a longer wait that the cloud asks for is cut to this.
    ``attempts``: after so many failures in a row a resource is quarantined, and tried again only
    after the times in ``quarantine``.
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

        Doubles from ``backoff_first`` up to ``backoff_most``, then follows ``quarantine``. The
        jitter (up to a quarter less) prevents that all people who failed together are tried again
        together. It is computed from ``seed``, so that a simulation can be repeated.
        """
        if attempts >= self.attempts:
            step = min(attempts - self.attempts, len(self.quarantine) - 1)
            wait = self.quarantine[step]
        else:
            wait = min(self.backoff_first * 2 ** max(attempts - 1, 0), self.backoff_most)
        return wait * (1 - _spread(f"{seed}#{attempts}") / 4)

    def named(self, seconds: float, attempts: int, seed: str) -> timedelta:
        """How long to wait when the cloud asked for so many ``seconds``.

        Not less than asked for (at most ``named_most``), and up to a quarter more: calls that were
        rejected together were given the same time, and must not be repeated together.
        """
        most = self.named_most.total_seconds()
        asked = min(max(seconds, 0.0), most) if math.isfinite(seconds) else most
        return timedelta(seconds=asked * (1 + _spread(f"{seed}#{attempts}") / 4))

    def first_question(self, key: str) -> timedelta:
        """How long after its start to check first whether a notebook's owner has consented.

        Between one and two times ``ask_first``, so that notebooks created together aren't checked
        together.
        """
        return self.ask_first * (1 + _spread(key))


def _spread(seed: str) -> float:
    """A number from 0 to 1, always the same for the same ``seed``."""
    digest = hashlib.sha256(seed.encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
