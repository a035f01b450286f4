"""Whom an admin command is about: by address, by person id, or by the key of the record. Pure.

A person id or a key reaches also those whose address was given to somebody else. All that a command
names must belong to one person, so that a mistake never lifts the hold of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.domain.commands.admin_commands import AdminCommand
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.environment import Environment
from shared.domain.people.identity import present_owner, shown


def subject_of_command(
    command: AdminCommand, found: Sequence[Environment], now: datetime
) -> Environment:
    """The record that ``command`` is about, among those ``found`` by what it names.

    ``found``: with a key first the record of that key, if there is one, and if the rest that the
    command names ``contradicts`` it, those which that belongs to; without a key those that have the
    person id, or have or had the address. Raises ``Rejected`` if there is nobody, or if what the
    command names belongs to several people.
    """
    if command.key:
        record, named_by = next(iter(found), None), "key"
    elif theirs := [r for r in found if r.person.person_id == command.person_id]:
        # Two records of one person may not have been merged yet.
        known = [r for r in theirs if command.email in r.known_addresses]
        record, named_by = min(known or theirs, key=lambda r: (r.created_at, r.key)), "person_id"
    else:
        record, named_by = present_owner(command.email, found, now), "email"
    if record is None:
        raise _unknown(command)
    if command.email and command.email not in record.known_addresses:
        owner = present_owner(command.email, found, now)
        raise _contradiction("email", command.email, record, named_by, owner)
    if command.person_id and command.person_id != record.person.person_id:
        theirs = [r for r in found if r.person.person_id == command.person_id]
        owner = min(theirs, key=lambda r: (r.created_at, r.key), default=None)
        raise _contradiction("person_id", command.person_id, record, named_by, owner)
    return record


def contradicts(command: AdminCommand, record: Environment) -> bool:
    """Whether ``command`` names an address or a person id that ``record`` does not have."""
    if command.email and command.email not in record.known_addresses:
        return True
    return bool(command.person_id) and command.person_id != record.person.person_id


def _unknown(command: AdminCommand) -> Rejected:
    if command.key:
        return Rejected(
            RejectionCode.UNKNOWN_PERSON,
            f"key: no environment has the key {command.key}; send a key that fleet shows",
        )
    field, value = command.named
    return Rejected(
        RejectionCode.UNKNOWN_PERSON,
        f"{field}: there is no environment of {value}; publish a join on onboarding first, then "
        "send the command again",
    )


def _contradiction(
    field: str, value: str, record: Environment, named_by: str, owner: Environment | None
) -> Rejected:
    if owner is not None:
        owned = f", but to {shown(owner)}"
        advice = (
            f'"key":"{record.key}" alone for the first, "key":"{owner.key}" alone for the second'
        )
    else:
        owned = ", nor to anybody else who is known"
        advice = f'"key":"{record.key}" alone, or with the right {field}'
    return Rejected(
        RejectionCode.IDENTITY_CONFLICT,
        f"{field}: {value} does not belong to {shown(record)}, whom the {named_by} names{owned}; "
        f"nothing was changed. Send the command again with {advice}",
    )
