"""Complete listings over REST: all pages, or a fault.

In an incomplete listing, resources would seem to be deleted. It must not know what is listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.adapters.google_api.rest import Rest
from shared.domain.faults import CloudFault, Disposition

Json = dict[str, Any]

_SHOWN = 5  # locations named in a fault


def list_all(rest: Rest, path: str, field: str, **params: str) -> Iterator[Json]:
    """The items in ``field`` of all pages of ``path``; one call per page.

    ``params``: the query, including the API's parameter for the page size. Raises ``CloudFault``,
    also if a response names locations that could not be reached.
    """
    for page in _pages(rest, path, params):
        _check_complete(path, page.get("unreachable") or [])
        yield from page.get(field) or []


def list_all_zones(rest: Rest, path: str, field: str, **params: str) -> Iterator[Json]:
    """The same for an ``aggregatedList`` of Compute Engine, whose items are grouped by zone."""
    for page in _pages(rest, path, params):
        scopes: dict[str, Json] = page.get("items") or {}
        unreachable = [name for name, scope in scopes.items() if _is_unreachable(scope)]
        _check_complete(path, [*(page.get("unreachables") or []), *unreachable])
        for scope in scopes.values():
            yield from scope.get(field) or []


def _pages(rest: Rest, path: str, params: Mapping[str, str]) -> Iterator[Json]:
    token = ""
    while True:
        page = rest.get(path, **params, **({"pageToken": token} if token else {}))
        yield page
        token = str(page.get("nextPageToken") or "")
        if not token:
            return


def _is_unreachable(scope: Json) -> bool:
    return bool((scope.get("warning") or {}).get("code") == "UNREACHABLE")


def _check_complete(path: str, missing: Sequence[object]) -> None:
    if missing:
        shown = ", ".join(map(str, missing[:_SHOWN]))
        message = f"{path}: {len(missing)} locations could not be reached ({shown})"
        raise CloudFault(Disposition.TEMPORARY, "UNREACHABLE", message)
