"""From a message to an intent: every default filled in, every doubt refused.

What is silent in the event comes from the message that carried it (id, publish time) and from the
profiles. A leave asks nothing of the profiles: whatever state those are in, people can leave.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from shared.domain.environment import Intent, Verb
from shared.domain.events import NativeEvent, read_event
from shared.domain.person import Person, parse_email
from shared.domain.refusals import RefusalCode, Refused

if TYPE_CHECKING:  # only a join needs profiles; most entry points never load them
    from shared.domain.profiles import ProfileSet

# Clocks differ a little; an event from further ahead would win over everything until then.
ALLOWED_SKEW = timedelta(minutes=5)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A Pub/Sub message as the entry point received it.

    ``data`` is decoded from base64 already; ``trouble`` says why it could not be, or ''.
    """

    id: str
    topic: str
    published_at: datetime
    data: bytes
    trouble: str = ""


def to_intent(
    message: Message,
    verb: Verb,
    *,
    now: datetime,
    allowed_domains: Collection[str],
    profiles: Callable[[], ProfileSet],
) -> Intent:
    """The intent of ``message``, or ``Refused``. ``profiles`` is called for joins only."""
    if message.trouble:
        raise Refused(RefusalCode.NOT_JSON, message.trouble)
    event = read_event(message.data)
    email = parse_email(event.email, allowed_domains=allowed_domains)
    for name in ("occurred_at", "effective_at"):
        _check_year(name, getattr(event, name))
    occurred_at = event.occurred_at or message.published_at
    if occurred_at > now + ALLOWED_SKEW:
        raise Refused(
            RefusalCode.FROM_THE_FUTURE,
            f"occurred_at: {occurred_at.isoformat()} is in the future and would win over every "
            "later event; for something that is to happen later send effective_at",
        )
    profile, grace_seconds = "", 0
    if verb is Verb.JOIN:
        profile, grace_seconds = _profile_of(event, email, profiles())
    return Intent(
        verb=verb,
        event_id=event.event_id or message.id,
        source=f"pubsub:{message.topic}",
        occurred_at=occurred_at,
        person=_person_of(event, email),
        profile=profile,
        grace_seconds=grace_seconds,
        effective_at=event.effective_at,
        immediate=event.immediate and verb is Verb.LEAVE,
        reason=event.reason or "",
    )


def _check_year(name: str, moment: datetime | None) -> None:
    """Beyond, it is a slip of the hand; at the ends of the calendar it isn't even a date in UTC."""
    if moment is not None and not 2000 <= moment.year < 2100:
        raise Refused(
            RefusalCode.WRONG_SHAPE, f"{name}: the year {moment.year} is not in this century"
        )


def _profile_of(event: NativeEvent, email: str, profiles: ProfileSet) -> tuple[str, int]:
    if profiles.is_group(email):
        raise Refused(
            RefusalCode.NOT_A_PERSON,
            f"email: {email!r} is a group of profiles.yaml; send one event for each member",
        )
    profile = profiles.resolve(event.profile, event.groups or ())
    return profile.name, profile.grace_seconds


def _person_of(event: NativeEvent, email: str) -> Person:
    return Person(
        email=email,
        person_id=event.person_id,
        display_name=event.display_name,
        groups=event.groups or (),
        team=event.team,
        cost_center=event.cost_center,
    )
