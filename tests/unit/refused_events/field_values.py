"""Values that no field of a join or leave may have: what the reason says is wrong, and what to do.

The published schema refuses all of them, too.
"""

from __future__ import annotations

from shared.domain.contracts.rejections import RejectionCode
from tests.support.builders import ANA
from tests.unit.refused_events.row import Row, rows

TEXT = "send one text in double quotes"
TRUTH = "send true or false without quotes"
LIST = 'send a list such as ["analysts@example.com"]'
MOMENT = "send it as text such as "
ZONE = "add Z for UTC or an offset such as +01:00"
NO_MOMENT = "is not a time with its zone; send it such as 2026-11-26T09:00:00Z"
CONTROL = "has a line break or another control character; send one line of printable characters"
NO_ID = "has a space or a character that is not printable ASCII; send an id without them"


def above(limit: int, units: str = "characters") -> str:
    return f"has more than {limit} {units}; send at most {limit}"


# For each name: the field, the value, where the reason says it is, and what it says.
VALUES: dict[str, tuple[str, object, str, str]] = {
    "null for an address": ("email", None, "email", f"must be text, got null; {TEXT}"),
    "a number for an address": ("email", 7, "email", f"must be text, got a number; {TEXT}"),
    "a list of addresses": ("email", [ANA], "email", f"must be text, got a list; {TEXT}"),
    "a short address": ("email", "a@", "email", "has fewer than 3 characters; send at least 3"),
    "a long address": ("email", "a" * 255, "email", above(254)),
    "a long former address": ("previous_email", "a" * 255, "previous_email", above(254)),
    "a number for a former address": (
        "previous_email",
        7,
        "previous_email",
        f"must be text, got a number; {TEXT}",
    ),
    "a long event id": ("event_id", "e" * 201, "event_id", above(200)),
    "a space in an event id": ("event_id", "a b", "event_id", NO_ID),
    "a line break after an event id": ("event_id", "e\n", "event_id", NO_ID),
    "an event id that is not ASCII": ("event_id", "\u00e9", "event_id", NO_ID),
    "a line break after a profile": ("profile", "lean\n", "profile", NO_ID),
    "a long profile": ("profile", "p" * 201, "profile", above(200)),
    "a number for a person id": (
        "person_id",
        4711,
        "person_id",
        f"must be text, got a number; {TEXT}",
    ),
    "a long person id": ("person_id", "p" * 201, "person_id", above(200)),
    "a text for groups": ("groups", "a", "groups", f"must be a list of texts, got text; {LIST}"),
    "an object for groups": (
        "groups",
        {"a": 1},
        "groups",
        f"must be a list of texts, got an object; {LIST}",
    ),
    "a number for a group": ("groups", [1], "groups[0]", f"must be text, got a number; {TEXT}"),
    "a long group": ("groups", ["g" * 255], "groups[0]", above(254)),
    "too many groups": ("groups", ["g"] * 501, "groups", above(500, "elements")),
    "NUL in a group": ("groups", ["a\x00b"], "groups[0]", CONTROL),
    "a long name": ("display_name", "n" * 201, "display_name", above(200)),
    "a name that reads backwards": ("display_name", "\u202egro", "display_name", CONTROL),
    "a name that reads otherwise": ("display_name", "a\u2066b", "display_name", CONTROL),
    "a tab within": ("team", "a\tb", "team", CONTROL),
    "a line break at the end": ("team", "a\n", "team", CONTROL),
    "YAML's other line break": ("team", "a\x85b", "team", CONTROL),
    "JavaScript's other line break": ("team", "a\u2028b", "team", CONTROL),
    "a tab alone": ("team", "\t", "team", CONTROL),
    "a line break alone": ("team", "\n", "team", CONTROL),
    "a unit separator alone": ("team", "\x1f", "team", CONTROL),
    "a next line alone": ("team", "\x85", "team", CONTROL),
    "a line separator alone": ("team", "\u2028", "team", CONTROL),
    "what clears a terminal": ("cost_center", "\x1b[2J", "cost_center", CONTROL),
    "an object for a cost centre": (
        "cost_center",
        {"a": 1},
        "cost_center",
        f"must be text, got an object; {TEXT}",
    ),
    "a long reason": ("reason", "r" * 1001, "reason", above(1000)),
    "two lines of reason": ("reason", "a\r\nb", "reason", CONTROL),
    "a text for a truth": (
        "immediate",
        "true",
        "immediate",
        f"must be true or false, got text; {TRUTH}",
    ),
    "null for a truth": (
        "immediate",
        None,
        "immediate",
        f"must be true or false, got null; {TRUTH}",
    ),
    "seconds for a time": (
        "occurred_at",
        1777896000,
        "occurred_at",
        f"must be a time with its zone, got a number; {MOMENT}",
    ),
    "a word for a time": ("occurred_at", "yesterday", "occurred_at", f"'yesterday' {NO_MOMENT}"),
    "a date for a time": ("occurred_at", "2026-05-04", "occurred_at", f"'2026-05-04' {NO_MOMENT}"),
    "a time without its zone": (
        "occurred_at",
        "2026-05-04T12:00:00",
        "occurred_at",
        f"'2026-05-04T12:00:00' has no zone; {ZONE}",
    ),
    "a time to come without its zone": (
        "effective_at",
        "2026-05-04T12:00:00",
        "effective_at",
        f"'2026-05-04T12:00:00' has no zone; {ZONE}",
    ),
    "a day that there is not": (
        "effective_at",
        "2026-02-30T12:00:00Z",
        "effective_at",
        f"'2026-02-30T12:00:00Z' {NO_MOMENT}",
    ),
}

TABLE: dict[str, Row] = rows(
    "onboarding",
    {
        name: ({"email": ANA, field: value}, RejectionCode.WRONG_SHAPE, f"{where}: {wrong}")
        for name, (field, value, where, wrong) in VALUES.items()
    },
)
