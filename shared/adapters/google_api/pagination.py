"""Whole listings over REST: every page, or a fault.

Half a listing would look as if the rest were gone. It must not know what is listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.adapters.google_api.rest import Rest
from shared.domain.faults import CloudFault, Fate

Json = dict[str, Any]

_SHOWN = 5  # locations named in a fault


def everything_listed(rest: Rest, path: str, field: str, **params: str) -> Iterator[Json]:
    """The entries called ``field`` of all pages of ``path``, one call a page.

    ``params``: the query, with the API's own word for the size of a page. Raises ``CloudFault``;
    also where the answer names locations that couldn't be reached.
    """
    for page in _pages(rest, path, params):
        _refuse_half(path, page.get("unreachable") or [])
        yield from page.get(field) or []


def everything_aggregated(rest: Rest, path: str, field: str, **params: str) -> Iterator[Json]:
    """The same for an ``aggregatedList`` of Compute Engine, with its entries under their zones."""
    for page in _pages(rest, path, params):
        scopes: dict[str, Json] = page.get("items") or {}
        silent = [name for name, scope in scopes.items() if _is_unreachable(scope)]
        _refuse_half(path, [*(page.get("unreachables") or []), *silent])
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


def _refuse_half(path: str, missing: Sequence[object]) -> None:
    if missing:
        shown = ", ".join(map(str, missing[:_SHOWN]))
        message = f"{path}: {len(missing)} locations could not be reached ({shown})"
        raise CloudFault(Fate.TEMPORARY, "UNREACHABLE", message)
