"""The queries of the Firestore store that lists share. None needs a composite index.

A query filters and orders by one field, with the document name as tie-break in the same direction.
Or it only filters, by equality or by fields joined with "or", and orders by the document name: then
Firestore merges the automatic indexes of its fields, also of the keys of a map
(firebase.google.com/docs/firestore/query-data/index-overview). An element of a list or a time,
together with another field, would need a composite index. So codes are the keys of a map; and with
a time, the query has nothing else, and the store compares what it finds with the rest of the
filter. The emulator does not show this: it needs no index for any query.
"""

from __future__ import annotations

from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import BaseQuery
from google.cloud.firestore_v1.field_path import FieldPath

from shared.adapters.state import filters
from shared.ports import Facet, Filter

NAME = "__name__"  # Firestore's field path for the document's own name
_FIELD_OF = {Facet.PROFILE: "profile", Facet.PROBLEM: filters.FIRST_PROBLEM}


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
        code = FieldPath(filters.PROBLEMS, only.problem).to_api_repr()
        query = query.where(filter=firestore.FieldFilter(code, "==", True))
    return query, ""


def next_value(environments: Any, facet: Facet, after: str) -> tuple[BaseQuery, str]:
    """The query for a document with the next value, and the field that has the value."""
    field = _FIELD_OF[facet]
    query = environments.where(filter=firestore.FieldFilter(field, ">", after))
    return query.order_by(field).select([field]), field


def newest_first(collection: Any, field: str = "at") -> BaseQuery:
    """All documents that have a time in ``field``, the newest first."""
    query: BaseQuery = collection.order_by(field, direction="DESCENDING")
    return query.order_by(NAME, direction="DESCENDING")
