"""What is read for a decision besides the record: only what is needed."""

from __future__ import annotations

from collections import Counter

import pytest
from shared.services.planning import Planner

from shared.domain.addresses import named
from shared.domain.environment import Environment, Verb
from shared.domain.person import Person
from shared.domain.profiles import ProfileSet
from shared.domain.resources import Kind, Resource, State
from shared.services.shortages import Shortages
from tests.stateful.world import SITE, ManualClock, World
from tests.support.builders import (
    ANA,
    KEY,
    NOW,
    a_notebook,
    a_record,
    after,
    minutes,
    replace,
)
from tests.support.fake_search import FakeSearch
from tests.support.memory_store import MemoryStore

OTHER = "ana-smith-aaaaaaaaaaaa"
SMITH = "ana.smith@example.com"
LACK = "us-central1-a/e2-standard-4"


class NoProfiles:
    """Profiles that can't be read."""

    def current(self) -> ProfileSet:
        raise RuntimeError("profiles can't be read")


class Stage:
    """A planner, and how often it read the store."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.store = MemoryStore(on_write=lambda name: self.calls.update([name]))
        self.world = World()
        self.search = FakeSearch(self.world.cloud)
        self.planner = self.planner_with(self.world.profiles)
        self.store.report_shortage(LACK, ManualClock().now().replace(year=2030))
        self.calls.clear()

    def planner_with(self, profiles: object) -> Planner:
        clock = ManualClock()
        shortages = Shortages(store=self.store, clock=clock)
        shortages.current()  # the process has been running for a minute
        clock.time += minutes(1)
        return Planner(
            store=self.store,
            profiles=profiles,  # type: ignore[arg-type]
            search=self.search,
            shortages=Shortages(store=self.store, clock=clock),
            site=SITE,
        )

    def shortages_for(self, *resources: Resource) -> set[str]:
        record = a_record(*resources)
        return set(self.planner.plan(record, self.planner.wants_of(record)).shortages)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize(
    "record", [a_record(verb=Verb.LEAVE), a_record(intent=None)], ids=["leaver", "announced"]
)
def test_leaving_works_without_profiles(stage: Stage, record: Environment) -> None:
    assert stage.planner_with(NoProfiles()).wants_of(record) == ()


def test_a_profile_that_is_gone_is_not_the_same_as_wanting_nothing(stage: Stage) -> None:
    assert stage.planner.wants_of(a_record(profile="no-such-profile")) is None


def older(id: str) -> Resource:
    """A notebook of an older kind, as the search finds it."""
    name = f"projects/demo/locations/us-central1/runtimes/{id}"
    return Resource(kind=Kind.MANAGED_NOTEBOOK, slot=f"found-{id}", name=name)


def test_older_notebooks_of_a_leaver_are_looked_for_by_every_key_and_address(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a merged record had carries the key of that, and is looked at and deleted by it."""
    asked: list[tuple[str, str]] = []
    there = {(KEY, ANA): "a", (KEY, SMITH): "b", (OTHER, SMITH): "c"}

    def find(key: str, email: str) -> tuple[Resource, ...]:
        asked.append((key, email))
        return (older(there[key, email]),) if (key, email) in there else ()

    monkeypatch.setattr(stage.search, "older_notebooks_of", find)
    addresses = named(named((), ANA, after(-9)), SMITH, NOW)
    record = a_record(
        verb=Verb.LEAVE, addresses=addresses, person=Person(email=SMITH), merged=(OTHER,)
    )
    found = stage.planner.plan(record, ()).older
    assert found is not None
    assert asked == [(KEY, SMITH), (KEY, ANA), (OTHER, SMITH), (OTHER, ANA)]
    assert [(r.name[-1], r.owner, r.key) for r in found] == [
        ("b", SMITH, ""),
        ("a", ANA, ""),
        ("c", SMITH, OTHER),
    ]
    assert len({r.id for r in found}) == 3
    assert stage.planner.plan(replace(record, sought_at=NOW), ()).older is None, "once is enough"


def made(state: State) -> Resource:
    """Ana's notebook as the profile has it."""
    return a_notebook(state, name=f"projects/demo/locations/us-central1-a/instances/nb-{KEY}")


def test_what_zones_lack_matters_where_a_notebook_may_be_made(stage: Stage) -> None:
    assert stage.shortages_for() == {LACK}
    assert stage.shortages_for(made(State.ABSENT)) == {LACK}
    assert stage.shortages_for(replace(made(State.READY), observe_at=NOW)) == {LACK}


def test_it_is_not_read_for_somebody_whose_notebook_is_there(stage: Stage) -> None:
    assert stage.shortages_for(made(State.READY)) == set()
    assert stage.shortages_for(made(State.CREATING)) == set()
    assert stage.planner.plan(a_record(), ()).shortages == ()
