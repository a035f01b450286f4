"""Compute Engine's `filter` parameter, in both forms that the discovery document describes.

- AIP-160: `name = x`, `labels.k=v`, `labels.k:*`, joined by nothing or AND;
- regular expressions: `name eq "x.*"`, which must match the whole field (gcloud sends these).

A term may be in parentheses. OR and comparisons by size are a 400; if they were ignored, the list
would differ from Google's. Pure functions; it must not know what is filtered.
"""

import re
from collections.abc import Callable
from typing import Any

from local.api.store import Filter
from local.errors import ApiError

Json = dict[str, Any]

_TERM = re.compile(
    r"""\s*(?P<open>\()?\s*
        (?P<field>[A-Za-z][\w.-]*)\s*(?P<operator>!=|=|:|\b(?:eq|ne)\b)\s*
        (?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|(?P<plain>[^\s"'()]+))
        \s*(?(open)\))(?:\s*\bAND\b|(?=\s|\()|$)""",
    re.VERBOSE,
)
_Test = Callable[[str | None], bool]


def parse(text: str) -> Filter:
    """The filter that `text` describes; 400 if it can't be parsed."""
    terms: list[tuple[list[str], _Test]] = []
    regular: set[bool] = set()
    position, text = 0, text.rstrip()
    while position < len(text):
        term = _TERM.match(text, position)
        if term is None:
            raise _unreadable(text[position:].strip())
        regular.add(term["operator"] in ("eq", "ne"))
        terms.append((_path(term["field"]), _test(term)))
        position = term.end()
    if len(regular) > 1:
        raise _unreadable(f"{text} (eq and ne can't be mixed with other operators)")
    return lambda resource: all(test(_value(resource, path)) for path, test in terms)


def _path(field: str) -> list[str]:
    return field.split(".", 1) if field.startswith("labels.") else field.split(".")


def _test(term: re.Match[str]) -> _Test:
    wanted = next(v for v in (term["double"], term["single"], term["plain"]) if v is not None)
    match term["operator"]:
        case "eq":
            pattern = _pattern(wanted)
            return lambda value: pattern.fullmatch(value or "") is not None
        case "ne":
            pattern = _pattern(wanted)
            return lambda value: pattern.fullmatch(value or "") is None
        case "!=":
            return lambda value: value != wanted
        case ":" if wanted == "*":
            return lambda value: value is not None
    return lambda value: value == wanted


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise _unreadable(text) from error


def _value(resource: Json, path: list[str]) -> str | None:
    value: Any = resource
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _unreadable(text: str) -> ApiError:
    return ApiError.invalid(f"Invalid value for field 'filter': '{text}'. Invalid list filter.")
