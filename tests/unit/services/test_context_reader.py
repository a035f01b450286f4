"""The context of a reconciliation: only what it needs is read."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.faults import CloudFault, Disposition
from shared.domain.people.addresses import with_current
from shared.domain.people.person import Person
from shared.domain.profiles import ProfileSet
from shared.domain.reconciliation.context import (
    Consent,
    Context,
    Needs,
    ObservationRequest,
    Profile,
    Turn,
)
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation, Orphan
from shared.domain.resources.resource import Resource
from shared.services.context import ContextReader
from tests.support.builders import ANA, KEY, NOW, a_notebook, a_record, after, minutes
from tests.support.grouped_fields import replace
from tests.support.simulation.world import World

OTHER = "ana-smith-aaaaaaaaaaaa"
SMITH = "ana.smith@example.com"
ZONE = "projects/demo/locations/us-central1-a"
LACK = "us-central1-a/e2-standard-4"
MANIFEST = Manifest(
    kind=Kind.WORKBENCH,
    slot="main",
    places=(f"{ZONE}/instances/nb",),
    body={},
    digest="d",
    scarce="e2-standard-4",
)


class NoProfiles:
    """Profiles that can't be read."""

    def current(self) -> ProfileSet:
        raise RuntimeError("profiles can't be read")


@pytest.fixture
def world() -> World:
    return World()


def answered(
    world: World, needs: Needs, *, admitted: bool = False, reader: ContextReader | None = None
) -> Context:
    """The context after ``needs`` were answered."""
    reader = reader or world.converge.reader
    return reader.answered(needs, reader.empty(), admitted=admitted)


def failing(code: str, disposition: Disposition = Disposition.TEMPORARY) -> Callable[..., object]:
    def fails(*_: object) -> object:
        raise CloudFault(disposition, code, "it is busy")

    return fails


# Only what is asked


def test_at_first_nothing_is_known_but_the_time(world: World) -> None:
    context = world.converge.reader.empty()
    assert context.now == world.clock.now()
    assert answered(world, Needs(record=a_record())) == context


def test_leaving_works_without_profiles(world: World) -> None:
    """Because they are only read where they are asked for."""
    blind = replace(world.converge.reader, profiles=NoProfiles())
    leaver = a_record(verb=Verb.LEAVE)
    asked = Needs(record=leaver, older=True, inventory=True, shortages=True, turn=True)
    assert answered(world, asked, reader=blind).profile is None
    with pytest.raises(RuntimeError, match="can't be read"):
        answered(world, Needs(record=a_record(), profile=True), reader=blind)


def test_earlier_answers_are_kept(world: World) -> None:
    reader = world.converge.reader
    known = replace(
        reader.empty(),
        observed={"a/b": Observation(state=State.READY)},
        consents={"c/d": Consent(True)},
        older=(),
        turn=Turn.LATER,
    )
    look = ObservationRequest(a_notebook(State.READY), None)
    context = reader.answered(Needs(record=a_record(), looks=(look,)), known, admitted=False)
    assert list(context.observed) == ["a/b", "workbench/main"]
    assert replace(context, observed=known.observed) == known


def test_observations_of_orphans_are_kept_separately(world: World) -> None:
    """It was gone until then: what was seen before that stays as it was."""
    reader = world.converge.reader
    gone = {"workbench/main": Observation(state=State.ABSENT)}
    known = replace(reader.empty(), observed=gone, inventory=())
    needs = Needs(record=a_record(), looks=(ObservationRequest(a_notebook(State.READY), None),))
    context = reader.answered(needs, known, admitted=False)
    assert context.observed == gone
    assert list(context.found) == ["workbench/main"]


# Profiles


def test_a_missing_profile_differs_from_an_empty_one(world: World) -> None:
    gone = a_record(profile="no-such-profile")
    assert answered(world, Needs(record=gone, profile=True)).profile == Profile(None)
    found = answered(world, Needs(record=a_record(profile="lean"), profile=True))
    assert [manifest.kind for manifest in found.manifests or ()] == [Kind.WORKBENCH]


# Observations and consents


def test_a_failed_observation_says_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.converge.reader.drivers[Kind.WORKBENCH], "observe", failing("BUSY"))
    look = ObservationRequest(a_notebook(State.READY), None)
    seen = answered(world, Needs(record=a_record(), looks=(look,))).observed["workbench/main"]
    assert seen.state is None
    assert seen.problem is not None
    assert (seen.problem.code, seen.problem.message) == ("BUSY", "it is busy")


def test_a_notebook_of_a_former_address_is_observed_by_that_address(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def observe(resource: Resource, key: str, email: str, manifest: Manifest | None) -> Observation:
        asked.append((key, email))
        return Observation(state=State.READY)

    monkeypatch.setattr(world.converge.reader.drivers[Kind.WORKBENCH], "observe", observe)
    one = a_notebook(State.READY, owner=SMITH, key=OTHER)
    two = a_notebook(State.READY, slot="two")
    looks = (ObservationRequest(one, None), ObservationRequest(two, None))
    answered(world, Needs(record=a_record(one, two), looks=looks))
    assert asked == [(OTHER, SMITH), (KEY, ANA)]


def test_a_stock_out_of_an_operation_is_recorded_for_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = CloudFault(Disposition.STOCK_OUT, "STOCK_OUT", "none left").problem()
    seen = Observation(state=State.ABSENT, problem=problem)
    monkeypatch.setattr(world.converge.reader.drivers[Kind.WORKBENCH], "observe", lambda *_: seen)
    creating = a_notebook(State.CREATING, name=MANIFEST.places[0], step=Step.CREATE)
    needs = Needs(record=a_record(creating), looks=(ObservationRequest(creating, MANIFEST),))
    assert answered(world, needs).observed == {"workbench/main": seen}
    assert world.store.shortages(world.clock.now()) == {LACK}


@pytest.mark.parametrize(
    ("answer", "consent"),
    [
        (lambda *_: True, Consent(True)),
        (lambda *_: False, Consent(False)),
        (failing("BUSY"), Consent(None)),
        (failing("NOT_FOUND", Disposition.PERMANENT), Consent(None, vanished=True)),
    ],
    ids=["given", "not given", "not known", "the notebook is not found"],
)
def test_whether_an_owner_has_consented(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[..., object],
    consent: Consent,
) -> None:
    """An unknown answer delays nothing."""
    monkeypatch.setattr(world.converge.reader.drivers[Kind.WORKBENCH], "consented", answer)
    notebook = a_notebook(State.READY)
    needs = Needs(record=a_record(notebook), consents=(notebook,))
    assert answered(world, needs).consents == {"workbench/main": consent}


# What leavers have besides


def older(id: str) -> Resource:
    """A notebook of an older kind, as the search finds it."""
    name = f"projects/demo/locations/us-central1/runtimes/{id}"
    return Resource(kind=Kind.MANAGED_NOTEBOOK, slot=f"found-{id}", name=name)


def moved_leaver() -> Environment:
    """Somebody who left, with a former address and a record that was merged into theirs."""
    addresses = with_current(with_current((), ANA, after(-9)), SMITH, NOW)
    person = Person(email=SMITH)
    return a_record(verb=Verb.LEAVE, addresses=addresses, person=person, merged=(OTHER,))


EVERY_OWNER = [(KEY, SMITH), (KEY, ANA), (OTHER, SMITH), (OTHER, ANA)]


def test_older_notebooks_of_a_leaver_are_searched_by_every_key_and_address(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resources of a merged record carry its key, and are observed and deleted by it."""
    asked: list[tuple[str, str]] = []
    there = {(KEY, ANA): "a", (KEY, SMITH): "b", (OTHER, SMITH): "c"}

    def find(key: str, email: str) -> tuple[Resource, ...]:
        asked.append((key, email))
        return (older(there[key, email]),) if (key, email) in there else ()

    monkeypatch.setattr(world.converge.reader.search, "older_notebooks_of", find)
    found = answered(world, Needs(record=moved_leaver(), older=True)).older
    assert isinstance(found, tuple)
    assert asked == EVERY_OWNER
    assert [(r.name[-1], r.owner, r.key) for r in found] == [
        ("b", SMITH, ""),
        ("a", ANA, ""),
        ("c", SMITH, OTHER),
    ]
    assert len({r.id for r in found}) == 3


def test_the_inventory_covers_every_key_and_address_and_lists_each_resource_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whichever of them it is theirs for certain."""
    asked: list[tuple[str, str]] = []
    one = Orphan(kind=Kind.WORKBENCH, name="nb", ours=False)

    def find(key: str, email: str) -> tuple[Orphan, ...]:
        asked.append((key, email))
        return (replace(one, ours=(key, email) == (OTHER, ANA)),)

    monkeypatch.setattr(world.converge.reader.search, "everything_of", find)
    found = answered(world, Needs(record=moved_leaver(), inventory=True)).inventory
    assert asked == EVERY_OWNER
    assert found == (replace(one, ours=True, key=OTHER, owner=ANA),)


@pytest.mark.parametrize(
    ("search", "question", "action"),
    [
        ("older_notebooks_of", "older", "older.failed"),
        ("everything_of", "inventory", "scan.failed"),
    ],
)
def test_a_failed_search_is_an_answer_too(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    search: str,
    question: str,
    action: str,
) -> None:
    monkeypatch.setattr(world.converge.reader.search, search, failing("BUSY"))
    needs = replace(Needs(record=a_record(verb=Verb.LEAVE)), **{question: True})
    with caplog.at_level(logging.WARNING):
        problem = getattr(answered(world, needs), question)
    assert (problem.code, problem.message) == ("BUSY", "it is busy")
    assert [vars(record)["action"] for record in caplog.records] == [action]


# Where there is room


def test_shortages_are_read_when_asked_for(world: World) -> None:
    world.converge.reader.shortages.current()  # the process has been running for a minute
    world.pass_time(minutes(1))
    world.store.report_shortage(LACK, world.clock.now() + minutes(5))
    assert answered(world, Needs(record=a_record(), shortages=True)).shortages == {LACK}
    assert answered(world, Needs(record=a_record())).shortages is None


@pytest.mark.parametrize(
    ("notebook", "admitted", "turn"),
    [
        (a_notebook(), False, Turn.PROVISIONAL),
        (a_notebook(queued_at=NOW), False, Turn.LATER),
        (a_notebook(queued_at=NOW), True, Turn.CERTAIN),
        (a_notebook(State.CREATING, step=Step.CREATE, operation="op"), False, Turn.CERTAIN),
        (a_notebook(step=Step.CREATE), False, Turn.PROVISIONAL),
    ],
    ids=[
        "the claim is counted",
        "in the queue",
        "the tick lets them in",
        "they have a place",
        "whether they have one isn't known",
    ],
)
def test_whose_turn_it_is(world: World, notebook: Resource, admitted: bool, turn: Turn) -> None:
    needs = Needs(record=a_record(notebook), turn=True)
    assert answered(world, needs, admitted=admitted).turn is turn


def test_no_turn_is_given_while_others_are_known_to_wait(world: World) -> None:
    world.policy = replace(world.policy, creations=1)
    world.restart()
    for number in range(2):
        world.join(f"p{number}@example.com", profile="lean")
    assert answered(world, Needs(record=a_record(), turn=True)).turn is Turn.LATER
