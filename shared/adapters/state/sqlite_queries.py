"""The statements of the SQLite store for a ``Filter``. Each uses an index and sorts nothing."""

from __future__ import annotations

from shared.adapters.state import filters
from shared.adapters.state.cursors import microseconds
from shared.ports import Filter

_FROM = "environments"
# The records with a problem are found by the index of codes, in the order of their keys.
_FROM_PROBLEMS = "problems CROSS JOIN environments ON environments.key = problems.key"


def page_of(only: Filter) -> tuple[str, tuple[object, ...], str]:
    """A page of the records that match: the statement, its first values, the time that orders it.

    The values that follow are the start and the limit. The start is a time and a key, or only a key
    if no time orders the page ('').
    """
    conditions, values = _conditions(only)
    by = next(iter(filters.times_in(only)), "")
    if by:
        columns = f"environments.key, document, {by}"
        conditions.append(f"({by}, environments.key) > (?, ?)")
        order = f"{by}, environments.key"
        table = _FROM
    else:
        table, start = _source(only)
        columns = "environments.key, document"
        conditions.append(f"{start} > ?")
        order = start
    where = " AND ".join(conditions)
    statement = f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {order} LIMIT ?"
    return statement, values, by


def count_of(only: Filter) -> tuple[str, tuple[object, ...]]:
    """The number of the records that match: the statement and its values."""
    conditions, values = _conditions(only)
    table = _FROM if filters.times_in(only) else _source(only)[0]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT count(*) FROM {table}{where}", values


def _source(only: Filter) -> tuple[str, str]:
    """The tables of a listing by key, and the column of the key."""
    if only.problem is None:
        return _FROM, "environments.key"
    return _FROM_PROBLEMS, "problems.key"


def _conditions(only: Filter) -> tuple[list[str], tuple[object, ...]]:
    times, equal = filters.times_in(only), filters.equal_in(only)
    # A "+" keeps a column's index out of use, for the one that has the order of the listing.
    plus = "+" if times or only.problem is not None else ""
    conditions = [f"{plus}{column} = ?" for column in equal]
    values: list[object] = list(equal.values())
    if only.problem is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM problems WHERE code = ? AND problems.key = environments.key)"
            if times
            else "problems.code = ?"
        )
        values.append(only.problem)
    for number, (column, before) in enumerate(times.items()):
        conditions.append(f"{'+' if number else ''}{column} < ?")
        values.append(microseconds(before))
    return conditions, tuple(values)
