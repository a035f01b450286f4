"""One page of a listing: names in order, grouped by a delimiter, up to a limit.

Pure functions of a sorted list of names; they read only the names of the page. It must not know
objects.
"""

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from local.storage.conditions import whole_number
from local.storage.errors import bad_parameter

MOST = 1000  # "The service uses this parameter or 1,000 items, whichever is smaller."


@dataclass(frozen=True, slots=True)
class ListQuery:
    prefix: str = ""
    delimiter: str = ""
    start: str = ""  # earlier names are left out
    end: str = ""  # this name and later ones are left out; "": none
    trailing_delimiter: bool = False  # an object "a/" is an item and a prefix
    limit: int = MOST

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        return cls(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            start=max(_from_token(query.get("pageToken", "")), query.get("startOffset", "")),
            end=query.get("endOffset", ""),
            trailing_delimiter=query.get("includeTrailingDelimiter", "").lower() == "true",
            limit=_limit(query),
        )


@dataclass(frozen=True, slots=True)
class Page:
    names: list[str]
    prefixes: list[str]
    next_token: str | None


def list_page(names: Sequence[str], query: ListQuery) -> Page:
    """The page of `names` (sorted) that starts at `query.start`."""
    items: list[str] = []
    prefixes: list[str] = []
    at = bisect_left(names, max(query.start, query.prefix))
    while at < len(names):
        name = names[at]
        if not name.startswith(query.prefix) or (query.end and name >= query.end):
            break
        if len(items) + len(prefixes) >= query.limit:
            return Page(items, prefixes, _to_token(name))
        common = _prefix_of(name, query)
        if common is None:
            items.append(name)
            at += 1
            continue
        prefixes.append(common)
        if query.trailing_delimiter and name == common:
            items.append(name)
        width = len(common)
        at = bisect_right(
            names, common, at, key=lambda name: name[:width]
        )  # after the names with this prefix
    return Page(items, prefixes, None)


def _prefix_of(name: str, query: ListQuery) -> str | None:
    """The name up to the first delimiter after the prefix, inclusive; None if it has none."""
    if not query.delimiter:
        return None
    found = name.find(query.delimiter, len(query.prefix))
    return None if found < 0 else name[: found + len(query.delimiter)]


def _limit(query: Mapping[str, str]) -> int:
    asked = whole_number(query, "maxResults")
    if asked is not None and asked < 0:
        raise bad_parameter("maxResults", f"Invalid unsigned integer value: '{asked}'.")
    return min(asked or MOST, MOST)


def _to_token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode("ascii")


def _from_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise bad_parameter("pageToken", f"Invalid page token: '{token}'.") from error
