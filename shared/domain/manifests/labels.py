"""The labels on every resource that we create: the person, and the cost centre.

They are read before a resource is changed or deleted; a resource without them is foreign. No label
contains an e-mail address: label values don't allow it, and many people can read bills.
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
    """The labels that make a resource the person's; without them it is foreign."""
    return {MANAGED_BY: MANAGER, PERSON: key}


def labels_of(profile: Profile, person: Person, key: str) -> dict[str, str]:
    """All labels of one person's resources: those of the profile, and ours."""
    ours = ownership(key) | {
        PROFILE: profile.name,
        "cost-center": label_value(person.cost_center),
        "team": label_value(person.team),
    }
    return profile.labels | {name: value for name, value in ours.items() if value}


def is_ours(labels: Mapping[str, str], key: str) -> bool:
    """Whether we created a resource with ``labels`` for the person of ``key``."""
    return ownership(key).items() <= labels.items()


def labelled_key(labels: Mapping[str, str]) -> str:
    """The key that our label names, even if it is our only one; '' if there is none, or if the
    labels name another manager."""
    named = labels.get(PERSON, "")
    is_key = named and re.fullmatch(PERSON_KEY, named)
    return named if is_key and not names_another(labels, named) else ""


def other_person(labels: Mapping[str, str], key: str) -> str:
    """The key of the person for whom we created a resource with ``labels``.

    '' if that is the person of ``key``, or if we didn't create it.
    """
    named = labels.get(PERSON, "")
    is_another = is_ours(labels, named) and named != key and re.fullmatch(PERSON_KEY, named)
    return named if is_another else ""


def names_another(labels: Mapping[str, str], key: str) -> bool:
    """Whether ``labels`` name another manager than us, or another person than that of ``key``."""
    return labels.get(MANAGED_BY, MANAGER) != MANAGER or labels.get(PERSON, key) != key
