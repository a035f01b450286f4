"""Admin commands that are refused as they stand, whoever is known."""

from __future__ import annotations

import json

from shared.domain.contracts.inbound_events import MAX_EVENT_BYTES
from shared.domain.contracts.rejections import RejectionCode as Code
from shared.domain.names import person_key
from tests.support.builders import ANA, KEY
from tests.unit.refused_events.row import Row, rows

LEAST = {"action": "hold", "email": ANA, "reason": "a lawsuit"}
BEGUN = json.dumps(LEAST).encode()[:-1]
AN_OBJECT = ("the message is not JSON in UTF-8 (", '); send an object such as {"action": \u2026}')
ACTIONS = "none of hold, release, retry, recreate"
CONTROL = "has a line break or another control character"
TOO_LARGE = {
    "a byte too many": b"x" * (MAX_EVENT_BYTES + 1),
    "1 MB in a field": BEGUN + b',"by":"' + b"b" * 1_000_000 + b'"}',
    "1 MB of nothing": b" " * 1_000_000,
}

SHAPES = {
    "no data": (None, Code.NOT_JSON, "the message has no data; send the event as JSON"),
    "no JSON": (b"hold ana@example.com", Code.NOT_JSON, *AN_OBJECT),
    "only a space": (b" ", Code.NOT_JSON, *AN_OBJECT),
    "invalid UTF-8": (BEGUN + b',"by":"\xff\xfe"}', Code.NOT_JSON, *AN_OBJECT),
    "a list": ([], Code.WRONG_SHAPE, "the message must be one JSON object, got a list"),
    "no fields": (
        {},
        Code.WRONG_SHAPE,
        "action: is missing; it has no default; ",
        "a join is published on topic onboarding, a leave on offboarding",
    ),
    "a leave": (
        {"email": ANA, "reason": "x"},
        Code.WRONG_SHAPE,
        "action: is missing; it has no default; ",
        "a join is published on topic onboarding, a leave on offboarding",
    ),
    "a join": (
        LEAST | {"profile": "lean"},
        Code.UNKNOWN_FIELD,
        "'profile' is not a field of the event; ",
        "a join is published on topic onboarding, a leave on offboarding",
    ),
    "an immediate leave": (
        LEAST | {"immediate": True},
        Code.UNKNOWN_FIELD,
        "'immediate' is not a field of the event; ",
    ),
    "a mistyped field": (
        LEAST | {"reasons": "x"},
        Code.UNKNOWN_FIELD,
        "'reasons' is not a field of the event; did you mean 'reason'?",
    ),
    "a field given twice": (
        BEGUN + b',"action":"release"}',
        Code.WRONG_SHAPE,
        "action: given twice; send every field once",
    ),
    "nested too deeply": (
        BEGUN + b',"by":' + b"[" * 50_000,
        Code.WRONG_SHAPE,
        "by: must be text, got a list",
    ),
}

FIELDS = {
    "no such action": (
        LEAST | {"action": "drop"},
        Code.WRONG_SHAPE,
        f"action: 'drop' is {ACTIONS}; send one of these",
    ),
    "an action that shares letters with another": (
        LEAST | {"action": "freeze"},
        Code.WRONG_SHAPE,
        f"action: 'freeze' is {ACTIONS}; send one of these",
    ),
    "an action in capitals": (
        LEAST | {"action": "HOLD"},
        Code.WRONG_SHAPE,
        f"action: 'HOLD' is {ACTIONS}; did you mean 'hold'?",
    ),
    "a long action": (
        LEAST | {"action": "x" * 500},
        Code.WRONG_SHAPE,
        f"action: '{'x' * 77}...' is {ACTIONS}; send one of these",
    ),
    "YAML in the action": (
        LEAST | {"action": "!!python/name:os.system"},
        Code.WRONG_SHAPE,
        f"action: '!!python/name:os.system' is {ACTIONS}",
    ),
    "an empty action": (LEAST | {"action": ""}, Code.WRONG_SHAPE, "action: is empty"),
    "nobody named": (
        {"action": "hold", "reason": "x"},
        Code.WRONG_SHAPE,
        "email: is missing; send the email, the person_id or the key of the person",
    ),
    "a blank address": (LEAST | {"email": "   "}, Code.WRONG_SHAPE, "email: is missing"),
    "a key with capitals": (
        LEAST | {"key": "Ana"},
        Code.WRONG_SHAPE,
        "key: is not a key; send it as fleet shows it",
    ),
    "a path as key": (LEAST | {"key": "../x"}, Code.WRONG_SHAPE, "key: is not a key"),
    "a person id with a space": (
        LEAST | {"person_id": "a b"},
        Code.WRONG_SHAPE,
        "person_id: has a space",
    ),
    "a number for an address": (
        LEAST | {"email": 7},
        Code.WRONG_SHAPE,
        "email: must be text, got a number",
    ),
    "no reason": (
        {"action": "hold", "email": ANA},
        Code.WRONG_SHAPE,
        "reason: is missing; it has no default",
    ),
    "an empty reason": (
        LEAST | {"reason": ""},
        Code.WRONG_SHAPE,
        "reason: is empty; it has no default",
    ),
    "a blank reason": (LEAST | {"reason": " \u3000"}, Code.WRONG_SHAPE, "reason: is empty"),
    "a long reason": (
        LEAST | {"reason": "r" * 1001},
        Code.WRONG_SHAPE,
        "reason: has more than 1000 characters",
    ),
    "two lines of reason": (LEAST | {"reason": "a\nb"}, Code.WRONG_SHAPE, f"reason: {CONTROL}"),
    "a sender that reads backwards": (
        LEAST | {"by": "\u202egpj"},
        Code.WRONG_SHAPE,
        f"by: {CONTROL}",
    ),
    "a long sender": (
        LEAST | {"by": "b" * 201},
        Code.WRONG_SHAPE,
        "by: has more than 200 characters",
    ),
    "an id with a space": (
        LEAST | {"event_id": "a b"},
        Code.WRONG_SHAPE,
        "event_id: has a space",
    ),
    "no zone": (
        LEAST | {"occurred_at": "2026-03-01T09:00:00"},
        Code.WRONG_SHAPE,
        "occurred_at: '2026-03-01T09:00:00' has no zone; add Z for UTC or",
    ),
    "an odd year": (
        LEAST | {"occurred_at": "1999-01-01T00:00:00Z"},
        Code.WRONG_SHAPE,
        "occurred_at: the year 1999 is not in this century",
    ),
    "a future time": (
        LEAST | {"occurred_at": "2026-03-02T09:00:00Z"},
        Code.FROM_THE_FUTURE,
        "occurred_at: 2026-03-02T09:00:00+00:00 is in the future",
        "a command takes effect when it arrives: send it then",
    ),
}

HOLDS = {
    "a hold of two lines": (LEAST | {"hold": "a\nb"}, Code.WRONG_SHAPE, f"hold: {CONTROL}"),
    "a hold called all": (
        LEAST | {"hold": "all"},
        Code.WRONG_SHAPE,
        "hold: 'all' is what a release says to lift every hold; give this one another id",
    ),
    "an event called all": (
        LEAST | {"event_id": "all"},
        Code.WRONG_SHAPE,
        "hold: 'all' is what a release says to lift every hold; give this one another id",
    ),
    "a recreate of a hold": (
        LEAST | {"action": "recreate", "hold": "x"},
        Code.WRONG_SHAPE,
        "hold: is for hold and release; a recreate lifts none, leave it out",
    ),
    "a retry of a hold": (
        LEAST | {"action": "retry", "hold": "x"},
        Code.WRONG_SHAPE,
        "hold: is for hold and release; a retry lifts none, leave it out",
    ),
}

BULK = {"action": "retry", "problem": "STOCK_OUT", "reason": "x"}
PROBLEMS = {
    "a problem that nobody has": (
        BULK,
        Code.UNKNOWN_PROBLEM,
        "problem: nobody's record shows 'STOCK_OUT' now; none are known",
    ),
    "a problem and an address": (
        BULK | {"email": ANA},
        Code.WRONG_SHAPE,
        "problem: a retry with it is for everybody whose record shows the problem; ",
        "leave out email, or leave out the problem to retry one person",
    ),
    "a problem, a key and a hold": (
        BULK | {"key": KEY, "hold": "CASE-7"},
        Code.WRONG_SHAPE,
        "problem: a retry with it is for everybody whose record shows the problem; ",
        "leave out key, hold, or leave out the problem",
    ),
    "a hold for a problem": (
        BULK | {"action": "hold"},
        Code.WRONG_SHAPE,
        "problem: is for retry; a hold is for one person: leave it out, and send the email, ",
    ),
    "a problem with a space": (BULK | {"problem": "a b"}, Code.WRONG_SHAPE, "problem: has a space"),
    "a future retry of a problem": (
        BULK | {"occurred_at": "2026-03-02T09:00:00Z"},
        Code.FROM_THE_FUTURE,
        "occurred_at: 2026-03-02T09:00:00+00:00 is in the future",
    ),
    "a cursor without a problem": (
        LEAST | {"after": "WyJwYWdlIl0"},
        Code.WRONG_SHAPE,
        "after: is for a retry with a problem; leave it out",
    ),
    "a cursor that is none": (
        BULK | {"after": "../x"},
        Code.WRONG_SHAPE,
        "after: '../x' is not a cursor of this listing; the admin function sets it: leave it out",
    ),
}

PEOPLE = {
    "no e-mail address": (
        LEAST | {"email": "ana"},
        Code.BAD_EMAIL,
        "email: 'ana' is not an e-mail address; send it as name@domain",
    ),
    "HTML in the address": (
        LEAST | {"email": "<script>@example.com"},
        Code.BAD_EMAIL,
        "email: '<script>@example.com' is not an e-mail address; ",
    ),
    "a path in the address": (
        LEAST | {"email": "../../etc/passwd"},
        Code.BAD_EMAIL,
        "email: '../../etc/passwd' is not an e-mail address; ",
    ),
    "a group": (
        LEAST | {"email": "group:all@example.com"},
        Code.NOT_A_PERSON,
        "email: 'group:all@example.com' names a group or a service account; ",
    ),
    "a service account": (
        LEAST | {"email": "etl@demo.iam.gserviceaccount.com"},
        Code.NOT_A_PERSON,
        "email: 'etl@demo.iam.gserviceaccount.com' is a service account; ",
    ),
    "somebody unknown": (
        LEAST | {"email": "nobody@example.com"},
        Code.UNKNOWN_PERSON,
        "email: there is no environment of nobody@example.com; ",
        "publish a join on onboarding first, then send the command again",
    ),
    "a key that nobody has": (
        LEAST | {"key": person_key("nobody@example.com")},
        Code.UNKNOWN_PERSON,
        f"key: no environment has the key {person_key('nobody@example.com')}; ",
        "send a key that fleet shows",
    ),
    "a person id that nobody has": (
        {"action": "hold", "person_id": "9", "reason": "x"},
        Code.UNKNOWN_PERSON,
        "person_id: there is no environment of 9; ",
    ),
    "an address with a person id that nobody has": (
        LEAST | {"person_id": "9"},
        Code.IDENTITY_CONFLICT,
        f"person_id: 9 does not belong to {ANA} (person_id unknown, record {KEY}), named by the",
    ),
    "somebody unknown of another domain": (
        LEAST | {"email": "zed@evil.example"},
        Code.FOREIGN_DOMAIN,
        "email: 'zed@evil.example' has no environment and is not in an allowed domain",
        "add the domain to ALLOWED_DOMAINS if its people",
    ),
}

TABLE: dict[str, Row] = rows(
    "admin-events",
    {
        **SHAPES,
        **FIELDS,
        **HOLDS,
        **PROBLEMS,
        **PEOPLE,
        **{
            name: (
                data,
                Code.TOO_LARGE,
                f"the event has {len(data)} bytes; at most {MAX_EVENT_BYTES} are read",
            )
            for name, data in TOO_LARGE.items()
        },
    },
)
