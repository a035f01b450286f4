"""Messages on the topics between the functions that are refused: `converge` and `reconcile`."""

from __future__ import annotations

from shared.domain.contracts.rejections import RejectionCode as Code
from tests.support.builders import ANA, KEY
from tests.unit.refused_events.row import Row, rows

NO_DATA = "the message has no data; send the event as JSON"
A_LIST = "the message must be one JSON object, got a list; send one message for each person"
NO_KEY = "key: is not a key; send it as fleet shows it, such as ana-rzb4un3qciuo"
TRUTH = "send true or false without quotes"

CONVERGE = {
    "no data": (None, Code.NOT_JSON, NO_DATA),
    "a list": ([], Code.WRONG_SHAPE, A_LIST),
    "no fields": ({}, Code.WRONG_SHAPE, "key: is missing; it has no default"),
    "an address": (
        {"email": ANA},
        Code.UNKNOWN_FIELD,
        "'email' is not a field of the message; known are: key, admitted",
    ),
    "an unknown field": (
        {"key": KEY, "scope": "due"},
        Code.UNKNOWN_FIELD,
        "'scope' is not a field of the message; known are: key, admitted",
    ),
    "a number for a key": ({"key": 7}, Code.WRONG_SHAPE, "key: must be text, got a number; "),
    "an empty key": ({"key": ""}, Code.WRONG_SHAPE, "key: is empty; it has no default"),
    "an address for a key": ({"key": ANA}, Code.WRONG_SHAPE, NO_KEY),
    "a path for a key": ({"key": "../parked/x"}, Code.WRONG_SHAPE, NO_KEY),
    "a line break after a key": ({"key": KEY + "\n"}, Code.WRONG_SHAPE, NO_KEY),
    "a text for a truth": (
        {"key": KEY, "admitted": "yes"},
        Code.WRONG_SHAPE,
        f"admitted: must be true or false, got text; {TRUTH}",
    ),
    "a number for a truth": (
        {"key": KEY, "admitted": 1},
        Code.WRONG_SHAPE,
        f"admitted: must be true or false, got a number; {TRUTH}",
    ),
    "somebody unknown": (
        {"key": "zed-rzb4un3qciuo"},
        Code.UNKNOWN_PERSON,
        "key: no environment has the key 'zed-rzb4un3qciuo'; send a key that fleet shows",
    ),
}

RECONCILE = {
    "no data": (None, Code.NOT_JSON, NO_DATA),
    "a list": ([], Code.WRONG_SHAPE, A_LIST),
    "no fields": ({}, Code.WRONG_SHAPE, "scope: is missing; it has no default"),
    "an unknown field": (
        {"scope": "due", "email": ANA},
        Code.UNKNOWN_FIELD,
        "'email' is not a field of the message; known are: scope",
    ),
    "another scope": (
        {"scope": "all"},
        Code.WRONG_SHAPE,
        "scope: 'all' is not 'due'; send that",
    ),
}

TABLE: dict[str, Row] = {**rows("converge", CONVERGE), **rows("reconcile", RECONCILE)}
