"""Events that are refused because of what is known of a person."""

from __future__ import annotations

from shared.domain.contracts.rejections import RejectionCode
from shared.domain.names import person_key
from tests.support.builders import ANA, BEN, KEY
from tests.support.simulation.world import World
from tests.unit.refused_events.row import Row

NOW = "2026-03-01T09:05:00Z"
SMITH = "ben.smith@example.com"
ZED = "zed@example.com"
SEND_AGAIN = "send the event again; if the address was given to somebody else, first send"


def ben_is_seven(world: World) -> None:
    """Ben has an environment, and the id 7."""
    assert world.join(BEN, person_id="7", occurred_at="2026-03-01T08:00:00Z") == "applied"


def two_holds(world: World) -> None:
    """Ana is under two holds."""
    for hold in ("CASE-7", "AUDIT-9"):
        assert world.command("hold", ANA, hold=hold) == "applied"


def ana_leaves(world: World) -> None:
    """Ana is leaving."""
    assert world.leave(ANA) == "applied"


def zed_is_to_come(world: World) -> None:
    """Zed is to join later."""
    assert world.join(ZED, effective_at="2026-04-01T09:00:00Z") == "scheduled"


TABLE: dict[str, Row] = {
    "a join with another id": Row(
        "onboarding",
        {"email": BEN, "person_id": "8", "occurred_at": NOW},
        RejectionCode.IDENTITY_CONFLICT,
        (
            "person_id: ben@example.com is the address of person_id '7', and the event says '8'; ",
            f"nothing was changed. Correct the address or the person_id and {SEND_AGAIN}",
        ),
        before=ben_is_seven,
    ),
    "a leave with another id": Row(
        "offboarding",
        {"email": BEN, "person_id": "8", "occurred_at": NOW},
        RejectionCode.IDENTITY_CONFLICT,
        (
            "person_id: ben@example.com is the address of person_id '7', and the event says '8'; ",
            f"nothing was changed. Correct the address or the person_id and {SEND_AGAIN}",
        ),
        before=ben_is_seven,
    ),
    "a change of address with another id": Row(
        "onboarding",
        {"email": SMITH, "previous_email": BEN, "person_id": "8", "occurred_at": NOW},
        RejectionCode.IDENTITY_CONFLICT,
        ("person_id: ben@example.com is the address of person_id '7', and the event says '8'; ",),
        before=ben_is_seven,
    ),
    "a change to an address of somebody else": Row(
        "onboarding",
        {"email": ANA, "previous_email": BEN, "occurred_at": NOW},
        RejectionCode.IDENTITY_CONFLICT,
        (
            f"email: {ANA} is the address of {ANA} (person_id unknown, record {KEY}), who "
            "had it before this event, and ",
            f"{BEN} (person_id 7, record {person_key(BEN)}) can't have it as well; ",
            f"Correct the address, previous_email or person_id and {SEND_AGAIN}",
        ),
        before=ben_is_seven,
    ),
    "a release of one of several holds": Row(
        "admin-events",
        {"action": "release", "email": ANA, "reason": "it is over"},
        RejectionCode.SEVERAL_HOLDS,
        (
            "hold: ana@example.com is under 2 holds, CASE-7 (because), AUDIT-9 (because); ",
            'send the release again with "hold" naming one of them, or with "hold":"all"',
        ),
        before=two_holds,
    ),
    "a recreate for a leaver": Row(
        "admin-events",
        {"action": "recreate", "email": ANA, "reason": "a new disk"},
        RejectionCode.NOTHING_TO_RECREATE,
        (
            "email: ana@example.com is leaving, so there is nothing to recreate; ",
            "send the command again once they have one",
        ),
        before=ana_leaves,
    ),
    "a recreate for somebody who is to join later": Row(
        "admin-events",
        {"action": "recreate", "email": ZED, "reason": "a new disk"},
        RejectionCode.NOTHING_TO_RECREATE,
        (
            "email: zed@example.com has no notebook, so there is nothing to recreate; ",
            "send the command again once they have one",
        ),
        before=zed_is_to_come,
    ),
}
