"""Unquoted YAML values: each has one meaning, or is rejected with advice what to write instead.

YAML 1.1, YAML 1.2 and authors of files read ``0200``, ``1:30``, ``1_000``, ``0x10``, ``1e3``,
``no`` and ``2026-01-01`` differently. So only values with one meaning are accepted: whole numbers
and decimals without a leading zero, ``true``, ``false``, and text that can't be read as another
type. Quoted text is not passed to this module. Must not know where in a file the value is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from decimal import Decimal

Scalar = str | int | float | bool

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_BOOLEANS = dict.fromkeys(("true", "True", "TRUE"), True)
_BOOLEANS |= dict.fromkeys(("false", "False", "FALSE"), False)
_NOTHING = frozenset(("", "~", "null", "Null", "NULL"))

_SIGN = r"(?P<sign>[-+]?)"
_LEADING_ZERO = re.compile(_SIGN + r"0(?P<digits>[0-9_]+)")
_OCTAL = re.compile(_SIGN + r"0[oO](?P<digits>[0-9_]+)")
_HEXADECIMAL = re.compile(_SIGN + r"0[xX](?P<digits>[0-9a-fA-F_]*)")
_BINARY = re.compile(_SIGN + r"0[bB](?P<digits>[01_]*)")
_BASE_60 = re.compile(_SIGN + r"(?P<digits>[0-9][0-9_]*(:[0-9_]+)+)(\.[0-9_]*)?")
_EXPONENT = re.compile(_SIGN + r"([0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)[eE][-+]?[0-9]+")
_NUMBER = re.compile(_SIGN + r"([0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)")
_INFINITE = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+|$)[0-9:.Zz+ \t-]*")
_ON_OFF = re.compile(r"y|yes|n|no|on|off", re.IGNORECASE)
_OTHERS = {
    "<<": "merges (<<) are not supported; write the keys out",
    "=": "'=' has a meaning of its own in YAML; put it in quotes",
}


class Ambiguous(Exception):
    """The value has several meanings; the message says which, and what to write instead."""


def plain_value(text: str) -> Scalar:
    """The value of the unquoted ``text``; raises ``Ambiguous``."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    objection = _objection(text)
    if objection is not None:
        raise Ambiguous(objection)
    return text


def _objection(text: str) -> str | None:
    if text in _NOTHING:
        return "is empty; give it a value or leave it out"
    if text in _OTHERS:
        return _OTHERS[text]
    if _ON_OFF.fullmatch(text):
        word = "true" if text.lower() in ("y", "yes", "on") else "false"
        return f"{text} is {word} in YAML 1.1 and text in YAML 1.2; {_write(word, text)}"
    if _DATE.fullmatch(text):
        return f"{_short(text)} is read as a date; put it in quotes"
    if _INFINITE.fullmatch(text):
        return f"{text} is not a finite number; put it in quotes if it is text"
    for pattern, what, number in _NUMBERS:
        found = pattern.fullmatch(text)
        if found is not None:
            return f"{_short(text)} {what}; {_write(number(found), text)}"
    return None


def _write(instead: str, text: str) -> str:
    return f"write {instead}, or '{_short(text)}' in quotes for text"


def _in_base(base: int) -> Callable[[re.Match[str]], str]:
    def number(found: re.Match[str]) -> str:
        digits = found["digits"].replace("_", "")
        try:
            return _signed(found, int(digits, base)) if len(digits) <= 60 else _PLAIN
        except ValueError:  # no digits, or a digit that this base doesn't have
            return _PLAIN

    return number


def _octal_or_decimal(found: re.Match[str]) -> str:
    octal, decimal = _in_base(8)(found), _in_base(10)(found)
    return decimal if octal in (decimal, _PLAIN) else f"{decimal} or {octal}, whichever is meant"


def _from_base_60(found: re.Match[str]) -> str:
    parts = found["digits"].replace("_", "").split(":")
    if found[0].count(".") or not all(parts) or len(found[0]) > 18:
        return _PLAIN
    return _signed(found, functools.reduce(lambda sum, part: sum * 60 + int(part), parts, 0))


def _without_exponent(found: re.Match[str]) -> str:
    mantissa, _, exponent = found[0].lower().replace("_", "").partition("e")
    if len(found[0]) > 18 or len(exponent.lstrip("+-0")) > 1:
        return _PLAIN
    number = Decimal(f"{mantissa}e{exponent}")
    return str(int(number)) if number == int(number) else format(number, "f")


def _tidied(found: re.Match[str]) -> str:
    whole, point, fraction = found[0].lstrip("+-").replace("_", "").partition(".")
    tidy = (whole.lstrip("0") or "0") + (f".{fraction or '0'}" if point else "")
    return _PLAIN if len(tidy) > 18 else found["sign"].strip("+") + tidy


def _signed(found: re.Match[str], number: int) -> str:
    return f"-{number}" if found["sign"] == "-" else str(number)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


_PLAIN = "the number in decimal digits, at most 18"
_NUMBERS: tuple[tuple[re.Pattern[str], str, Callable[[re.Match[str]], str]], ...] = (
    (_HEXADECIMAL, "is hexadecimal", _in_base(16)),
    (_BINARY, "is binary", _in_base(2)),
    (_OCTAL, "is octal", _in_base(8)),
    (_BASE_60, "is base 60 in YAML 1.1 and text in YAML 1.2", _from_base_60),
    (_EXPONENT, "is a number to some YAML readers and text to others", _without_exponent),
    (_LEADING_ZERO, "is octal in YAML 1.1 and decimal in YAML 1.2", _octal_or_decimal),
    (_NUMBER, "is not written as a plain number", _tidied),
)
