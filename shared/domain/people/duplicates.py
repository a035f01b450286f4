"""Finds two records that are of one person. Pure.

Two workers create them if each handles an event about the person before the other has saved its
record. They are merged (``people.merging``) as soon as an event finds both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import combinations

from shared.domain.commands.facts import leaves_of_person
from shared.domain.commands.intent import Intent
from shared.domain.environment import Environment


def records_of_one_person(
    intent: Intent, found: Sequence[Environment]
) -> tuple[Environment, Environment] | None:
    """Two of the records ``found`` for ``intent`` that are of one person, the older one first.

    They have the same person id or the same current address. Or the first event of one is a leave
    or a change of an address that the other one had at that time.
    """
    ordered = sorted(found, key=lambda r: (r.events.joined is None, r.created_at, r.key))
    for one, other in combinations(ordered, 2):
        ids = (one.person.person_id, other.person.person_id)
        if None not in ids:
            same = ids[0] == ids[1]
        else:
            others = [r for r in ordered if r not in (one, other)]
            same = _are_of_one_person(one, other, intent, others)
        if same:
            return one, other
    return None


def _are_of_one_person(
    one: Environment, other: Environment, intent: Intent, others: Sequence[Environment]
) -> bool:
    """Whether two records are of one person by their addresses; ``other`` is the newer one.

    ``others``: the further records that have or had an address of ``intent``.
    """
    if _is_followed_by(one, other) or _is_followed_by(other, one):
        return True
    if other.events.joined is None:
        return any(_had(one, leave) for leave in other.events.leaves)
    return any(_share(one, other, email, others) for email in intent.addresses)


def _share(one: Environment, other: Environment, email: str, others: Sequence[Environment]) -> bool:
    """Whether two records have ``email`` as current address because they are of one person.

    Somebody else gets the address of a leaver by a change of address, or once another person had
    it. Any other join is about the leaver, who returns: their ids don't contradict.
    """
    since, others_since = _since(one, email), _since(other, email)
    if since is None or others_since is None:
        return False
    newer = one if since > others_since else other
    earliest, latest = sorted((since, others_since))
    between = (a.since for r in others for a in r.addresses if a.email == email)
    if any(moment is not None and earliest < moment < latest for moment in between):
        return False
    if all(a.email == email or (a.since and a.since > latest) for a in newer.addresses):
        return True
    return not (_left_before(one, other) or _left_before(other, one))


def _left_before(one: Environment, other: Environment) -> bool:
    """Whether the person of ``one`` had left before the newest join of ``other``."""
    joined = other.events.joined
    if not one.leaving or joined is None:
        return False
    return any(leave.precedence < joined.precedence for leave in leaves_of_person(one))


def _is_followed_by(one: Environment, other: Environment) -> bool:
    """Whether the first event of ``other`` names an address of ``one`` as the former one."""
    former = [
        (a.email, a.until)
        for a in other.addresses
        if a.since is None and a.until is not None and a.left_at is None
    ]
    if other.events.joined is None:  # that event is scheduled
        former += [(i.previous_email, i.occurred_at) for i in other.events.pending]
    return any(
        a.email == email and a.since and a.since <= until and (a.until is None or a.until >= until)
        for email, until in former
        for a in one.addresses
    )


def _had(record: Environment, leave: Intent) -> bool:
    """Whether the person of ``record`` had the address of ``leave`` when it occurred."""
    named = [a for a in record.addresses if a.email == leave.person.email and a.since is not None]
    return any(a.is_theirs_at(leave.occurred_at) for a in named)


def _since(record: Environment, email: str) -> datetime | None:
    """Since when the person has ``email`` as current address; None if they don't."""
    return next((a.since for a in record.addresses if a.email == email and not a.until), None)
