"""What msgspec finds wrong with a message, in words for its sender.

msgspec speaks of the types of a program (``Expected `str | null`, got `int```), which tell the
sender of an event nothing. Knows the shapes as data, and not what they are for.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from shared.domain.suggest import closest

_MOMENT = "2026-11-26T09:00:00Z"
# Of each type that a field can have: how it is called, and what to do about another one.
_WANTED = {
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
    said = _said(what, _sent(data, where), _choices(shape, where))
    return f"{where}: {said}" if where else f"the message {said}"


def _said(what: str, sent: str, choices: list[str]) -> str:
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
        return _printable(what)
    if types := re.fullmatch(r"Expected `(\w+)(?: \| null)?`, got `(\w+)`", what):
        wanted, advice = _WANTED.get(types[1], (types[1], "send that"))
        return f"must be {wanted}, got {_GOT.get(types[2], types[2])}; {advice}"
    return what


def _none_of(sent: str, choices: list[str]) -> str:
    if len(choices) == 1:
        return f"{sent} is not {choices[0]!r}; send that"
    close = closest(sent.strip("'").lower(), choices)
    hint = f"did you mean {close!r}?" if close else "send one of these"
    return f"{sent} is none of {', '.join(choices)}; {hint}"


def _printable(what: str) -> str:
    """Of the two patterns of texts, that of ids lists what is allowed; the other what isn't."""
    if "[!-~]" in what:
        return "holds a space or a character that is not printable ASCII; send an id without them"
    if "[a-z0-9-]" in what:
        return "is not a key; send it as fleet shows it, such as ana-rzb4un3qciuo"
    return "holds a line break or another control character; send one line of printable characters"


def _choices(shape: type[msgspec.Struct], name: str) -> list[str]:
    """The values that a field can have, if they are listed; else []."""
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
    """What stands at ``where`` (``groups[0]``) of ``data``, to be shown.

    msgspec stops at the first fault, so behind it there may be what is not JSON at all.
    """
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        return "this"
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", where):
        found = found[name] if name else found[int(index)]
    text = found if isinstance(found, str) else json.dumps(found)
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
