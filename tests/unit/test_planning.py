"""What is read for a decision besides the record: only what is needed."""

from __future__ import annotations

from collections import Counter

import pytest

from shared.domain.environment import Environment, Verb
from shared.domain.profiles import ProfileSet
from shared.domain.resources import Resource, State
from shared.services.planning import Planner
from shared.services.shortages import Shortages
from tests.stateful.world import SITE, ManualClock, World
from tests.support.builders import KEY, NOW, a_notebook, a_record, an_intent, minutes, replace
from tests.support.fake_search import FakeSearch
from tests.support.memory_store import MemoryStore

OTHER = "ben-aaaaaaaaaaaa"
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
        self.planner = self.planner_with(self.world.profiles)
        self.store.save(a_record(key=OTHER), None, ())
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
            search=FakeSearch(self.world.cloud),
            shortages=shortages,
            site=SITE,
        )

    def kin_of(self, record: Environment) -> str | None:
        kin = self.planner.plan(record, ()).kin
        return kin.key if kin is not None else None

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


def leaver(notebook: Resource | None, moved_to: str = OTHER) -> Environment:
    intent = an_intent(Verb.LEAVE, moved_to=moved_to)
    return a_record(*([notebook] if notebook else []), verb=Verb.LEAVE, intent=intent)


@pytest.mark.parametrize(
    ("record", "kin", "why"),
    [
        (a_record(inherits=OTHER), OTHER, "its data is still to come from there"),
        (a_record(), None, "nothing is to come"),
        (leaver(a_notebook(State.STOPPED)), OTHER, "the notebook stays until the other has it"),
        (leaver(a_notebook(State.ABSENT)), None, "there is nothing to wait with"),
        (leaver(None), None, "there is nothing to wait with"),
        (leaver(a_notebook(State.STOPPED), moved_to=""), None, "no other address"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_the_other_address_is_read_while_one_waits_for_the_other(
    stage: Stage, record: Environment, kin: str | None, why: str
) -> None:
    assert stage.kin_of(record) == kin, why


def made(state: State) -> Resource:
    """Ana's notebook as the profile has it."""
    return a_notebook(state, name=f"projects/demo/locations/us-central1-a/instances/nb-{KEY}")


def test_what_zones_lack_matters_where_a_notebook_may_be_made(stage: Stage) -> None:
    assert stage.shortages_for() == {LACK}
    assert stage.shortages_for(made(State.ABSENT)) == {LACK}
    assert stage.shortages_for(replace(made(State.READY), look_at=NOW)) == {LACK}


def test_it_is_not_read_for_somebody_whose_notebook_is_there(stage: Stage) -> None:
    assert stage.shortages_for(made(State.READY)) == set()
    assert stage.shortages_for(made(State.CREATING)) == set()
    assert stage.planner.plan(a_record(), ()).shortages == ()
