"""Finds the person an admin command is about: by address, person id, or key of the record. Pure.

A person id or a key also identifies people whose address was given to somebody else. Everything
that a command names must belong to one person: a mistake must never lift another person's hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.domain.commands.admin_commands import AdminCommand
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.environment import Environment
from shared.domain.people.address_owners import present_owner
from shared.domain.people.conflicts import shown
from shared.domain.people.identity import of_person_id


def subject_of_command(
    command: AdminCommand, found: Sequence[Environment], now: datetime
) -> Environment:
    """The record in ``found`` that ``command`` is about.

    ``found``: if the command has a key, the record of that key, if there is one; and if the other
    fields ``contradicts`` it, those which these belong to. Without a key, the records that have the
    person id, or have or had the address. Raises ``Rejected`` if no record fits, or if the fields
    of the command belong to several people.
    """
    if command.key:
        record, named_by = next(iter(found), None), "key"
    elif theirs := [r for r in found if r.person.person_id == command.person_id]:
        # Two records of one person may not have been merged yet.
        known = [r for r in theirs if command.email in r.known_addresses]
        record, named_by = of_person_id(command.person_id, known or theirs), "person_id"
    else:
        record, named_by = present_owner(command.email, found, now), "email"
    if record is None:
        raise _unknown(command)
    if command.email and command.email not in record.known_addresses:
        owner = present_owner(command.email, found, now)
        raise _contradiction("email", command.email, record, named_by, owner)
    if command.person_id and command.person_id != record.person.person_id:
        owner = of_person_id(command.person_id, found)
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
        f"{field}: {value} does not belong to {shown(record)}, named by the {named_by}{owned}; "
        f"nothing was changed. Send the command again with {advice}",
    )
