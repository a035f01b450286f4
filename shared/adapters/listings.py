"""Whole listings over REST: every page, or a fault.

Half a listing would look as if the rest were gone. It must not know what is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.adapters.rest import Rest
from shared.domain.faults import CloudFault, Fate

Json = dict[str, Any]

_SHOWN = 5  # locations named in a fault


def everything_listed(rest: Rest, path: str, field: str, **params: str) -> Iterator[Json]:
    """The entries called ``field`` of all pages of ``path``, one call a page.

    ``params``: the query, with the API's own word for the size of a page. Raises ``CloudFault``;
    also where the answer names locations that couldn't be reached.
    """
    token = ""
    while True:
        page = rest.get(path, **params, **({"pageToken": token} if token else {}))
        missing = page.get("unreachable") or []
        if missing:
            shown = ", ".join(map(str, missing[:_SHOWN]))
            message = f"{path}: {len(missing)} locations could not be reached ({shown})"
            raise CloudFault(Fate.TEMPORARY, "UNREACHABLE", message)
        yield from page.get(field) or []
        token = str(page.get("nextPageToken") or "")
        if not token:
            return
