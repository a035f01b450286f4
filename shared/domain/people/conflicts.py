"""What an event says of an address that contradicts what is known, and what to do then. Pure."""

from __future__ import annotations

from datetime import datetime

from shared.domain.commands.intent import Intent, Verb
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.environment import Environment

_GIVEN_AWAY = (
    "if the address was given to somebody else, first send the leave of the person who had it"
)


def shown(record: Environment) -> str:
    """``record`` as the reason of a rejection names it."""
    person = record.person
    return f"{person.email} (person_id {person.person_id or 'unknown'}, record {record.key})"


def contradicting_id(
    owner: Environment, intent: Intent, email: str, of_id: Environment | None
) -> Rejected:
    """The person id of ``intent`` is not that of ``owner``, who has the address ``email``.

    ``of_id``: the record of the person with that id; None if there is none.
    """
    said = f"the event says {intent.person.person_id!r}"
    if of_id is not None and of_id.key != owner.key:
        said += f", the id of {shown(of_id)}"
    at = intent.occurred_at
    since = _later(owner, email, at)
    if since is not None:
        return _conflict(
            f"person_id: {email} has been the address of {shown(owner)} since "
            f"{since.isoformat()}, which is after this event of {at.isoformat()}, and {said}",
            "Whoever had the address before needs nothing under it any more; if they are still "
            "here, send a join with the address that they have now",
        )
    if not any(a.email == email for a in owner.addresses):
        return _conflict(
            f"person_id: {email} is to be the address of {shown(owner)}{_from(owner, email)}, and "
            f"{said}",
            "Correct the address or the person_id and send the event again; or first send a join "
            f"of {owner.person.email}, which cancels that change",
        )
    return _conflict(
        f"person_id: {email} is the address of {shown(owner)}, and {said}",
        f"Correct the address or the person_id and send the event again; {_GIVEN_AWAY}",
    )


def address_taken(intent: Intent, known: Environment, other: Environment) -> Rejected:
    """The address of ``intent`` is that of ``other``, and the event is about ``known``."""
    return _conflict(
        f"email: {intent.person.email} is the address of {shown(other)}, who had it before this "
        f"event, and {shown(known)} can't have it as well",
        f"Correct the address, previous_email or person_id and send the event again; {_GIVEN_AWAY}",
    )


def address_not_yet(intent: Intent, owner: Environment) -> Rejected:
    """The address of the leave ``intent`` is to be that of ``owner``, who has another one now."""
    email = intent.person.email
    return _conflict(
        f"email: {email} is to be the address of {shown(owner)}{_from(owner, email)}, and is "
        "nobody's yet",
        f"If they leave, send the leave of {owner.person.email}",
    )


def _conflict(what: str, advice: str) -> Rejected:
    return Rejected(RejectionCode.IDENTITY_CONFLICT, f"{what}; nothing was changed. {advice}")


def _later(owner: Environment, email: str, at: datetime) -> datetime | None:
    """Since when ``owner`` has the address, if they got it only after ``at``; else None."""
    periods = [a for a in owner.addresses if a.email == email]
    if any(a.since is None or a.since <= at for a in periods):
        return None
    return min((a.since for a in periods if a.since is not None), default=None)


def _from(owner: Environment, email: str) -> str:
    """When the scheduled change to ``email`` takes effect, in words."""
    joins = (i for i in owner.scheduled if i.verb is Verb.JOIN and email in i.addresses)
    when = next((i.effective_at for i in joins if i.effective_at is not None), None)
    return f" from {when.isoformat()}" if when is not None else ""
