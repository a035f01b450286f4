"""Listings page by page, and complete ones: all pages, or a fault.

In an incomplete listing, resources would seem to be deleted. It must not know what is listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from shared.adapters.google_api.rest import Rest
from shared.domain.faults import CloudFault, Disposition
from shared.ports import Page

Json = dict[str, Any]
T = TypeVar("T")

_SHOWN = 5  # locations named in a fault
# The codes of a ``warning`` in a list of Compute Engine that mean that something may be missing.
_INCOMPLETE = ("UNREACHABLE", "PARTIAL_SUCCESS", "LIST_OVERHEAD_QUOTA_EXCEED")


def read_page(rest: Rest, path: str, field: str, after: str = "", **params: str) -> Page[Json]:
    """The items in ``field`` of the page of ``path`` with the token ``after`` ('': the first one).

    One call. ``params``: the query, including the API's parameter for the page size. Raises
    ``CloudFault``, also if the response names locations that could not be reached.
    """
    page = _get(rest, path, after, params)
    _check_complete(path, page.get("unreachable") or [])
    return Page(items=tuple(page.get(field) or ()), next=_next(page))


def read_zones_page(
    rest: Rest, path: str, field: str, after: str = "", **params: str
) -> Page[Json]:
    """The same for an ``aggregatedList`` of Compute Engine, whose items are grouped by zone."""
    page = _get(rest, path, after, params)
    scopes: dict[str, Json] = page.get("items") or {}
    missing = [name for name, scope in scopes.items() if _warning(scope) in _INCOMPLETE]
    _check_complete(path, [*(page.get("unreachables") or []), *missing])
    items = tuple(item for scope in scopes.values() for item in scope.get(field) or ())
    return Page(items=items, next=_next(page))


def list_all(rest: Rest, path: str, field: str, **params: str) -> Iterator[Json]:
    """The items of all pages, as ``read_page`` reads them."""
    return all_items(lambda after: read_page(rest, path, field, after, **params))


def list_all_zones(rest: Rest, path: str, field: str, **params: str) -> Iterator[Json]:
    """The items of all pages, as ``read_zones_page`` reads them."""
    return all_items(lambda after: read_zones_page(rest, path, field, after, **params))


def all_items(read: Callable[[str], Page[T]]) -> Iterator[T]:
    """The items of all pages; ``read``: returns the page with the given token."""
    after = ""
    while True:
        page = read(after)
        yield from page.items
        after = page.next
        if not after:
            return


def first_page(pager: Any) -> Any:
    """The response with which a pager of Google's clients begins; it makes no further call."""
    return next(iter(pager.pages))


def unreachable(what: str, missing: Sequence[object]) -> CloudFault:
    """The fault of a listing without the locations in ``missing``, which did not answer."""
    shown = ", ".join(map(str, missing[:_SHOWN]))
    return _incomplete(f"{what}: {len(missing)} locations could not be reached ({shown})")


def _get(rest: Rest, path: str, after: str, params: Mapping[str, str]) -> Json:
    page = rest.get(path, **params, **({"pageToken": after} if after else {}))
    if (warning := _warning(page)) in _INCOMPLETE:
        raise _incomplete(f"{path}: the listing is incomplete ({warning})")
    return page


def _next(page: Json) -> str:
    return str(page.get("nextPageToken") or "")


def _warning(scope: Json) -> str:
    return str((scope.get("warning") or {}).get("code", ""))


def _incomplete(message: str) -> CloudFault:
    return CloudFault(Disposition.TEMPORARY, "UNREACHABLE", message)


def _check_complete(path: str, missing: Sequence[object]) -> None:
    if missing:
        raise unreachable(path, missing)
