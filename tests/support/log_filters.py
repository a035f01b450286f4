"""The part of the Logging query language that our metrics and pages use, evaluated.

Comparisons (``=``, ``>``, ``>=``, ``<``, ``<=``), ``:*`` (the field is there), ``=~`` (a regular
expression anywhere in the value), ``NOT``, ``AND``, ``OR`` and parentheses. Anything else is
refused. A comparison with a field that isn't there is false.
Source: Cloud Logging, "Logging query language" (comparisons, regular expressions, missing fields).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Entry = Mapping[str, Any]
Test = Callable[[Entry], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<word>AND\b|OR\b|NOT\b|\(|\))
    |(?P<field>[A-Za-z_][\w.]*)\s*(?P<relation>=~|>=|<=|=|>|<|:)\s*
     (?:"(?P<text>[^"\\]*)"|(?P<bare>[\w.*-]+)))""",
    re.VERBOSE,
)
_SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT")


class NotUnderstood(Exception):
    """A filter that is wrong, or that uses more of the language than is known here."""


class _Comparison(msgspec.Struct, frozen=True):
    field: str
    relation: str
    value: str
    quoted: bool

    def __call__(self, entry: Entry) -> bool:
        found = field_of(entry, self.field)
        if found is None:
            return False
        match self.relation:
            case ":":
                return True  # `:*`, the only form that is read
            case "=~":
                return bool(re.search(self.value, str(found)))
            case "=":
                return self._same(found)
        one, other = _ordered(self.field, found, self.value)
        relations = {">": one > other, ">=": one >= other, "<": one < other, "<=": one <= other}
        return relations[self.relation]

    def _same(self, found: object) -> bool:
        if self.quoted or isinstance(found, str):
            return str(found) == self.value
        return bool(found == float(self.value))


def field_of(entry: Entry, path: str) -> Any:
    """The value of the field at the dotted ``path``, or None."""
    value: Any = entry
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def compiled(filter: str) -> Test:
    """The filter as a test of log entries; raises ``NotUnderstood``."""
    tokens = _tokens(filter)
    test, rest = _any_of(tokens)
    if rest:
        raise NotUnderstood(f"{filter}: what is {rest[0]!r} doing there?")
    return test


def entry_of(line: Mapping[str, Any], function: str) -> Entry:
    """The log entry that Cloud Logging makes of a line of ``function``.

    It takes what it knows out of the line; all else is ``jsonPayload``.
    Source: Cloud Logging, "Structured logging", special fields.
    """
    special = ("severity", "time", "logging.googleapis.com/trace")
    return {
        "severity": line["severity"],
        "timestamp": line["time"],
        "resource": {"type": "cloud_run_revision", "labels": {"service_name": function}},
        "jsonPayload": {name: value for name, value in line.items() if name not in special},
    }


def _tokens(filter: str) -> list[_Comparison | str]:
    found: list[_Comparison | str] = []
    at = 0
    while filter[at:].strip():
        token = _TOKEN.match(filter, at)
        if token is None:
            raise NotUnderstood(f"{filter}: {filter[at:]!r}")
        at = token.end()
        found.append(token["word"] or _comparison(token))
    return found


def _comparison(token: re.Match[str]) -> _Comparison:
    quoted = token["text"] is not None
    value = token["text"] if quoted else token["bare"]
    if token["relation"] == ":" and (quoted or value != "*"):
        raise NotUnderstood(f"{token[0]}: of `:` only `:*` is known here")
    return _Comparison(token["field"], token["relation"], value, quoted)


def _any_of(tokens: list[_Comparison | str]) -> tuple[Test, list[_Comparison | str]]:
    # Which of AND and OR binds more closely is not what people expect: parentheses are asked for.
    first, rest = _one(tokens)
    tests, words = [first], set()
    while rest and rest[0] in ("AND", "OR"):
        words.add(rest[0])
        test, rest = _one(rest[1:])
        tests.append(test)
    if len(words) > 1:
        raise NotUnderstood("AND and OR side by side: add parentheses")
    combine = any if words == {"OR"} else all
    return (lambda entry: combine(test(entry) for test in tests)), rest


def _one(tokens: list[_Comparison | str]) -> tuple[Test, list[_Comparison | str]]:
    match tokens:
        case ["NOT", *rest]:
            test, rest = _one(rest)
            return (lambda entry: not test(entry)), rest
        case ["(", *rest]:
            test, rest = _any_of(rest)
            if rest[:1] != [")"]:
                raise NotUnderstood("a parenthesis is not closed")
            return test, rest[1:]
        case [_Comparison() as comparison, *rest]:
            return comparison, rest
    raise NotUnderstood(f"a comparison is missing before {tokens[:1]}")


def _ordered(field: str, found: object, value: str) -> tuple[float, float]:
    if field == "severity":
        return _SEVERITIES.index(str(found)), _SEVERITIES.index(value)
    return float(str(found)), float(value)
