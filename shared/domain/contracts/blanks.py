"""Treats empty and blank text in an event as if the field were left out, for every field.

Exports of HR systems write "" or spaces for values that they don't know. Read as a value, such a
text would become a cost centre of its own, or be rejected in some fields and accepted in others.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import msgspec

from shared.domain.contracts.rejections import Rejected, RejectionCode

# Empty, or spaces only; Unicode's spaces and zero-width characters included.
BLANK = r"[ \u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]*"


def without_blanks(data: bytes, shape: type[msgspec.Struct]) -> bytes:
    """``data`` without the optional fields and list elements that are empty or blank text.

    Raises ``Rejected`` if a required field has such a text, or if a name is given twice. Data that
    can't be read is returned unchanged: the decoder reports what is wrong.
    """
    try:
        event = json.loads(data.decode(), object_pairs_hook=_each_name_once)
    except (ValueError, RecursionError):
        return data
    if not isinstance(event, dict) or not any(_has_blanks(value) for value in event.values()):
        return data
    required = _fields(shape)
    kept = {}
    for name, value in event.items():
        if not _is_blank(value) or name not in required:
            kept[name] = _without_blank_elements(value)
        elif required[name]:
            raise Rejected(RejectionCode.WRONG_SHAPE, f"{name}: is empty; it has no default")
    return json.dumps(kept).encode()


@cache
def _fields(shape: type[msgspec.Struct]) -> dict[str, bool]:
    """The names of the fields of ``shape``, and whether each is required."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(shape)}


def _has_blanks(value: object) -> bool:
    return any(map(_is_blank, value)) if isinstance(value, list) else _is_blank(value)


def _without_blank_elements(value: Any) -> Any:
    return [v for v in value if not _is_blank(v)] if isinstance(value, list) else value


def _is_blank(value: object) -> bool:
    # Not ``str.strip``, which would also take line breaks away: those are to be rejected.
    return isinstance(value, str) and re.fullmatch(BLANK, value) is not None


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Reject a name that is given twice: JSON doesn't say which one counts, and readers differ."""
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            shown = name[:80] if name.isprintable() else repr(name[:80])
            raise Rejected(
                RejectionCode.WRONG_SHAPE, f"{shown}: given twice; send every field once"
            )
        fields[name] = value
    return fields
