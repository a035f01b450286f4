"""The labels on everything we make: whose it is, and who pays.

Ownership is read back from them before anything is changed or deleted, so a resource without them
is never touched. No label holds an e-mail address: label values can't, and bills are widely read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.domain.names import PERSON_KEY, label_value
from shared.domain.people.person import Person
from shared.domain.profiles import Profile

MANAGED_BY = "managed-by"
MANAGER = "benchkeeper"
PERSON = "benchkeeper-person"
PROFILE = "benchkeeper-profile"


def ownership(key: str) -> dict[str, str]:
    """The labels that say a resource is the person's; without them it is left alone."""
    return {MANAGED_BY: MANAGER, PERSON: key}


def labels_of(profile: Profile, person: Person, key: str) -> dict[str, str]:
    """All labels of one person's resources: the profile's own, then ours."""
    ours = ownership(key) | {
        PROFILE: profile.name,
        "cost-center": label_value(person.cost_center),
        "team": label_value(person.team),
    }
    return profile.labels | {name: value for name, value in ours.items() if value}


def is_ours(labels: Mapping[str, str], key: str) -> bool:
    """Whether something that carries ``labels`` was made by us for the person of ``key``."""
    return ownership(key).items() <= labels.items()


def other_person(labels: Mapping[str, str], key: str) -> str:
    """The key of another person than that of ``key`` for whom we made something that carries
    ``labels``; '' if there is none."""
    named = labels.get(PERSON, "")
    made = is_ours(labels, named) and named != key and re.fullmatch(PERSON_KEY, named)
    return named if made else ""


def names_another(labels: Mapping[str, str], key: str) -> bool:
    """Whether ``labels`` give something to another manager, or to another person of ours."""
    return labels.get(MANAGED_BY, MANAGER) != MANAGER or labels.get(PERSON, key) != key
