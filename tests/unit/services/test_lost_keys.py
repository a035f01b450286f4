"""Finds under other keys: which belong to the leaver, and which notebook is theirs.

What belongs to their address alone, under a key that no record has, is theirs: unless all of it is
newer than the time in which the address was theirs.
"""

from __future__ import annotations

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.names import found_slot
from shared.domain.people.addresses import with_current
from shared.domain.people.person import Person
from shared.domain.reconciliation.context import Needs
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.observation import Orphan
from tests.support.builders import ANA, NOW, a_notebook, a_record, after
from tests.support.grouped_fields import replace
from tests.support.simulation.world import World

SMITH = "ana.smith@example.com"
OTHER = "ana-smith-aaaaaaaaaaaa"
LEAVER = a_record(verb=Verb.LEAVE)
FOUND = Orphan(
    kind=Kind.WORKBENCH, name="nb", ours=False, labelled_for=OTHER, created_at=after(-60)
)
THEIRS = replace(FOUND, ours=True, key=OTHER, owner=ANA)
LEFT_OVER = replace(FOUND, owner=ANA)


@pytest.fixture
def world() -> World:
    return World()


def searched(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    *found: Orphan,
    leaver: Environment = LEAVER,
) -> tuple[Orphan, ...]:
    """The inventory of the leaver, where the search finds that."""
    monkeypatch.setattr(world.converge.reader.search, "everything_of", lambda *_: found)
    world.points.clear()
    return inventory_of(world, leaver)


def find_by_owner(world: World, monkeypatch: pytest.MonkeyPatch, found: Orphan) -> None:
    """Let the search for each address find ``found``; only ``ANA`` owns it.

    By the other addresses it may be found by its name.
    """

    def find(_: str, email: str) -> tuple[Orphan, ...]:
        return (found if email == ANA else replace(found, labelled_for=""),)

    monkeypatch.setattr(world.converge.reader.search, "everything_of", find)


def inventory_of(world: World, leaver: Environment) -> tuple[Orphan, ...]:
    reader = world.converge.reader
    needs = Needs(record=leaver, inventory=True)
    inventory = reader.answered(needs, reader.empty(), admitted=False).inventory
    assert isinstance(inventory, tuple)
    return inventory


def with_record(world: World, **changes: object) -> None:
    """A record of the other key."""
    record = replace(a_record(), key=OTHER, person=Person(email=SMITH), **changes)
    world.store.save(record, None, ())


def test_a_find_under_a_key_without_a_record_is_the_leavers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert searched(world, monkeypatch, FOUND) == (THEIRS,)


@pytest.mark.parametrize(
    ("merged_into", "expected"),
    [("", LEFT_OVER), (LEAVER.key, THEIRS), ("eve-aaaaaaaaaaaa", LEFT_OVER)],
    ids=["somebody has it", "it was merged into theirs", "it was merged into another"],
)
def test_a_find_under_the_key_of_a_record_belongs_to_that_record(
    world: World, monkeypatch: pytest.MonkeyPatch, merged_into: str, expected: Orphan
) -> None:
    with_record(world, merged_into=merged_into)
    assert searched(world, monkeypatch, FOUND) == (expected,)


@pytest.mark.parametrize(
    ("created", "left", "sent_again", "theirs"),
    [
        (-9, 0, None, True),
        (0, 0, None, False),
        (5, 0, None, False),
        (5, 0, 6, False),
        (None, 0, None, False),
    ],
    ids=["before", "just then", "after", "before they left once more", "nobody knows when"],
)
def test_a_find_that_was_created_after_they_left_is_not_theirs(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    created: int | None,
    left: int,
    sent_again: int | None,
    theirs: bool,
) -> None:
    """The address was given to somebody else, whose record was lost."""
    leaver = replace(LEAVER, left_at=after(left))
    if sent_again is not None:
        assert leaver.events.in_force is not None
        repeated = replace(leaver.events.in_force, occurred_at=after(sent_again))
        leaver = replace(leaver, events=replace(leaver.events, in_force=repeated))
    found = replace(FOUND, created_at=None if created is None else after(created))
    (result,) = searched(world, monkeypatch, found, leaver=leaver)
    assert result.ours is theirs


@pytest.mark.parametrize(("created", "theirs"), [(-1, True), (0, False), (1, False)])
def test_a_find_that_was_created_after_a_change_of_address_is_not_theirs(
    world: World, monkeypatch: pytest.MonkeyPatch, created: int, theirs: bool
) -> None:
    addresses = with_current(with_current((), ANA, after(-60)), SMITH, after(-30))
    leaver = replace(LEAVER, addresses=addresses, person=Person(email=SMITH))
    found = replace(FOUND, created_at=after(-30 + created))
    find_by_owner(world, monkeypatch, found)
    assert [each.ours for each in inventory_of(world, leaver)] == [theirs]


def test_all_that_carries_a_key_is_theirs_if_the_oldest_of_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key is of one person: a session may have been started, or listed, late."""
    late = replace(FOUND, kind=Kind.SESSION, name="s", created_at=after(5))
    assert all(each.ours for each in searched(world, monkeypatch, late, FOUND))


def test_each_key_is_looked_up_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    eves = replace(FOUND, name="nb-2", labelled_for="eve-aaaaaaaaaaaa")
    with_record(world)
    found = searched(world, monkeypatch, FOUND, replace(FOUND, name="nb-3"), eves)
    assert [each.ours for each in found] == [False, False, True]
    assert world.points["before:load"] == 2


def test_without_another_key_nothing_is_looked_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Orphan(kind=Kind.WORKBENCH, name="nb", ours=True)
    unlabelled = Orphan(kind=Kind.CLUSTER, name="c", ours=False)
    searched(world, monkeypatch, ours, unlabelled)
    assert not world.points


def test_a_find_of_several_addresses_is_reported_for_the_one_that_owns_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = with_current(with_current((), ANA, after(-9)), SMITH, NOW)
    leaver = replace(LEAVER, addresses=addresses, person=Person(email=SMITH))
    find_by_owner(world, monkeypatch, FOUND)
    assert inventory_of(world, leaver) == (THEIRS,)


def test_the_notebook_of_the_profile_comes_before_a_found_one() -> None:
    """Also after a return: what was found stays in the record, stopped or gone."""
    found = a_notebook(State.STOPPED, slot=found_slot("nb-2"), name="nb-2")
    own = a_notebook(State.ABSENT)
    assert a_record(found, own).notebook == a_record(own, found).notebook == own
    assert a_record(found, replace(own, superseded=True)).notebook == found
    assert a_record(replace(found, superseded=True)).notebook is None
