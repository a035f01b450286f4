"""The texts about intents in the history and in announcements. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.commands.intent import Intent, Verb
from shared.domain.environment import Environment


def changes_of(record: Environment, intent: Intent) -> str:
    """``; moves: profile analyst -> admin``; '' if the join changes nothing, or is the first."""
    if intent.verb is Verb.LEAVE or record.events.joined is None:
        return ""
    new, old = intent.person, record.person
    if record.leaving:
        return f"; address {old.email} -> {new.email}" if new.email != old.email else ""
    changes = [
        f"{name} {before or 'none'} -> {after or 'none'}"
        for name, before, after in (
            ("address", old.email, new.email),
            ("profile", record.terms.profile, intent.profile),
            ("team", old.team, new.team),
            ("cost centre", old.cost_center, new.cost_center),
            ("groups", ", ".join(old.groups), ", ".join(new.groups)),
        )
        if before != after
    ]
    return f"; moves: {'; '.join(changes)}" if changes else ""


def unknown_address(record: Environment, intent: Intent) -> str:
    """What an event that begins a record says of somebody who is not known; else ''.

    ``record``: before the event. An address may be misspelt.
    """
    if record.events.joined is not None or record.addresses or record.events.pending:
        return ""
    if intent.verb is Verb.LEAVE:
        return (
            f"; nobody was known as {intent.person.email}: what exists under this address is "
            "searched for. If it is misspelt, send the leave of the right address"
        )
    if intent.previous_email:
        return (
            f"; nobody was known as {intent.previous_email}, the former address: if it is "
            "misspelt, send the join again with the right one"
        )
    return ""


def listed(verb: str, intents: Sequence[Intent]) -> str:
    """``; cancels leave HR-7 of 2026-12-31T17:00:00+00:00``; '' if there are none."""
    if not intents:
        return ""
    each = [
        f"{i.verb} {i.event_id} of {i.effective_at.isoformat()}"
        for i in intents
        if i.effective_at is not None
    ]
    return f"; {verb} {', '.join(each)}"


def with_address(record: Environment, intent: Intent) -> str:
    """``, with the address eve.smith@example.com``; '' if it is the current one of the record."""
    current = record.addresses[-1].email if record.addresses else intent.person.email
    email = intent.person.email
    return f", with the address {email}" if email != current else ""


def described(intent: Intent) -> str:
    """``join as analyst (reason)``, or ``leave``."""
    because = f" ({intent.reason})" if intent.reason else ""
    with_profile = f" as {intent.profile}" if intent.profile else ""
    return f"{intent.verb}{with_profile}{because}"


def cancellation(intent: Intent, by: Intent) -> str:
    """Why a scheduled ``intent`` does not take effect."""
    assert intent.effective_at is not None, "only a scheduled event is cancelled"
    return (
        f"{described(intent)}, to take effect at {intent.effective_at.isoformat()}, is cancelled: "
        f"overtaken by {described(by)} of event {by.event_id}"
    )


def retirement(record: Environment, leave: Intent) -> str:
    """The effect of a leave of a former address; follows the intent's description."""
    stays = "" if record.leaving else " and stays"
    return (
        f" of {leave.person.email}, a former address: it is retired; "
        f"the person is {record.person.email} now{stays}"
    )
