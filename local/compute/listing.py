"""List answers of Compute Engine: filter, order, pages and the envelope.

It must not know what is listed.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from local.api.store import Collection, Filter, decode_token, encode_token
from local.compute import filters
from local.compute.names import link
from local.errors import ApiError

Json = dict[str, Any]

_MOST = 500  # also the default
_NEWEST_FIRST = "creationTimestamp desc"


@dataclass(frozen=True, slots=True)
class Page:
    """The page that a client requests."""

    size: int
    token: str
    wanted: Filter
    newest_first: bool

    @classmethod
    def of(cls, query: QueryParams) -> "Page":
        """From a query that fits the discovery document; 400 for other invalid values."""
        order = query.get("orderBy", "")
        if order not in ("", "name", _NEWEST_FIRST):
            raise ApiError.invalid(f"Invalid value for field 'orderBy': '{order}'.")
        size = int(query.get("maxResults") or _MOST)
        if not 0 <= size <= _MOST:
            raise ApiError.invalid(
                f"Invalid value for field 'maxResults': '{size}'. Must be from 0 to {_MOST}."
            )
        wanted = filters.parse(query.get("filter", ""))
        return cls(size or _MOST, query.get("pageToken", ""), wanted, order == _NEWEST_FIRST)

    def take(self, collection: Collection, prefix: str) -> tuple[list[Json], str]:
        """Copies of this page's resources below `prefix`, and the next token."""
        if self.newest_first:
            below = (collection.get(n) for n in collection.names() if n.startswith(prefix))
            return self._newest(below)
        return collection.page(prefix, self.size, self.token, self.wanted)

    def _newest(self, resources: Iterable[Json]) -> tuple[list[Json], str]:
        after = decode_token(self.token)
        found = sorted(
            ((_age(r), r) for r in resources if self.wanted(r)), key=lambda e: e[0], reverse=True
        )
        rest = [entry for entry in found if not after or entry[0] < after]
        page = rest[: self.size]
        token = encode_token(page[-1][0]) if len(rest) > self.size else ""
        return [deepcopy(resource) for _, resource in page], token


def listed(kind: str, path: str, found: tuple[list[Json], str]) -> Json:
    """The answer of a list method; as Google does, without `items` if there are none."""
    items, token = found
    answer = _envelope(kind, path, token)
    return answer | {"items": items} if items else answer


def aggregated(
    kind: str, path: str, field: str, found: tuple[list[Json], str], scope: Callable[[Json], str]
) -> Json:
    """The answer of an aggregatedList method: items grouped by zone."""
    items, token = found
    scopes: dict[str, Json] = {}
    for item in items:
        scopes.setdefault(scope(item), {field: []})[field].append(item)
    return _envelope(kind, path, token) | {"items": scopes}


def _envelope(kind: str, path: str, token: str) -> Json:
    answer: Json = {"kind": kind, "id": path, "selfLink": link(path)}
    return answer | {"nextPageToken": token} if token else answer


def _age(resource: Json) -> str:
    return f"{resource['creationTimestamp']} {resource['name']}"
