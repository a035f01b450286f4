"""Cursors: the position at which a listing continues, as opaque text.

A cursor contains the sort position of the last item, not an offset, so that a listing stays stable
during writes. It also names its listing. Callers send cursors in query strings, so any text may
arrive: text that is not a cursor raises ``BadCursor``.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

import msgspec

from shared.ports import BadCursor

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

T = TypeVar("T")


class Position(NamedTuple):
    """A position in an order by time, then by name."""

    at: datetime
    name: str


def one_more(limit: int) -> int:
    """How many items to query for a page of ``limit``: one more shows whether a page follows."""
    if limit < 1:
        raise ValueError(f"a page of {limit} items cannot be asked for")
    return limit + 1


def microseconds(moment: datetime) -> int:
    """``moment`` as whole microseconds since 1970: exact and sortable."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(since_epoch: int) -> datetime:
    """The inverse of ``microseconds``."""
    return _EPOCH + since_epoch * _MICROSECOND


def pack_position(listing: str, position: Position) -> str:
    """The cursor after ``position``."""
    return _pack([listing, microseconds(position.at), position.name])


def unpack_position(listing: str, cursor: str) -> Position:
    """The position in a cursor of ``listing``."""
    tag, since_epoch, name = _unpack(cursor, tuple[str, int, str])
    _check(tag, listing, name)
    try:
        return Position(from_microseconds(since_epoch), name)
    except OverflowError as error:
        raise BadCursor(str(error)) from error


def pack_name(listing: str, name: str) -> str:
    """The cursor after ``name`` in a listing ordered by name alone."""
    return _pack([listing, name])


def unpack_name(listing: str, cursor: str) -> str:
    """The name in a cursor of ``listing``."""
    tag, name = _unpack(cursor, tuple[str, str])
    _check(tag, listing, name)
    return name


def _pack(parts: list[str | int]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def _unpack(cursor: str, shape: type[T]) -> T:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=shape)
    except (binascii.Error, msgspec.MsgspecError, ValueError) as error:
        raise BadCursor(f"{cursor[:80]!r} is not a cursor of this listing") from error


def _check(tag: str, listing: str, name: str) -> None:
    if tag != listing:
        raise BadCursor(f"this cursor is of the listing {tag[:80]!r}, not of {listing!r}")
    if not name or "/" in name:  # a store may read such a name as a path
        raise BadCursor(f"{name[:80]!r} is not the name of an item")
