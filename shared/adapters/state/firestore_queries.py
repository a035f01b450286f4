"""The queries of the Firestore store that lists share. None needs a composite index.

A query filters and orders by one field, with the document name as tie-break in the same direction.
Or it only filters, by equality, by an element of a list, or by fields joined with "or", and orders
by the document name: then Firestore merges the automatic indexes of its fields
(cloud.google.com/firestore/docs/query-data/index-overview). A time together with another field
would need a composite index. So the query has the time only, and the store compares what it finds
with the rest of the filter. The emulator does not show this: it needs no index for any query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import BaseQuery

from shared.adapters.state import filters
from shared.ports import Facet, Filter

NAME = "__name__"  # Firestore's field path for the document's own name
_AFTER_ALL = "\uffff"  # sorts after every problem code


def matching(environments: Any, only: Filter) -> tuple[Any, str]:
    """The query for a filter, and the field of its time; '' if it has none.

    With a time the query has no other field: compare what it finds (``filters.fits``).
    """
    for field, before in filters.times_in(only).items():
        return environments.where(filter=firestore.FieldFilter(field, "<", before)), field
    query = environments
    for field, value in filters.equal_in(only).items():
        query = query.where(filter=firestore.FieldFilter(field, "==", value))
    if only.problem is not None:
        has = firestore.FieldFilter(filters.PROBLEMS, "array_contains", only.problem)
        query = query.where(filter=has)
    return query, ""


def next_value(
    environments: Any, facet: Facet, after: str
) -> tuple[BaseQuery, Callable[[Mapping[str, Any]], str]]:
    """The query for a document with the next value, and what reads the value in it."""
    if facet is Facet.PROFILE:
        query = environments.where(filter=firestore.FieldFilter("profile", ">", after))
        return query.order_by("profile").select(["profile"]), lambda found: str(found["profile"])
    # Lists are ordered by their elements: this is after all lists that begin with ``after``.
    start = [after, _AFTER_ALL] if after else []
    query = environments.where(filter=firestore.FieldFilter(filters.PROBLEMS, ">", start))
    query = query.order_by(filters.PROBLEMS).select([filters.PROBLEMS])
    return query, lambda found: str(found[filters.PROBLEMS][0])


def newest_first(collection: Any, field: str = "at") -> BaseQuery:
    """All documents that have a time in ``field``, the newest first."""
    query: BaseQuery = collection.order_by(field, direction="DESCENDING")
    return query.order_by(NAME, direction="DESCENDING")
