"""Measures how long a join takes until all is ready, and a leave until access has ended. Pure.

Both start when the event took effect here (``Status.unmet_since``): when it was accepted or, if it
was scheduled, at its ``effective_at``. The delay of its delivery is measured separately
(``services.intake``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from shared.domain.commands.intent import Intent, Verb
from shared.domain.environment import Environment
from shared.domain.policy import Policy
from shared.domain.reconciliation.access import has_no_access
from shared.domain.resources.kinds import Goal
from shared.domain.status import Phase


def unmet_since(before: Environment, intent: Intent, at: datetime) -> datetime | None:
    """The new ``Status.unmet_since`` when ``intent`` takes effect ``at`` that time.

    A repeated join keeps the earlier time if the first one is not ready yet. A repeated leave
    changes nothing.
    """
    again = before.events.in_force is not None and before.events.in_force.verb is intent.verb
    if again and (intent.verb is Verb.LEAVE or before.status.unmet_since is not None):
        return before.status.unmet_since
    return at


def seconds_between(since: datetime, now: datetime) -> float:
    """The seconds from ``since`` to ``now``; not negative, although clocks differ a little."""
    return max(0.0, (now - since).total_seconds())


def fulfilled(
    environment: Environment, goals: Mapping[str, Goal], now: datetime, *, unsearched: bool
) -> tuple[Environment, float | None]:
    """The record without ``unmet_since`` and the seconds since then, once its event is carried out.

    The unchanged record and None if it is not: a join is not ready, access has not ended, or
    nothing was measured. ``unsearched``: the final search failed. If no join of a leaver is known,
    only that search shows what they have.
    """
    since = environment.status.unmet_since
    if environment.leaving:
        unknown = unsearched and environment.events.joined is None
        met = not unknown and has_no_access(environment, goals)
    else:
        met = environment.status.phase is Phase.READY
    if since is None or not met:
        return environment, None
    status = replace(environment.status, unmet_since=None)
    return replace(environment, status=status), seconds_between(since, now)


def late_access(environment: Environment, now: datetime, policy: Policy) -> float | None:
    """How many seconds a leaver has had access after the leave; None up to ``access_late``."""
    since = environment.status.unmet_since
    if not environment.leaving or since is None or now - since <= policy.access_late:
        return None
    return seconds_between(since, now)
