"""What an admin's order does to a record: hold it, release it, try again. Pure.

Orders are about the record, not about what the person should have: they never change the desired
state, and a join or leave never lifts a hold.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from shared.domain.announcements import News
from shared.domain.environment import Entry, Environment, Hold, Verdict
from shared.domain.resources import Resource
from shared.domain.ruling import Outcome, Ruling, remembered
from shared.domain.telling import announced


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An admin event, normalised. ``by``: who gave the order, as the message says, or ''."""

    verdict: Verdict
    event_id: str
    source: str
    occurred_at: datetime
    email: str
    reason: str
    by: str = ""

    @property
    def order(self) -> tuple[datetime, bool, str]:
        """Newest wins; on a tie the hold does."""
        return (self.occurred_at, self.verdict is Verdict.HOLD, self.event_id)


def carry_out(environment: Environment, order: Order, now: datetime) -> Ruling:
    """The record after ``order``, and what the history says of it."""
    # Orders and intents come from different senders, whose ids may be alike.
    known_as = f"order:{order.event_id}"
    if known_as in environment.recent:
        return Ruling(
            Outcome.DUPLICATE, environment, _entry(order, Outcome.DUPLICATE, "seen before", now)
        )
    record = remembered(environment, known_as)
    lasting = order.verdict is not Verdict.RETRY
    if lasting and record.order is not None and order.order < record.order:
        text = f"of {order.occurred_at.isoformat()} is older than what is in force"
        return Ruling(Outcome.STALE, record, _entry(order, Outcome.STALE, text, now))
    match order.verdict:
        case Verdict.HOLD:
            record = _held(record, order, now)
        case Verdict.RELEASE:
            record = _released(record, order, now)
        case Verdict.RETRY:
            record = forgiven(record, now)
        case _:
            assert_never(order.verdict)
    if lasting:
        record = replace(record, order=order.order)
    return Ruling(Outcome.APPLIED, record, _entry(order, Outcome.APPLIED, "", now))


def forgiven(environment: Environment, now: datetime) -> Environment:
    """The record with its failures forgotten: everything is looked at, and tried again, now."""
    resources = tuple(_looked_at(r, now) for r in environment.resources)
    return replace(environment, resources=resources, due_at=now)


def _looked_at(resource: Resource, now: datetime) -> Resource:
    return replace(resource, look_at=now, retry_at=None, attempts=0, tried=())


def _held(environment: Environment, order: Order, now: datetime) -> Environment:
    """Held; what is under way is looked at now, so that the notebook is protected soon."""
    if environment.held is not None:
        return replace(environment, due_at=now)  # since when, and why, is what was said first
    hold = Hold(at=now, reason=order.reason, by=order.by)
    resources = tuple(
        replace(r, look_at=now, retry_at=None) if r.kind.holds_data else r
        for r in environment.resources
    )
    environment = replace(environment, held=hold, resources=resources, due_at=now)
    return announced(environment, News.HELD, now, reason=order.reason)


def _released(environment: Environment, order: Order, now: datetime) -> Environment:
    was_held = environment.held is not None
    environment = forgiven(replace(environment, held=None), now)
    return (
        announced(environment, News.RELEASED, now, reason=order.reason) if was_held else environment
    )


def _entry(order: Order, outcome: Outcome, text: str, now: datetime) -> Entry:
    by = f" by {order.by}" if order.by else ""
    said = f"{order.verdict}{by} ({order.reason})"
    return Entry(
        at=now,
        action=f"order.{outcome}",
        text=f"{said} {text}".strip(),
        event_id=order.event_id,
    )
