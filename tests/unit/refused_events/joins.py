"""Joins and leaves that are read, and are refused whoever is known."""

from __future__ import annotations

from shared.domain.contracts.rejections import RejectionCode as Code
from tests.support.builders import ANA
from tests.unit.refused_events.row import Row, rows

OLD = "ana.old@example.com"

JOINS = {
    "no data": (None, Code.NOT_JSON, "the message has no data; send the event as JSON"),
    "no e-mail address": (
        {"email": "ana"},
        Code.BAD_EMAIL,
        "email: 'ana' is not an e-mail address; ",
        "send it as name@domain in plain ASCII",
    ),
    "a group": (
        {"email": "group:all@example.com"},
        Code.NOT_A_PERSON,
        "email: 'group:all@example.com' names a group or a service account; ",
        "send one event for each person",
    ),
    "a group of the profiles": (
        {"email": "Analysts@example.com"},
        Code.NOT_A_PERSON,
        "email: 'analysts@example.com' is a group of profiles.yaml; ",
        "send one event for each member",
    ),
    "a service account": (
        {"email": "etl@demo.iam.gserviceaccount.com"},
        Code.NOT_A_PERSON,
        "email: 'etl@demo.iam.gserviceaccount.com' is a service account; ",
        "personal environments are for people",
    ),
    "a domain that is not allowed": (
        {"email": "ana@evil.example"},
        Code.FOREIGN_DOMAIN,
        "email: 'ana@evil.example' is not in an allowed domain (example.com); ",
        "add the domain to ALLOWED_DOMAINS if its people",
    ),
    "no such profile": (
        {"email": ANA, "profile": "ful"},
        Code.UNKNOWN_PROFILE,
        "profile: there is no profile 'ful'; did you mean 'full'?",
    ),
    "a profile unlike any": (
        {"email": ANA, "profile": "scientist"},
        Code.UNKNOWN_PROFILE,
        "profile: there is no profile 'scientist'; known are: full, lean, brief",
    ),
    "a future time": (
        {"email": ANA, "occurred_at": "2026-03-02T09:00:00Z"},
        Code.FROM_THE_FUTURE,
        "occurred_at: 2026-03-02T09:00:00+00:00 is in the future and would override everything ",
        "for something that is to happen later send effective_at",
    ),
    "an odd year": (
        {"email": ANA, "occurred_at": "1999-01-01T00:00:00Z"},
        Code.WRONG_SHAPE,
        "occurred_at: the year 1999 is not in this century",
    ),
    "an immediate join": (
        {"email": ANA, "immediate": True},
        Code.WRONG_SHAPE,
        "immediate: belongs in a leave; publish the leave on topic offboarding, or send the join ",
        "without it",
    ),
    "an immediate change of address": (
        {"email": ANA, "immediate": True, "previous_email": OLD},
        Code.WRONG_SHAPE,
        "immediate: belongs in a leave; publish the leave on topic offboarding, or send the join ",
    ),
    "an immediate join in the future": (
        {"email": ANA, "immediate": True, "effective_at": "2027-01-01T00:00:00Z"},
        Code.WRONG_SHAPE,
        "immediate: belongs in a leave; publish the leave on topic offboarding, or send the join ",
    ),
    "the same address before": (
        {"email": ANA, "previous_email": ANA},
        Code.WRONG_SHAPE,
        "previous_email: is the same as email; leave it out",
    ),
    "the same address in capitals": (
        {"email": ANA, "previous_email": "Ana@EXAMPLE.com"},
        Code.WRONG_SHAPE,
        "previous_email: is the same as email; leave it out",
    ),
    "a former address that is none": (
        {"email": ANA, "previous_email": "ana"},
        Code.BAD_EMAIL,
        "previous_email: 'ana' is not an e-mail address; ",
    ),
    "a former address of a group": (
        {"email": ANA, "previous_email": "group:all@example.com"},
        Code.NOT_A_PERSON,
        "previous_email: 'group:all@example.com' names a group or a service account; ",
    ),
}

LEAVES = {
    "no data": (None, Code.NOT_JSON, "the message has no data; send the event as JSON"),
    "a list": ([], Code.WRONG_SHAPE, "the message must be one JSON object, got a list; "),
    "no fields": ({}, Code.WRONG_SHAPE, "email: is missing; it has no default"),
    "an unknown field": (
        {"email": ANA, "emial": ANA},
        Code.UNKNOWN_FIELD,
        "'emial' is not a field of the event; did you mean 'email'?",
    ),
    "no zone": (
        {"email": ANA, "occurred_at": "2026-03-01T09:00:00"},
        Code.WRONG_SHAPE,
        "occurred_at: '2026-03-01T09:00:00' has no zone; add Z for UTC or",
    ),
    "a future time": (
        {"email": ANA, "occurred_at": "2026-03-02T09:00:00Z"},
        Code.FROM_THE_FUTURE,
        "occurred_at: 2026-03-02T09:00:00+00:00 is in the future",
    ),
    "a former address": (
        {"email": ANA, "previous_email": OLD},
        Code.WRONG_SHAPE,
        "previous_email: belongs in the join of the new address, on topic onboarding",
    ),
    "somebody unknown of another domain": (
        {"email": "zed@evil.example"},
        Code.FOREIGN_DOMAIN,
        "email: 'zed@evil.example' has no environment and is not in an allowed domain",
        "add the domain to ALLOWED_DOMAINS if its people",
    ),
}

TABLE: dict[str, Row] = {**rows("onboarding", JOINS), **rows("offboarding", LEAVES)}
