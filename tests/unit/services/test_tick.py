"""The tick: due records in order; queued and running ones may be postponed, leavers never."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.faults import CloudFault, Disposition
from shared.domain.names import person_key
from shared.domain.people.person import Person
from shared.domain.policy import Policy
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import Resource
from shared.ports import Crowd, NotPublished, Page
from shared.services.admission import Admission
from shared.services.tick import Tick
from tests.support.builders import NOW, a_notebook, a_record, after, an_intent
from tests.support.grouped_fields import replace
from tests.support.memory_store import MemoryStore
from tests.support.simulation.world import ManualClock


class Store(MemoryStore):
    """A store whose crowd is scripted."""

    making = 0
    counted = 0

    def creating(self) -> Crowd:
        self.counted += 1
        return Crowd(self.making, super().creating().waiting)


class Publisher:
    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.refuses = False

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        assert topic == "converge"
        assert messages, "an empty call is one too many"
        if self.refuses:
            raise NotPublished("scripted")
        self.bodies += [msgspec.json.decode(m) for m in messages]


class Census:
    """The list of all notebooks: those in ``names`` have an operation in progress."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.reads = 0
        self.fails = False

    def moving(self) -> frozenset[str]:
        self.reads += 1
        if self.fails:
            raise CloudFault(Disposition.TEMPORARY, "UNAVAILABLE", "no list today")
        return frozenset(self.names)


class Stage:
    """A tick of ``NOW``, over records that tests put in."""

    def __init__(self, policy: Policy) -> None:
        self.store, self.publisher, self.census = Store(), Publisher(), Census()
        clock = ManualClock()
        clock.time = NOW
        admission = Admission(store=self.store, clock=clock, limit=policy.creations)
        self.tick = Tick(
            store=self.store,
            publisher=self.publisher,
            admission=admission,
            census=self.census,
            clock=clock,
            topic="converge",
            policy=policy,
        )

    def add(self, name: str, *resources: Resource, due: float = 0, **changes: Any) -> Environment:
        """The record of ``name``, due that many minutes after ``NOW``."""
        email = f"{name}@example.com"
        record = a_record(*resources, due_at=after(due), **changes)
        record = replace(record, key=person_key(email), person=Person(email=email))
        self.store.save(record, None, ())
        return record

    def put(self, record: Environment, notebook: Resource, due_at: datetime | None) -> None:
        """Another worker saves that record with this notebook."""
        stored = self.store.load(record.key)
        assert stored is not None
        changed = replace(stored.environment, resources=(notebook,), due_at=due_at)
        self.store.save(changed, stored.version, ())

    def run(self) -> list[str]:
        """Who was published, in order."""
        self.publisher.bodies.clear()
        assert self.tick.run() == len(self.publisher.bodies)
        return [body["key"].rpartition("-")[0] for body in self.publisher.bodies]


@pytest.fixture
def stage() -> Stage:
    return Stage(Policy(creations=2, list_above=3))


def queued(minute: float) -> Resource:
    return a_notebook(queued_at=after(minute))


def running(name: str) -> Resource:
    return a_notebook(
        State.CREATING,
        name=f"z/{name}",
        step=Step.CREATE,
        operation=f"operations/{name}",
        since=after(-1),
        observe_at=NOW,
    )


def failing_template(minute: float) -> Resource:
    return Resource(kind=Kind.SESSION_TEMPLATE, slot="s", name="t", observe_at=after(minute))


def failing() -> Resource:
    return a_notebook(State.ABSENT, retry_at=after(-1), observe_at=after(-1))


def test_due_records_are_published_the_longest_due_first(stage: Stage) -> None:
    for name, due in (("b", -2), ("c", -1), ("a", 0), ("later", 0.1)):
        stage.add(name, failing(), due=due)
    assert stage.run() == ["b", "c", "a"]
    assert all("admitted" not in body for body in stage.publisher.bodies)


def test_when_nobody_is_due_nothing_is_called(stage: Stage) -> None:
    stage.add("later", failing(), due=1)
    assert stage.run() == []
    assert stage.census.reads == 0


def test_a_failed_publication_is_an_error_so_that_the_tick_is_repeated(stage: Stage) -> None:
    stage.add("a", failing())
    stage.publisher.refuses = True
    with pytest.raises(NotPublished):
        stage.tick.run()


# The queue


def test_the_queue_is_served_first_come_first_served(stage: Stage) -> None:
    for name, minute in (("third", -1), ("first", -9), ("second", -5), ("fourth", 0)):
        stage.add(name, queued(minute), due=minute)
    assert stage.run() == ["first", "second"]
    assert all(body["admitted"] is True for body in stage.publisher.bodies)


def test_the_time_in_the_queue_counts_not_the_due_time_of_the_record(
    stage: Stage,
) -> None:
    stage.add("third", queued(-1), failing_template(-9), due=-9)
    stage.add("first", queued(-8), due=-8)
    stage.add("second", queued(-7), due=-7)
    stage.run()
    admitted = [body["key"] for body in stage.publisher.bodies if "admitted" in body]
    assert admitted == [person_key("first@example.com"), person_key("second@example.com")]


def test_two_ticks_at_once_admit_the_same_people(stage: Stage) -> None:
    for n in range(6):
        stage.add(f"p{n}", queued(n - 9), due=n - 9)
    assert stage.run() == ["p0", "p1"]
    assert stage.run() == ["p0", "p1"], "nobody else, as long as these have not begun"


def test_a_place_is_not_passed_on_twice_while_another_tick_admits_people() -> None:
    """While this tick reads, the other one admits people and updates finished records."""
    stage = Stage(Policy(creations=4, list_above=3))
    stage.store.making = 4
    done = [stage.add(f"d{n}", running(f"d{n}")) for n in range(4)]
    queue = [stage.add(f"q{n}", queued(n - 9), due=n - 9) for n in range(12)]
    stage.census.names = {"z/elsewhere"}
    due, listed = stage.store.due, []

    def others_are_quick(*args: Any) -> Page[Environment]:
        for record in () if listed else queue[:4]:
            stage.put(record, a_notebook(step=Step.CREATE, since=NOW), after(3))
        listed.append(due(*args))
        for record in done:
            stage.put(record, a_notebook(State.READY), None)
        return listed[-1]

    stage.store.due = others_are_quick  # type: ignore[method-assign]
    assert [n for n in stage.run() if n.startswith("q")] == []
    assert len(listed) == 1


@pytest.mark.parametrize(("step", "let_in"), [(Step.CREATE, ["q0", "q1"]), (Step.START, [])])
def test_only_the_place_of_a_finished_creation_is_passed_on(
    stage: Stage, step: Step, let_in: list[str]
) -> None:
    stage.store.making = 2
    for n in range(4):
        notebook = replace(running(f"d{n}"), step=step, state=step.moving)
        stage.add(f"d{n}", notebook)
        stage.add(f"q{n}", queued(n - 9), due=n - 9)
    stage.census.names = {"z/d2", "z/d3"}
    assert [name for name in stage.run() if name.startswith("q")] == let_in


def test_a_creation_without_an_operation_does_not_count_as_finished(stage: Stage) -> None:
    stage.store.making = 2
    stage.add("lost", a_notebook(step=Step.CREATE, since=NOW, observe_at=NOW))
    for n in range(4):
        stage.add(f"d{n}", running(f"d{n}"))
        stage.census.names.add(f"z/d{n}")
    stage.add("q", queued(-9), due=-9)
    assert stage.run() == ["lost"]


def test_a_record_that_queued_after_the_count_is_admitted_by_the_next_tick(stage: Stage) -> None:
    """Before that it isn't known whether the place was taken by another."""
    stage.store.making = 2
    for n in range(4):
        stage.add(f"d{n}", running(f"d{n}"))
    stage.census.names = {"z/d2", "z/d3"}
    stage.add("q", queued(1))
    assert stage.run() == ["d0", "d1"]


def test_claims_are_counted_at_most_twice_a_tick(stage: Stage) -> None:
    stage.run()
    assert stage.store.counted == 1
    for n in range(600):
        stage.add(f"p{n}", queued(-1), due=-1)
    stage.run()
    assert stage.store.counted == 3


@pytest.mark.parametrize(("making", "admitted"), [(0, 2), (1, 1), (2, 0), (9, 0)])
def test_as_many_are_admitted_as_there_are_free_places(
    stage: Stage, making: int, admitted: int
) -> None:
    stage.store.making = making
    for n in range(5):
        stage.add(f"p{n}", queued(n - 9), due=n - 9)
    assert stage.run() == [f"p{n}" for n in range(admitted)]


def test_queued_records_do_not_delay_other_due_records(
    stage: Stage,
) -> None:
    stage.store.making = 2
    stage.add("queued", queued(-9), due=-9)
    stage.add("failing", failing())
    template = Resource(kind=Kind.SESSION_TEMPLATE, slot="s", name="t", observe_at=NOW)
    stage.add("both", queued(-8), template, due=-8)
    assert stage.run() == ["both", "failing"]
    assert all("admitted" not in body for body in stage.publisher.bodies)


def test_the_free_places_are_for_all_pages_together(stage: Stage) -> None:
    for n in range(600):
        stage.add(f"p{n}", queued(-1), due=-1)
    assert len(stage.run()) == 2


@pytest.mark.parametrize("resource", [queued(-9), running("nb")], ids=["queued", "in progress"])
def test_a_leaver_is_never_postponed(stage: Stage, resource: Resource) -> None:
    stage.store.making = 9
    stage.census.names = {"z/nb", "z/1", "z/2", "z/3", "z/4"}
    for n in range(1, 5):
        stage.add(str(n), running(str(n)))
    stage.add("leaver", resource, due=-1, intent=an_intent(Verb.LEAVE), left_at=NOW)
    assert stage.run() == ["leaver"]


# The list of all notebooks


def test_up_to_the_limit_each_record_converges_and_the_list_is_not_read(stage: Stage) -> None:
    for n in range(3):
        stage.add(f"p{n}", running(f"p{n}"))
    stage.census.names = {"z/p0", "z/p1", "z/p2"}
    assert sorted(stage.run()) == ["p0", "p1", "p2"]
    assert stage.census.reads == 0


def test_above_the_limit_the_list_says_which_notebooks_are_in_progress(stage: Stage) -> None:
    for n in range(6):
        stage.add(f"p{n}", running(f"p{n}"))
    stage.census.names = {"z/p0", "z/p1", "z/p2", "z/p3", "z/elsewhere"}
    assert sorted(stage.run()) == ["p4", "p5"]
    assert stage.census.reads == 1


def test_the_only_notebook_still_in_progress_is_not_observed(stage: Stage) -> None:
    for n in range(4):
        stage.add(f"p{n}", running(f"p{n}"))
    stage.census.names = {"z/p0"}
    assert sorted(stage.run()) == ["p1", "p2", "p3"]


def test_only_records_that_wait_for_nothing_else_count(stage: Stage) -> None:
    for n in range(3):
        stage.add(f"p{n}", running(f"p{n}"))
    for n in range(9):
        stage.add(f"f{n}", failing())
    assert len(stage.run()) == 12
    assert stage.census.reads == 0


def test_the_list_is_read_once_a_tick_however_many_pages_there_are(stage: Stage) -> None:
    for n in range(1100):
        stage.add(f"p{n}", running(f"p{n}"))
    stage.census.names = {f"z/p{n}" for n in range(1099)}
    assert stage.run() == ["p1099"]
    assert stage.census.reads == 1


def test_without_the_list_every_record_converges(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(1100):
        stage.add(f"p{n}", running(f"p{n}"))
    stage.census.fails = True
    assert len(stage.run()) == 1100
    assert stage.census.reads == 1, "and it isn't asked again and again"
    [line] = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert vars(line)["action"] == "census.failed"


def test_postponed_records_are_counted_in_the_log(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage.store.making = 1
    for n in range(3):
        stage.add(f"q{n}", queued(-9), due=-9)
    for n in range(5):
        stage.add(f"p{n}", running(f"p{n}"))
    stage.census.names = {"z/p0", "z/p1", "z/p2", "z/p3"}
    stage.run()
    [line] = caplog.records
    fields = vars(line)
    assert (fields["action"], fields["count"]) == ("tick.due", 3), "a turn, one done, and theirs"
    assert (fields["queued"], fields["at_work"]) == (1, 4)


def test_the_log_says_how_long_the_oldest_work_has_been_due(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage.run()
    stage.add("a", failing(), due=-7)
    stage.add("b", failing(), due=-3)
    stage.run()
    assert [vars(line)["oldest_seconds"] for line in caplog.records] == [0, 420]


def test_postponed_records_are_not_overdue_work(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage.store.making = 3
    for name in ("admitted", "queued"):
        stage.add(name, queued(-9), due=-9)
    for n in range(5):
        stage.add(f"p{n}", running(f"p{n}"), due=-8)
    stage.census.names = {"z/p0", "z/p1", "z/p2"}
    stage.add("other", failing(), due=-1)
    assert stage.run() == ["admitted", "p3", "p4", "other"]
    [line] = caplog.records
    assert vars(line)["oldest_seconds"] == 60
