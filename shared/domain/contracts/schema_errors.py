"""Explains msgspec's errors about a message to its sender.

msgspec names types of Python (``Expected `str | null`, got `int```), which don't help the sender
of an event. Must not know what the fields are for.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from shared.domain.suggest import closest

_MOMENT = "2026-11-26T09:00:00Z"
# For each type that a field can have: what to call it, and what to send instead of another type.
_EXPECTED = {
    "str": ("text", "send one text in double quotes"),
    "bool": ("true or false", "send true or false without quotes"),
    "array": ("a list of texts", 'send a list such as ["analysts@example.com"]'),
    "object": ("one JSON object", "send one message for each person"),
    "datetime": ("a time with its zone", f'send it as text such as "{_MOMENT}"'),
}
_GOT = {
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "int": "a number",
    "float": "a number",
    "null": "null",
}
_SHOWN = 80  # characters of what was sent, in a message


def explained(error: str, data: bytes, shape: type[msgspec.Struct]) -> str:
    """msgspec's ``error`` about ``data`` as ``place: what is wrong; what to send instead``.

    Not for unknown and missing fields, which ``inbound_events`` explains.
    """
    what, _, path = error.partition(" - at `$")
    where = path.rstrip("`").lstrip(".")
    text = _explanation(what, _sent(data, where), _choices(shape, where))
    return f"{where}: {text}" if where else f"the message {text}"


def _explanation(what: str, sent: str, choices: list[str]) -> str:
    if what.startswith("Invalid enum value"):
        return _none_of(sent, choices)
    if what.startswith("Invalid RFC3339"):
        return f"{sent} is not a time with its zone; send it such as {_MOMENT}"
    if what.startswith("Expected `datetime` with a timezone"):
        return f"{sent} has no zone; add Z for UTC or an offset such as +01:00"
    if length := re.fullmatch(r"Expected `(\w+)` of length (<=|>=) (\d+)", what):
        kind, side, limit = length.groups()
        units = "elements" if kind == "array" else "characters"
        if side == ">=":
            return f"has fewer than {limit} {units}; send at least {limit}"
        return f"has more than {limit} {units}; send at most {limit}"
    if "matching regex" in what:
        return _wrong_characters(what)
    if types := re.fullmatch(r"Expected `(\w+)(?: \| null)?`, got `(\w+)`", what):
        expected, advice = _EXPECTED.get(types[1], (types[1], "send that"))
        return f"must be {expected}, got {_GOT.get(types[2], types[2])}; {advice}"
    return what


def _none_of(sent: str, choices: list[str]) -> str:
    if len(choices) == 1:
        return f"{sent} is not {choices[0]!r}; send that"
    close = closest(sent.strip("'").lower(), choices)
    hint = f"did you mean {close!r}?" if close else "send one of these"
    return f"{sent} is none of {', '.join(choices)}; {hint}"


def _wrong_characters(what: str) -> str:
    """The explanation for a text that doesn't match the pattern in ``what``: id, key or text."""
    if "[!-~]" in what:
        return "has a space or a character that is not printable ASCII; send an id without them"
    if "[a-z0-9-]" in what:
        return "is not a key; send it as fleet shows it, such as ana-rzb4un3qciuo"
    return "has a line break or another control character; send one line of printable characters"


def _choices(shape: type[msgspec.Struct], name: str) -> list[str]:
    """The values of a field that has a fixed list of them; else []."""
    info = msgspec.inspect.type_info(shape)
    assert isinstance(info, msgspec.inspect.StructType), "every shape is a struct"
    for field in info.fields:
        kind = field.type
        if isinstance(kind, msgspec.inspect.Metadata):
            kind = kind.type
        if field.encode_name == name and isinstance(kind, msgspec.inspect.EnumType):
            return [str(member.value) for member in kind.cls]
        if field.encode_name == name and isinstance(kind, msgspec.inspect.LiteralType):
            return [str(value) for value in kind.values]
    return []


def _sent(data: bytes, where: str) -> str:
    """The value at ``where`` (``groups[0]``) of ``data``, in quotes; "this" if it can't be read.

    msgspec stops at the first error, so the rest of ``data`` may not be JSON.
    """
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        return "this"
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", where):
        found = found[name] if name else found[int(index)]
    text = found if isinstance(found, str) else json.dumps(found)
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
