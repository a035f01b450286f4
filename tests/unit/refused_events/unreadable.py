"""Joins that can't be read as an event at all, or only in part."""

from __future__ import annotations

from shared.domain.contracts.inbound_events import MAX_EVENT_BYTES
from shared.domain.contracts.rejections import RejectionCode as Code
from tests.support.builders import ANA
from tests.unit.refused_events.row import Row, rows

GOOD = b'{"email":"ana@example.com"'

NOT_JSON = {
    "only a space": b" ",
    "a bare address": b"ana@example.com",
    "YAML": b"email: ana@example.com",
    "Python's notation": b"{'email': 'ana@example.com'}",
    "a trailing comma": b'{"email": "ana@example.com",}',
    "two values": b'{"email": "ana@example.com"} {}',
    "cut off": b'{"email": "ana@example.com"',
    "not a number of JSON": b'{"email": NaN}',
    "a byte order mark": b'\xef\xbb\xbf{"email": "ana@example.com"}',
    "UTF-16": '{"email": "ana@example.com"}'.encode("utf-16"),
    "Latin-1": b'{"email": "ana@example.com", "team": "\xe4"}',
    "a surrogate in UTF-8": b'{"email": "ana@example.com", "team": "\xed\xa0\x80"}',
    "half a surrogate pair": b'{"email": "ana@example.com", "team": "\\ud800"}',
    "a bare line break in a string": b'{"email": "ana@example.com", "team": "a\nb"}',
    "invalid UTF-8": GOOD + b',"team":"\xff\xfe"}',
}

# What is no object, and what the reason calls it.
NO_OBJECT = {
    "a list": (b"[]", "a list"),
    "null": (b"null", "null"),
    "a text": (b'"ana@example.com"', "text"),
    "a number": (b"7", "a number"),
    "nested too deeply": (b"[" * 60_000, "a list"),
}

# Of each unknown field: what the reason shows, and what it suggests.
UNKNOWN_FIELDS = {
    "emial": ("'emial'", "did you mean 'email'?"),
    "cost_centre": ("'cost_centre'", "did you mean 'cost_center'?"),
    "costCenter": ("'costCenter'", "did you mean 'cost_center'?"),
    "displayname": ("'displayname'", "did you mean 'display_name'?"),
    "group": ("'group'", "did you mean 'groups'?"),
    "shoe_size": ("'shoe_size'", "known are: email, event_id"),
    "action": ("'action'", "it belongs in an admin command: publish it on admin-events"),
    "hold": ("'hold'", "it belongs in an admin command: publish it on admin-events"),
    "by": ("'by'", "it belongs in an admin command: publish it on admin-events"),
    "line\nbreak": (r"'line\nbreak'", "known are: "),
    "<script>alert(1)</script>": ("'<script>alert(1)</script>'", "known are: "),
    "../../x": ("'../../x'", "known are: "),
    "\u202exe": (r"'\u202exe'", ""),
    "`": ("'`'", "known are: "),
    "": ("''", "known are: "),
    "n" * 5000: (f"'{'n' * 80}'", "known are: "),
}

BLANKS = {"empty": "", "a space": " ", "no-break": "\u00a0", "wide": " \u2003\u3000"}

TOO_LARGE = {
    "a byte too many": GOOD + b"}" + b" " * (MAX_EVENT_BYTES - len(GOOD)),
    "10 MB of text": b"x" * 10_000_000,
    "1 MB in a field": GOOD + b',"team":"' + b"x" * 1_000_000 + b'"}',
}

OTHERS = {
    "no fields": ({}, Code.WRONG_SHAPE, "email: is missing; it has no default"),
    "no address": ({"team": "a"}, Code.WRONG_SHAPE, "email: is missing; it has no default"),
    "a field given twice": (
        GOOD + b',"team":"a","t\\u0065am":"b"}',
        Code.WRONG_SHAPE,
        "team: given twice; send every field once",
    ),
    "a control character given twice": (
        GOOD + b',"\\u001b[2J":1,"\\u001b[2J":2}',
        Code.WRONG_SHAPE,
        r"'\x1b[2J': given twice; send every field once",
    ),
    "a long name given twice": (
        GOOD + b',"%b":1,"%b":1}' % (b"n" * 99, b"n" * 99),
        Code.WRONG_SHAPE,
        f"{'n' * 80}: given twice; send every field once",
    ),
    "a long name that is not printable given twice": (
        GOOD + b',"\\u001b%b":1,"\\u001b%b":1}' % (b"n" * 99, b"n" * 99),
        Code.WRONG_SHAPE,
        rf"'\x1b{'n' * 79}': given twice; send every field once",
    ),
    **{
        f"a blank address ({name})": (
            {"email": blank},
            Code.WRONG_SHAPE,
            "email: is empty; it has no default",
        )
        for name, blank in BLANKS.items()
    },
    "a blank unknown field": (
        {"email": ANA, "emial": " "},
        Code.UNKNOWN_FIELD,
        "'emial' is not a field of the event; did you mean 'email'?",
    ),
    "nested too deeply in a field": (
        b'{"email":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        Code.WRONG_SHAPE,
        "email: must be text, got a list",
    ),
    "nested too deeply and cut off": (
        GOOD + b',"team":' + b"[" * 50_000,
        Code.WRONG_SHAPE,
        "team: must be text, got a list",
    ),
    "nested too deeply in an unknown field": (
        b'{"a":' * 12_000,
        Code.UNKNOWN_FIELD,
        "'a' is not a field of the event; known are: email",
    ),
    "a wrong value before what is no JSON": (
        b'{"email":"ana@example.com","occurred_at":"tomorrow",',
        Code.WRONG_SHAPE,
        "occurred_at: this is not a time with its zone; send it such as 2026-",
    ),
}


def not_json(data: bytes) -> tuple[object, ...]:
    advice = '); send an object such as {"email": \u2026}'
    return data, Code.NOT_JSON, "the message is not JSON in UTF-8 (", advice


def no_object(data: bytes, got: str) -> tuple[object, ...]:
    reason = f"the message must be one JSON object, got {got}; send one message for each person"
    return data, Code.WRONG_SHAPE, reason


def unknown_field(name: str, shown: str, hint: str) -> tuple[object, ...]:
    reason = f"{shown} is not a field of the event; {hint}"
    return {"email": ANA, name: "x"}, Code.UNKNOWN_FIELD, reason


def too_large(data: bytes) -> tuple[object, ...]:
    reason = f"the event has {len(data)} bytes; at most {MAX_EVENT_BYTES} are read"
    return data, Code.TOO_LARGE, reason


TABLE: dict[str, Row] = rows(
    "onboarding",
    {
        **{name: not_json(data) for name, data in NOT_JSON.items()},
        **{name: no_object(*case) for name, case in NO_OBJECT.items()},
        **{
            f"unknown field {case[0]}": unknown_field(name, *case)
            for name, case in UNKNOWN_FIELDS.items()
        },
        **{name: too_large(data) for name, data in TOO_LARGE.items()},
        **OTHERS,
    },
)
