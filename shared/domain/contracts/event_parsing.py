"""Makes an intent or an admin command of a message, with all defaults filled in.

Defaults come from the Pub/Sub message (id, publish time) and from the profiles. A leave does not
read the profiles: people must be able to leave even if the profiles are invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from shared.domain.commands.admin_action import AdminAction
from shared.domain.commands.admin_commands import AdminCommand
from shared.domain.commands.holds import ALL
from shared.domain.commands.intent import Intent, Verb
from shared.domain.contracts.bulk_retry import BulkRetry
from shared.domain.contracts.inbound_events import AdminEvent, NativeEvent, read_event, read_typed
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.people.person import Person, parse_email

if TYPE_CHECKING:  # only a join needs profiles; most entry points never load them
    from shared.domain.profiles import Profile, ProfileSet

# For clocks that differ. An event further in the future would override every event until then.
ALLOWED_SKEW = timedelta(minutes=5)


_AT_ONCE = "a command takes effect when it arrives: send it then"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A Pub/Sub message as the entry point received it.

    ``data`` is decoded from base64; ``trouble`` says why that failed, or ''.
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
    """The intent in ``message``; raises ``Rejected``. ``profiles`` is called for joins only.

    A join must be for an allowed domain. A leave may be for another one if the person has a record,
    which the caller checks.
    """
    if message.trouble:
        raise Rejected(RejectionCode.NOT_JSON, message.trouble)
    event = read_event(message.data)
    email = parse_email(event.email, allowed_domains=allowed_domains if verb is Verb.JOIN else None)
    if event.immediate and verb is Verb.JOIN:
        raise Rejected(
            RejectionCode.WRONG_SHAPE,
            "immediate: belongs in a leave; publish the leave on topic offboarding, or send the "
            "join without it",
        )
    _check_year("effective_at", event.effective_at)
    occurred_at = _occurred_at(
        event.occurred_at, message, now, "for something that is to happen later send effective_at"
    )
    profile: Profile | None = None
    if verb is Verb.JOIN:
        profile = _profile_of(event, email, profiles())
    previous_email = ""
    if event.previous_email is not None:
        previous_email = _former_address(event.previous_email, email, verb)
    return Intent(
        verb=verb,
        event_id=event.event_id or message.id,
        source=_source(message, event.source),
        occurred_at=occurred_at,
        person=_person_of(event, email, verb),
        profile=profile.name if profile else "",
        grace_seconds=profile.grace_seconds if profile else 0,
        keep_seconds=profile.keep_seconds if profile else 0,
        effective_at=event.effective_at,
        immediate=event.immediate,
        reason=event.reason or "",
        previous_email=previous_email,
    )


def to_command(message: Message, *, now: datetime) -> AdminCommand | BulkRetry:
    """The admin command in ``message``, about one person or a problem; raises ``Rejected``.

    The domain may be any: every person who has a record can be held and released.
    """
    if message.trouble:
        raise Rejected(RejectionCode.NOT_JSON, message.trouble)
    event = read_typed(message.data, AdminEvent)
    if event.problem:
        return _bulk_retry(event, event.problem, message, now)
    if event.after:
        raise Rejected(
            RejectionCode.WRONG_SHAPE, "after: is for a retry with a problem; leave it out"
        )
    if not (event.email or event.person_id or event.key):
        raise Rejected(
            RejectionCode.WRONG_SHAPE,
            "email: is missing; send the email, the person_id or the key of the person",
        )
    command = AdminCommand(
        action=event.action,
        event_id=event.event_id or message.id,
        source=_source(message, event.source),
        occurred_at=_occurred_at(event.occurred_at, message, now, _AT_ONCE),
        reason=event.reason,
        email=parse_email(event.email) if event.email else "",
        person_id=event.person_id or "",
        key=event.key or "",
        by=event.by or "",
        hold=(event.hold or "").strip(),
    )
    _check_hold(command)
    return command


def _bulk_retry(event: AdminEvent, problem: str, message: Message, now: datetime) -> BulkRetry:
    if event.action is not AdminAction.RETRY:
        raise Rejected(
            RejectionCode.WRONG_SHAPE,
            f"problem: is for retry; a {event.action} is for one person: leave it out, and send "
            "the email, the person_id or the key of the person",
        )
    given = [name for name in ("email", "person_id", "key", "hold") if getattr(event, name)]
    if given:
        raise Rejected(
            RejectionCode.WRONG_SHAPE,
            f"problem: a retry with it is for everybody whose record shows the problem; leave out "
            f"{', '.join(given)}, or leave out the problem to retry one person",
        )
    return BulkRetry(
        problem=problem,
        event_id=event.event_id or message.id,
        sender=event.source or "",
        occurred_at=_occurred_at(event.occurred_at, message, now, _AT_ONCE),
        reason=event.reason,
        by=event.by or "",
        after=event.after or "",
    )


def _check_hold(command: AdminCommand) -> None:
    if command.action in (AdminAction.RETRY, AdminAction.RECREATE) and command.hold:
        raise Rejected(
            RejectionCode.WRONG_SHAPE,
            f"hold: is for hold and release; a {command.action} lifts none, leave it out",
        )
    if command.action is AdminAction.HOLD and (command.hold or command.event_id) == ALL:
        raise Rejected(
            RejectionCode.WRONG_SHAPE,
            f"hold: {ALL!r} is what a release says to lift every hold; give this one another id",
        )


def _source(message: Message, given: str | None) -> str:
    """The sender, within which ids are unique; with the topic, for a sender may use several."""
    return f"pubsub:{message.topic}/{given}" if given else f"pubsub:{message.topic}"


def _occurred_at(given: datetime | None, message: Message, now: datetime, advice: str) -> datetime:
    """When the event happened. ``advice``: what to do instead of sending a future time."""
    _check_year("occurred_at", given)
    occurred_at = given or message.published_at
    if occurred_at > now + ALLOWED_SKEW:
        raise Rejected(
            RejectionCode.FROM_THE_FUTURE,
            f"occurred_at: {occurred_at.isoformat()} is in the future and would override "
            f"everything until then; {advice}",
        )
    return occurred_at


def _former_address(text: str, email: str, verb: Verb) -> str:
    if verb is not Verb.JOIN:
        raise Rejected(
            RejectionCode.WRONG_SHAPE,
            "previous_email: belongs in the join of the new address, on topic onboarding",
        )
    try:
        former = parse_email(text)
    except Rejected as rejected:
        message = rejected.message.replace("email:", "previous_email:", 1)
        raise Rejected(rejected.code, message) from rejected
    if former == email:
        raise Rejected(
            RejectionCode.WRONG_SHAPE, "previous_email: is the same as email; leave it out"
        )
    return former


def _check_year(name: str, moment: datetime | None) -> None:
    """Reject years that must be typing errors; times in year 1 or 9999 may not exist in UTC."""
    if moment is not None and not 2000 <= moment.year < 2100:
        raise Rejected(
            RejectionCode.WRONG_SHAPE, f"{name}: the year {moment.year} is not in this century"
        )


def _profile_of(event: NativeEvent, email: str, profiles: ProfileSet) -> Profile:
    if profiles.is_group(email):
        raise Rejected(
            RejectionCode.NOT_A_PERSON,
            f"email: {email!r} is a group of profiles.yaml; send one event for each member",
        )
    return profiles.resolve(event.profile, event.groups or ())


def _person_of(event: NativeEvent, email: str, verb: Verb) -> Person:
    """The person in the event. Of a leave, only the fields that identify them are stored."""
    if verb is Verb.LEAVE:
        return Person(email=email, person_id=event.person_id)
    return Person(
        email=email,
        person_id=event.person_id,
        display_name=event.display_name,
        groups=event.groups or (),
        team=event.team,
        cost_center=event.cost_center,
    )
