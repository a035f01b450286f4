"""``ALLOWED_DOMAINS`` applies to joins; a person who has an environment can always leave."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from shared.domain.status import Phase
from tests.support.builders import ANA, minutes, ready_world
from tests.support.simulation.world import GRACE, START, World


def closed(world: World) -> World:
    """The same deployment after the domain of its people was taken off the list."""
    world.intake.allowed_domains = {"example.org"}
    return world


def test_people_can_leave_when_their_domain_is_no_longer_allowed() -> None:
    world = closed(ready_world())
    assert world.leave(ANA) == "applied"
    world.run_for(minutes(10))
    assert world.record(ANA).status.phase is Phase.SUSPENDED
    world.run_for(GRACE, every=minutes(60))
    world.run_for(minutes(30))
    assert world.record(ANA).status.phase is Phase.REMOVED
    assert world.store.parked(10).items == ()


@pytest.mark.parametrize("action", ["hold", "release", "retry", "recreate"])
def test_admin_commands_about_them_are_carried_out_too(action: str) -> None:
    assert closed(ready_world()).command(action, ANA) == "applied"


def test_they_can_change_to_an_address_that_is_allowed() -> None:
    world = closed(ready_world())
    assert world.join("ana@example.org", previous_email=ANA) == "applied"
    world.run_for(minutes(60))
    assert world.record("ana@example.org").status.phase is Phase.READY
    assert world.record(ANA).person.email == "ana@example.org"


def test_they_cannot_join_again() -> None:
    world = closed(ready_world())
    assert world.join(ANA) == "foreign-domain"
    assert world.record(ANA).status.phase is Phase.READY


def test_a_former_address_may_be_of_any_domain_when_somebody_joins() -> None:
    world = World()
    assert world.join(ANA, previous_email="ana@evil.example") == "applied"
    assert world.join("ana@evil.example", previous_email=ANA) == "foreign-domain"
    assert world.record(ANA).person.email == ANA


# The fields of a leave about the person are not stored

FACTS: dict[str, Any] = {
    "display_name": "Ana Lopez",
    "groups": ["analysts@example.com"],
    "person_id": "P-1",
    "team": "risk",
    "cost_center": "CC-1",
}


@pytest.mark.parametrize("ahead", [0, 60], ids=["at once", "announced"])
def test_a_leave_of_an_unknown_person_stores_no_facts(ahead: int) -> None:
    world = World()
    world.leave(ANA, effective_at=START + minutes(ahead), **FACTS)
    record = msgspec.json.encode(world.record(ANA)).decode()
    assert [fact for fact in ("Lopez", "analysts@", "risk", "CC-1") if fact in record] == []
    assert world.record(ANA).person.person_id == "P-1", "whose leave it is has to be known"


@pytest.mark.parametrize("ahead", [0, 60], ids=["at once", "announced"])
def test_a_leave_of_a_known_person_only_identifies_them(ahead: int) -> None:
    world = ready_world()
    before = world.record(ANA).person
    world.leave(ANA, effective_at=world.clock.now() + minutes(ahead), **FACTS)
    assert world.record(ANA).person == replace(before, person_id="P-1")
