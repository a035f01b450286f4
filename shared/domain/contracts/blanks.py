"""Treats empty and blank text in an event as if the field were absent, in every field alike.

Exports of HR systems fill what they don't know with "" or with spaces. Taken for a value it would
become a cost centre of its own, or be rejected in one field and not in another.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import msgspec

from shared.domain.contracts.rejections import Rejected, RejectionCode

# Nothing, or nothing but spaces, those without a width included.
BLANK = r"[ \u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]*"


def without_blanks(data: bytes, shape: type[msgspec.Struct]) -> bytes:
    """The same JSON without optional fields, and elements of lists, that are empty or blank text.

    ``Rejected`` where such a text stands in a field that is needed, or a name is given twice. What
    can't be read here is returned as it is: the decoder says what is wrong with it.
    """
    try:
        event = json.loads(data.decode(), object_pairs_hook=_each_name_once)
    except (ValueError, RecursionError):
        return data
    if not isinstance(event, dict) or not any(_has_blanks(value) for value in event.values()):
        return data
    needed = _fields(shape)
    kept = {}
    for name, value in event.items():
        if not _is_blank(value) or name not in needed:
            kept[name] = _without_blank_elements(value)
        elif needed[name]:
            raise Rejected(RejectionCode.WRONG_SHAPE, f"{name}: is empty; it has no default")
    return json.dumps(kept).encode()


@cache
def _fields(shape: type[msgspec.Struct]) -> dict[str, bool]:
    """The names of the fields of ``shape``, and whether each is needed."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(shape)}


def _has_blanks(value: object) -> bool:
    return any(map(_is_blank, value)) if isinstance(value, list) else _is_blank(value)


def _without_blank_elements(value: Any) -> Any:
    return [v for v in value if not _is_blank(v)] if isinstance(value, list) else value


def _is_blank(value: object) -> bool:
    # No line breaks, which are rejected.
    return isinstance(value, str) and re.fullmatch(BLANK, value) is not None


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON says nothing of a name given twice, and readers disagree on which one counts."""
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            shown = name[:80] if name.isprintable() else repr(name[:80])
            raise Rejected(
                RejectionCode.WRONG_SHAPE, f"{shown}: given twice; send every field once"
            )
        fields[name] = value
    return fields
