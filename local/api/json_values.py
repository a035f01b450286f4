"""Checks of JSON values: one for each type and format of discovery documents.

Pure functions from a value and its schema to a complaint or None. It must not know paths, objects
or documents; `discovery` handles those.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

_INTEGER_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
# protobuf's JSON mapping: seconds with up to nine fractional digits, then "s".
_DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")
_FIELD_MASK = re.compile(r"(\*|[A-Za-z][\w.]*(,[A-Za-z][\w.]*)*)?", re.ASCII)


def complaint(schema: dict[str, Any], value: object, int_enums: bool = False) -> str | None:
    """What is wrong with a scalar `value` by `schema` (type, format, enum, pattern), or None."""
    kind = schema.get("type")
    style = schema.get("format")
    if kind == "string" and style in ("int64", "uint64"):
        return _integer(value, style, text_allowed=True)
    if kind == "string":
        return _string(schema, value, int_enums)
    if kind == "integer":
        return _integer(value, style or "int32", text_allowed=False)
    if kind == "number":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number else f"must be a number, not {named(value)}"
    if kind == "boolean":
        return None if isinstance(value, bool) else f"must be true or false, not {named(value)}"
    return None  # "any"


def named(value: object) -> str:
    """The JSON name of a value's type, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"


def _string(schema: dict[str, Any], value: object, int_enums: bool) -> str | None:
    names: list[str] | None = schema.get("enum")
    if names is not None and int_enums and type(value) is int:
        return None if value in schema["enumNumbers"] else f"invalid enum number {value}"
    if not isinstance(value, str):
        return f"must be a string, not {named(value)}"
    if names is not None and value not in names:
        return f'invalid value "{value}", must be one of {", ".join(names)}'
    pattern = schema.get("pattern")
    if pattern is not None and re.search(pattern, value) is None:
        return f'"{value}" does not match {pattern}'
    check = _FORMATS.get(schema.get("format", ""))
    return check(value) if check is not None else None


def _integer(value: object, style: str, text_allowed: bool) -> str | None:
    if text_allowed and isinstance(value, str):
        if re.fullmatch(r"-?\d+", value, re.ASCII) is None:
            return f'"{value}" is not a whole number'
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return f"must be a whole number, not {named(value)}"
    low, high = _INTEGER_RANGES[style]
    return None if low <= value <= high else f"{value} is out of range for {style}"


def _duration(value: str) -> str | None:
    if _DURATION.fullmatch(value):
        return None
    return f'"{value}" is not a duration in seconds such as "3600s"'


def _datetime(value: str) -> str | None:
    try:
        aware = datetime.fromisoformat(value).tzinfo is not None and "T" in value
    except ValueError:
        aware = False
    return None if aware else f'"{value}" is not an RFC 3339 time'


def _date(value: str) -> str | None:
    try:
        date.fromisoformat(value)
    except ValueError:
        return f'"{value}" is not a date such as 2026-01-31'
    return None


def as_bytes(text: str) -> bytes:
    """The bytes of a "byte" field; binascii.Error if it is not base64.

    The JSON mapping allows the standard and the URL-safe alphabet, with or without padding.
    """
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)


def _bytes(value: str) -> str | None:
    try:
        as_bytes(value)
    except binascii.Error:
        return "is not base64"
    return None


def _field_mask(value: str) -> str | None:
    return None if _FIELD_MASK.fullmatch(value) else f'"{value}" is not a field mask'


_FORMATS: dict[str, Callable[[str], str | None]] = {
    "google-duration": _duration,
    "google-datetime": _datetime,
    "date-time": _datetime,
    "date": _date,
    "byte": _bytes,
    "google-fieldmask": _field_mask,
}
