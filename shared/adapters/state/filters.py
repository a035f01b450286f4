"""Which values a ``Filter`` asks for, of the fields by which records are filtered.

These are top-level fields of the document of a record (``documents.filter_fields``), and columns in
SQLite. This module must not know how a store queries them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.adapters.state.documents import in_utc
from shared.ports import Filter

# Fields that a filter compares with one value.
EQUAL = ("phase", "health", "profile", "team", "cost_center", "held", "running", "merged")
# The codes of problems, as the keys of a map of which one is asked for; and the first of them.
PROBLEMS, FIRST_PROBLEM = "problems", "problem"
# Times that must be before the one asked for; of two, the first one orders the listing.
TIMES = ("leaves_at", "removal_at")
FIELDS = (*EQUAL, PROBLEMS, *TIMES)


def equal_in(only: Filter) -> dict[str, Any]:
    """The fields that must have one value, and that value."""
    asked = {name: getattr(only, name) for name in EQUAL}
    return {name: getattr(v, "value", v) for name, v in asked.items() if v is not None}


def times_in(only: Filter) -> dict[str, datetime]:
    """The times that must be before another one, and that time."""
    asked = zip(TIMES, (only.leaves_before, only.removal_before), strict=True)
    return {name: in_utc(before) for name, before in asked if before is not None}


def has_more_than_a_time(only: Filter) -> bool:
    """Whether it asks for more than one time."""
    return sum(getattr(only, name) is not None for name in only.__struct_fields__) > 1


def fits(fields: Mapping[str, Any], only: Filter) -> bool:
    """Whether a record with these fields matches ``only``."""
    if any(fields.get(name) != value for name, value in equal_in(only).items()):
        return False
    if only.problem is not None and only.problem not in fields.get(PROBLEMS, ()):
        return False
    times = ((fields.get(name), before) for name, before in times_in(only).items())
    return all(at is not None and at < before for at, before in times)
