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
BENS = f"{BEN} (person_id 7, record {person_key(BEN)})"
SEND_AGAIN = "send the event again; if the address was given to somebody else, first send"


def ben_is_seven(world: World) -> None:
    """Ben has an environment, and the id 7."""
    assert world.join(BEN, person_id="7", occurred_at="2026-03-01T08:00:00Z") == "applied"


def ben_is_to_be_smith(world: World) -> None:
    """Ben, who has the id 7, is to have another address in two days."""
    ben_is_seven(world)
    world.join(SMITH, person_id="7", effective_at="2026-03-03T09:00:00Z")


def eight_is_here(world: World) -> None:
    """Ben has the id 7, Zed the id 8."""
    ben_is_seven(world)
    assert world.join(ZED, person_id="8", occurred_at="2026-03-01T08:00:00Z") == "applied"


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
            f"person_id: {BEN} is the address of {BENS}, and the event says '8'; ",
            f"nothing was changed. Correct the address or the person_id and {SEND_AGAIN}",
        ),
        before=ben_is_seven,
    ),
    "a join with the id of somebody else": Row(
        "onboarding",
        {"email": BEN, "person_id": "8", "occurred_at": NOW},
        RejectionCode.IDENTITY_CONFLICT,
        (
            f"person_id: {BEN} is the address of {BENS}, and the event says '8', the id of {ZED} ",
            f"(person_id 8, record {person_key(ZED)}); nothing was changed. ",
        ),
        before=eight_is_here,
    ),
    "a join of another id that is older than the address": Row(
        "onboarding",
        {"email": BEN, "person_id": "8", "occurred_at": "2026-03-01T07:00:00Z"},
        RejectionCode.IDENTITY_CONFLICT,
        (
            f"person_id: {BEN} has been the address of {BENS} since 2026-03-01T08:00:00+00:00, ",
            "which is after this event of 2026-03-01T07:00:00+00:00, and the event says '8'; ",
            "Whoever had the address before needs nothing under it any more",
        ),
        before=ben_is_seven,
    ),
    "a join of an address that is to be somebody else's": Row(
        "onboarding",
        {"email": SMITH, "person_id": "8", "occurred_at": NOW},
        RejectionCode.IDENTITY_CONFLICT,
        (
            f"person_id: {SMITH} is to be the address of {BENS} from 2026-03-03T09:00:00+00:00, ",
            "and the event says '8'; nothing was changed. ",
            f"or first send a join of {BEN}, which cancels that change",
        ),
        before=ben_is_to_be_smith,
    ),
    "a leave of an address that is to be somebody's": Row(
        "offboarding",
        {"email": SMITH, "occurred_at": NOW},
        RejectionCode.IDENTITY_CONFLICT,
        (
            f"email: {SMITH} is to be the address of {BENS} from 2026-03-03T09:00:00+00:00, and ",
            f"is nobody's yet; nothing was changed. If they leave, send the leave of {BEN}",
        ),
        before=ben_is_to_be_smith,
    ),
    "a leave with another id": Row(
        "offboarding",
        {"email": BEN, "person_id": "8", "occurred_at": NOW},
        RejectionCode.IDENTITY_CONFLICT,
        (
            f"person_id: {BEN} is the address of {BENS}, and the event says '8'; ",
            f"nothing was changed. Correct the address or the person_id and {SEND_AGAIN}",
        ),
        before=ben_is_seven,
    ),
    "a change of address with another id": Row(
        "onboarding",
        {"email": SMITH, "previous_email": BEN, "person_id": "8", "occurred_at": NOW},
        RejectionCode.IDENTITY_CONFLICT,
        (f"person_id: {BEN} is the address of {BENS}, and the event says '8'; ",),
        before=ben_is_seven,
    ),
    "a change to an address of somebody else": Row(
        "onboarding",
        {"email": ANA, "previous_email": BEN, "occurred_at": NOW},
        RejectionCode.IDENTITY_CONFLICT,
        (
            f"email: {ANA} is the address of {ANA} (person_id unknown, record {KEY}), who "
            "had it before this event, and ",
            f"{BENS} can't have it as well; ",
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
