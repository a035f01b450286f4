"""How many environments there are, of each kind.

Every number is one call of the store, answered from an index. Nothing is counted by reading the
records, except that a store may read those with a time in the next days if there is a filter, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from shared.domain.status import Health, Phase
from shared.ports import EnvironmentStore, Facet, Filter

_MOST_VALUES = 50  # of profiles or problem codes; each takes two calls


def counts(store: EnvironmentStore, only: Filter, now: datetime, days: int) -> dict[str, Any]:
    """The numbers of records that match ``only``: all, and those with each value.

    ``days``: leaves and removals are counted that many days ahead. Profiles and problem codes that
    nobody has are left out. The numbers are counted one after the other, so a change meanwhile
    shows in some of them only.
    """
    phases = _of_each(store, only, "phase", Phase)
    until = now + timedelta(days=days)
    return {
        "environments": sum(phases.values()),
        "phase": phases,
        "health": _of_each(store, only, "health", Health),
        "held": _count(store, only, held=True),
        "running": _count(store, only, running=True),
        "merged": _count(store, only, merged=True),
        "days": days,
        "leaves": _count(store, only, leaves_before=until),
        "removals": _count(store, only, removal_before=until),
        "profile": _in_use(store, only, Facet.PROFILE),
        "problem": _in_use(store, only, Facet.PROBLEM),
    }


def _of_each(
    store: EnvironmentStore, only: Filter, field: str, values: Iterable[StrEnum]
) -> dict[str, int]:
    return {value.value: _count(store, only, **{field: value}) for value in values}


def _in_use(store: EnvironmentStore, only: Filter, facet: Facet) -> dict[str, int]:
    found = {value: _count(store, only, **{facet.value: value}) for value in _values(store, facet)}
    return {value: count for value, count in found.items() if count}


def _values(store: EnvironmentStore, facet: Facet) -> Iterator[str]:
    value = ""
    for _ in range(_MOST_VALUES):
        value = store.next_value(facet, value)
        if not value:
            return
        yield value


def _count(store: EnvironmentStore, only: Filter, **condition: Any) -> int:
    """How many match ``only`` and the one further condition."""
    [(field, value)] = condition.items()
    given = getattr(only, field)
    if field in ("leaves_before", "removal_before"):
        return store.count(replace(only, **{field: value if given is None else min(given, value)}))
    if given is not None and given != value:
        # Of phases and the like a record has one. Of several problems this counts none but the one
        # that was asked for.
        return 0
    return store.count(replace(only, **condition))
