"""The two older kinds, through Google's own client, against the local cloud: driver and search.

What a driver did is read back from the cloud's own store, not through a driver. The cloud is the
Google of 2023 where a test makes a notebook, and the Google of today where one is only found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from msgspec.structs import replace

from local.faults import Fault
from local.server import LocalCloud
from shared.adapters.older_clients import managed_notebooks_client, notebooks_client
from shared.adapters.older_driver import OlderDriver
from shared.adapters.older_kinds import OlderKinds
from shared.adapters.older_notebooks import OlderNotebooks
from shared.adapters.older_services import Instances, OlderService, Runtimes
from shared.domain.faults import CloudFault, Fate
from shared.domain.names import person_key
from shared.domain.person import Person
from shared.domain.profiles import DataprocHub, ManagedNotebook, Network, Profile
from shared.domain.resources import Kind, Leftover, Observation, Resource, State, Step, Want
from shared.domain.wants import Site, wants
from shared.domain.wants.labels import ownership

ANA = Person(email="ana@example.com", team="core")
BEN = Person(email="ben@example.com")
KEY = person_key(ANA.email)
SITE = Site(project="demo", region="us-central1", templates_bucket="demo-templates")
PROFILE = Profile(
    name="older",
    grace_seconds=0,
    keep_seconds=0,
    labels={},
    network=Network(),
    workbench=None,
    session_templates=(),
    cluster_templates=(),
    managed_notebook=ManagedNotebook(location="us-central1", machine_type="n1-standard-2"),
    dataproc_hub=DataprocHub(
        zone="us-central1-a", machine_type="n1-standard-1", service_account="hub@example.com"
    ),
)
KINDS = (Kind.MANAGED_NOTEBOOK, Kind.DATAPROC_HUB)
PATIENCE = 1.0  # real seconds for each call; none is waited for in vain but where a test says so
GONE = "have been deprecated and new instances cannot be created"


def request(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def wanted(kind: Kind, person: Person = ANA) -> Want:
    made = wants(PROFILE, person, person_key(person.email), SITE)
    return next(want for want in made if want.kind is kind)


class Stage:
    """A local cloud, and what is under test beside it."""

    def __init__(self, local: LocalCloud) -> None:
        self.local = local
        self.cloud = local.cloud
        endpoint, nobody = f"http://{local.grpc_address}", AnonymousCredentials()
        self.runtimes = managed_notebooks_client(endpoint, nobody)
        self.instances = notebooks_client(endpoint, nobody)
        self.services: dict[Kind, OlderService] = {
            Kind.MANAGED_NOTEBOOK: Runtimes(lambda: self.runtimes, seconds=PATIENCE),
            Kind.DATAPROC_HUB: Instances(lambda: self.instances, seconds=PATIENCE),
        }
        self.search = OlderNotebooks("demo", tuple(self.services.values()))
        self.scripted: list[Fault] = []

    def plant(self, want: Want, *, name: str = "", labels: dict[str, str] | None = None) -> str:
        """One that has been there since before the end."""
        body = dict(want.body)
        if labels is not None and want.kind is Kind.DATAPROC_HUB:
            body["labels"] = labels
        elif labels is not None:
            config = body["virtualMachine"]["virtualMachineConfig"]
            body["virtualMachine"] = {"virtualMachineConfig": {**config, "labels": labels}}
        name = name or want.places[0]
        self.local.older_notebooks.plant(name, body)
        return name

    def stored(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.local.older_notebooks.resources()}

    def fault(self, method: str, **spec: Any) -> None:
        scripted = {"service": "notebooks_v1", "method": method, "times": 1, **spec}
        self.scripted.append(self.cloud.faults.add(scripted))

    def close(self) -> None:
        self.runtimes.transport.close()
        self.instances.transport.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    with LocalCloud() as local:
        built = Stage(local)
        yield built
        built.close()
    assert all(fault.hits for fault in built.scripted), "a scripted fault was never hit"


def test_all_parts_of_a_deployment_work_on_its_endpoint(stage: Stage) -> None:
    endpoint = f"http://{stage.local.grpc_address}"
    kinds = OlderKinds(endpoint, AnonymousCredentials, "demo")
    drivers = {driver.kind: driver for driver in kinds.drivers()}
    assert tuple(drivers) == KINDS
    for kind in KINDS:
        stage.plant(wanted(kind))
    found = kinds.search().resources_of(KEY, ANA.email)
    assert [resource.kind for resource in found] == list(KINDS)
    for resource in found:
        seen = drivers[resource.kind].observe(resource, KEY, ANA.email, None)
        assert seen.state is State.READY


class One:
    """The driver of one kind, and the notebook that Ana's profile asks for."""

    def __init__(self, stage: Stage, kind: Kind) -> None:
        self.stage = stage
        self.cloud = stage.cloud
        self.driver = OlderDriver(stage.services[kind])
        self.want = wanted(kind)
        (self.name,) = self.want.places
        self.resource = Resource(kind=kind, slot="main", name=self.name)
        self.collection = "runtimes" if kind is Kind.MANAGED_NOTEBOOK else "instances"

    def look(self, resource: Resource | None = None, person: Person = ANA) -> Observation:
        key = person_key(person.email)
        return self.driver.observe(resource or self.resource, key, person.email, None)

    def create(self, number: int = 0) -> Observation:
        return self.driver.create(self.resource, self.want, KEY, ANA.email, request(number))

    def ended(self, step: Step, seen: Observation) -> Observation:
        """What a look says once the operation of ``step`` has had its time."""
        assert seen.state is not None
        self.pass_time()
        memory = replace(self.resource, under_way=step, state=seen.state, operation=seen.operation)
        return self.look(memory)

    def make(self) -> None:
        self.cloud.older_notebooks = True
        assert self.ended(Step.CREATE, self.create()).state is State.READY

    def stop(self) -> None:
        assert self.ended(Step.STOP, self.driver.stop(self.resource, request(90))).finished

    def pass_time(self) -> None:
        self.cloud.clock.advance(timedelta(hours=1))

    def fault(self, method: str, **spec: Any) -> None:
        self.stage.fault(f"{self.collection}.{method}", **spec)


@pytest.fixture(params=KINDS)
def one(stage: Stage, request: pytest.FixtureRequest) -> One:
    return One(stage, request.param)


class TestToday:
    def test_creation_is_refused_for_good_and_the_message_names_workbench(self, one: One) -> None:
        with pytest.raises(CloudFault, match=GONE) as caught:
            one.create()
        assert caught.value.fate is Fate.PERMANENT
        assert "Use the kind workbench in the profile." in caught.value.message
        assert one.stage.stored() == {}

    def test_what_was_made_before_is_found_by_a_create(self, one: One) -> None:
        one.stage.plant(one.want)
        assert one.create().state is State.READY

    def test_what_somebody_else_made_before_stays_theirs(self, one: One) -> None:
        one.stage.plant(wanted(one.want.kind, BEN), name=one.name)
        seen = one.create()
        assert (seen.state, seen.problem) == (State.FOREIGN, None)

    def test_what_was_made_before_can_be_stopped_started_and_deleted(self, one: One) -> None:
        one.stage.plant(one.want)
        stopping = one.driver.stop(one.resource, request(1))
        assert stopping.state is State.STOPPING
        assert one.ended(Step.STOP, stopping).state is State.STOPPED
        starting = one.driver.start(one.resource, request(2))
        assert starting.state is State.STARTING
        assert one.ended(Step.START, starting).state is State.READY
        deleting = one.driver.delete(one.resource, request(3))
        assert deleting.state is State.DELETING
        assert one.ended(Step.DELETE, deleting) == Observation(state=State.ABSENT, finished=True)
        assert one.stage.stored() == {}


class TestIn2023:
    @pytest.fixture(autouse=True)
    def _then(self, one: One) -> None:
        one.cloud.older_notebooks = True

    def test_a_create_is_one_call_and_under_way_until_its_operation_ends(self, one: One) -> None:
        seen = one.create()
        assert seen == Observation(state=State.CREATING, operation=seen.operation)
        assert seen.operation
        assert sum(one.cloud.calls.counts().values()) == 1
        memory = replace(one.resource, under_way=Step.CREATE, operation=seen.operation)
        assert one.look(memory) == Observation(state=State.CREATING, operation=seen.operation)
        ready = one.ended(Step.CREATE, seen)
        assert (ready.state, ready.finished) == (State.READY, True)
        assert ready.link.startswith("https://")

    def test_all_that_was_asked_for_arrives(self, one: One) -> None:
        one.make()
        stored = one.stage.stored()[one.name]
        if one.want.kind is Kind.MANAGED_NOTEBOOK:
            assert stored["accessConfig"]["runtimeOwner"] == ANA.email
            assert stored["accessConfig"]["accessType"] == "SINGLE_USER"
            assert stored["softwareConfig"] == one.want.body["softwareConfig"]
            asked = one.want.body["virtualMachine"]["virtualMachineConfig"]
            got = stored["virtualMachine"]["virtualMachineConfig"]
            assert got | asked == got
        else:
            # False is the default, and gRPC doesn't carry it.
            assert {k: v for k, v in one.want.body.items() if v is not False}.items() <= (
                stored.items()
            )

    def test_the_same_create_twice_makes_one(self, one: One) -> None:
        one.create()
        one.ended(Step.CREATE, one.create())
        assert list(one.stage.stored()) == [one.name]

    def test_a_look_without_the_operation_sees_it_move(self, one: One) -> None:
        one.create()
        assert one.look() == Observation(state=State.CREATING)
        assert one.look(replace(one.resource, was_ready=True)).state is State.STARTING

    @pytest.mark.parametrize(
        "spec",
        [
            {"when": "after", "error": {"status": "UNAVAILABLE"}},
            {"when": "after", "drop": True},
            {"when": "after", "delay_seconds": PATIENCE * 1.5},
        ],
        ids=["503", "cut", "late"],
    )
    def test_a_create_whose_answer_is_lost_is_uncertain_and_seen_by_the_next_look(
        self, one: One, spec: dict[str, Any]
    ) -> None:
        one.fault("create", **spec)
        with pytest.raises(CloudFault) as caught:
            one.create()
        assert caught.value.fate is Fate.UNCERTAIN
        assert one.stage.scripted[0].seen == 1
        assert one.look().state is State.CREATING
        one.pass_time()
        again = one.create()
        one.pass_time()
        assert again.operation or again.state is State.READY
        assert list(one.stage.stored()) == [one.name]

    def test_a_create_that_ends_in_a_stock_out_says_so_and_leaves_nothing(self, one: One) -> None:
        message = "The zone does not have enough resources available to fulfill the request."
        details = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "metadata": {"zonesAvailable": "us-central1-b"},
            }
        ]
        error = {"status": "RESOURCE_EXHAUSTED", "message": message, "details": details}
        one.fault("create", when="operation", error=error)
        seen = one.ended(Step.CREATE, one.create())
        assert seen.state is State.ABSENT
        assert seen.problem is not None
        assert seen.problem.fate is Fate.STOCK_OUT
        assert seen.problem.elsewhere == ("us-central1-b",)
        assert not seen.finished
        assert one.stage.stored() == {}

    def test_a_forgotten_operation_is_no_trouble(self, one: One) -> None:
        seen = one.create()
        one.pass_time()
        one.stage.runtimes.delete_operation({"name": seen.operation})
        memory = replace(one.resource, under_way=Step.CREATE, operation=seen.operation)
        assert one.look(memory).state is State.READY

    def test_a_second_step_while_one_is_under_way_waits(self, one: One) -> None:
        one.create()
        with pytest.raises(CloudFault) as caught:
            one.driver.stop(one.resource, request(1))
        assert caught.value.fate is Fate.TEMPORARY

    def test_one_that_is_being_deleted_is_seen_to_be(self, one: One) -> None:
        one.make()
        one.driver.delete(one.resource, request(1))
        asked = replace(one.resource, under_way=Step.DELETE)
        assert one.look(asked) == Observation(state=State.DELETING)

    def test_it_can_be_made_again_after_its_deletion(self, one: One) -> None:
        one.make()
        one.ended(Step.DELETE, one.driver.delete(one.resource, request(1)))
        assert one.ended(Step.CREATE, one.create(2)).state is State.READY


class TestWhatIsThere:
    def test_nothing_is_absent_to_every_step(self, one: One) -> None:
        gone = Observation(state=State.ABSENT)
        assert one.look() == gone
        assert one.driver.update(one.resource, one.want, KEY, ANA.email, request(0)) == gone
        assert one.driver.start(one.resource, request(1)) == gone
        assert one.driver.stop(one.resource, request(2)) == gone
        assert one.driver.restore(one.resource, request(3)) == gone
        assert one.driver.protect(one.resource, True, request(4)) == gone
        assert one.driver.delete(one.resource, request(5)) == gone

    def test_steps_that_these_kinds_have_no_use_for_change_nothing(self, one: One) -> None:
        one.stage.plant(one.want)
        before = one.stage.stored()
        steps: list[Callable[[], Observation]] = [
            lambda: one.driver.update(one.resource, one.want, KEY, ANA.email, request(0)),
            lambda: one.driver.restore(one.resource, request(1)),
            lambda: one.driver.protect(one.resource, True, request(2)),
        ]
        assert [step().state for step in steps] == [State.READY] * 3
        assert one.driver.consented(one.resource) is None
        assert one.stage.stored() == before
        assert set(one.cloud.calls.counts()) == {f"notebooks_v1.{one.collection}.get"}

    def test_without_our_labels_it_is_foreign(self, one: One) -> None:
        one.stage.plant(one.want, labels={"team": "core"})
        seen = one.look()
        assert (seen.state, seen.detail) == (
            State.FOREIGN,
            "it lacks our labels for this person",
        )

    def test_with_our_labels_but_another_owner_it_is_foreign(self, one: One) -> None:
        one.stage.plant(wanted(one.want.kind, BEN), name=one.name, labels=ownership(KEY))
        seen = one.look()
        assert (seen.state, seen.detail) == (State.FOREIGN, "it belongs to ben@example.com")

    def test_starting_what_runs_and_stopping_what_is_stopped_change_nothing(self, one: One) -> None:
        one.stage.plant(one.want)
        starting = one.driver.start(one.resource, request(1))
        assert one.ended(Step.START, starting).state is State.READY
        one.stop()
        assert one.ended(Step.STOP, one.driver.stop(one.resource, request(2))).finished

    def test_a_switch_that_is_refused_for_being_done_already_is_done(self, one: One) -> None:
        one.stage.plant(one.want)
        one.fault("start", error={"status": "FAILED_PRECONDITION", "message": "it runs"})
        assert one.driver.start(one.resource, request(1)).state is State.READY

    def test_a_switch_that_is_refused_for_another_reason_fails(self, one: One) -> None:
        one.stage.plant(one.want)
        one.fault("stop", error={"status": "FAILED_PRECONDITION", "message": "no"})
        with pytest.raises(CloudFault) as caught:
            one.driver.stop(one.resource, request(1))
        assert caught.value.fate is Fate.PERMANENT

    def test_a_start_that_ends_badly_leaves_it_stopped_and_says_why(self, one: One) -> None:
        one.stage.plant(one.want)
        one.stop()
        error = {"status": "INTERNAL", "message": "no luck"}
        one.fault("start", when="operation", error=error)
        seen = one.ended(Step.START, one.driver.start(one.resource, request(1)))
        assert seen.state is State.STOPPED
        assert seen.problem is not None
        assert "no luck" in seen.problem.message

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("step", [Step.STOP, Step.DELETE])
    def test_a_change_without_an_answer_is_uncertain_and_asked_once(
        self, one: One, step: Step, when: str
    ) -> None:
        one.stage.plant(one.want)
        one.fault(step, when=when, error={"status": "UNAVAILABLE"})
        take = one.driver.stop if step is Step.STOP else one.driver.delete
        with pytest.raises(CloudFault) as caught:
            take(one.resource, request(1))
        assert caught.value.fate is Fate.UNCERTAIN
        assert one.stage.scripted[0].seen == 1
        one.pass_time()
        reached = State.STOPPED if step is Step.STOP else State.ABSENT
        assert one.look().state is (State.READY if when == "before" else reached)

    def test_a_look_without_an_answer_is_temporary(self, one: One) -> None:
        one.fault("get", error={"status": "UNAVAILABLE"})
        with pytest.raises(CloudFault) as caught:
            one.look()
        assert caught.value.fate is Fate.TEMPORARY
        assert one.stage.scripted[0].seen == 1


class TestSearch:
    def test_a_person_without_any_has_none(self, stage: Stage) -> None:
        stage.plant(wanted(Kind.DATAPROC_HUB, BEN))
        stage.plant(wanted(Kind.MANAGED_NOTEBOOK, BEN))
        assert stage.search.resources_of(KEY, ANA.email) == ()
        assert stage.search.leftovers_of(KEY, ANA.email) == ()

    def test_those_with_our_labels_are_resources_to_stop_and_remove(self, stage: Stage) -> None:
        for kind in KINDS:
            stage.plant(wanted(kind))
        elsewhere = stage.plant(
            wanted(Kind.DATAPROC_HUB), name="projects/demo/locations/us-east1-b/instances/old"
        )
        found = stage.search.resources_of(KEY, ANA.email)
        assert [(r.kind, r.name, r.state) for r in found] == [
            (Kind.MANAGED_NOTEBOOK, wanted(Kind.MANAGED_NOTEBOOK).places[0], State.READY),
            (Kind.DATAPROC_HUB, wanted(Kind.DATAPROC_HUB).places[0], State.READY),
            (Kind.DATAPROC_HUB, elsewhere, State.READY),
        ]
        assert [r.slot for r in found[:2]] == ["main", "main"]
        assert found[2].slot.startswith("found-")
        assert len({r.id for r in found}) == 3

    def test_one_name_in_two_places_is_the_one_of_neither(self, stage: Stage) -> None:
        want = wanted(Kind.DATAPROC_HUB)
        stage.plant(want)
        stage.plant(want, name=want.places[0].replace("us-central1-a", "us-east1-b"))
        slots = {r.slot for r in stage.search.resources_of(KEY, ANA.email)}
        assert len(slots) == 2
        assert all(slot.startswith("found-") for slot in slots)

    def test_what_is_found_can_be_stopped_and_removed(self, stage: Stage) -> None:
        for kind in KINDS:
            stage.plant(wanted(kind))
        for resource in stage.search.resources_of(KEY, ANA.email):
            driver = OlderDriver(stage.services[resource.kind])
            assert driver.stop(resource, request(1)).state is State.STOPPING
            stage.cloud.clock.advance(timedelta(hours=1))
            assert driver.delete(resource, request(2)).state is State.DELETING
        stage.cloud.clock.advance(timedelta(hours=1))
        assert stage.stored() == {}

    @pytest.mark.parametrize(
        ("kind", "advice"),
        [
            (Kind.MANAGED_NOTEBOOK, "stop and remove it by hand"),
            (Kind.DATAPROC_HUB, "add them to have it stopped and removed"),
        ],
    )
    def test_what_is_theirs_without_our_labels_is_left_alone_and_said(
        self, stage: Stage, kind: Kind, advice: str
    ) -> None:
        name = stage.plant(wanted(kind), labels={"team": "core"})
        assert stage.search.resources_of(KEY, ANA.email) == ()
        (left,) = stage.search.leftovers_of(KEY, ANA.email)
        assert (left.kind, left.name, left.ours) == (kind, name, False)
        assert f"managed-by=benchkeeper, benchkeeper-person={KEY}" in left.detail
        assert advice in left.detail

    def test_what_carries_our_labels_is_ours_and_its_state_is_told(self, stage: Stage) -> None:
        want = wanted(Kind.MANAGED_NOTEBOOK)
        stage.plant(want)
        assert stage.search.leftovers_of(KEY, ANA.email) == (
            Leftover(kind=want.kind, name=want.places[0], ours=True, detail="active"),
        )

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_carries_our_labels_but_is_somebody_elses_is_left_alone(
        self, stage: Stage, kind: Kind
    ) -> None:
        stage.plant(wanted(kind, BEN), labels=ownership(KEY))
        assert stage.search.resources_of(KEY, ANA.email) == ()
        (left,) = stage.search.leftovers_of(KEY, ANA.email)
        assert (left.ours, left.detail) == (False, "it belongs to ben@example.com")

    def test_one_that_shows_no_owner_is_judged_by_its_labels(self, stage: Stage) -> None:
        name = "projects/demo/locations/us-central1-a/instances/bare"
        stage.local.older_notebooks.plant(name, {"labels": ownership(KEY)})
        (found,) = stage.search.resources_of(KEY, ANA.email)
        assert found.name == name

    def test_all_pages_are_read(self, stage: Stage) -> None:
        for number in range(501):
            name = f"projects/demo/locations/us-central1-a/instances/other-{number:03}"
            stage.local.older_notebooks.plant(name)
        last = stage.plant(
            wanted(Kind.DATAPROC_HUB), name="projects/demo/locations/us-central1-a/instances/z"
        )
        assert [r.name for r in stage.search.resources_of(KEY, ANA.email)] == [last]
        assert stage.cloud.calls.counts() == {
            "notebooks_v1.runtimes.list": 1,
            "notebooks_v1.instances.list": 2,
        }

    def test_a_listing_without_an_answer_is_temporary(self, stage: Stage) -> None:
        stage.fault("runtimes.list", error={"status": "UNAVAILABLE"})
        with pytest.raises(CloudFault) as caught:
            stage.search.leftovers_of(KEY, ANA.email)
        assert caught.value.fate is Fate.TEMPORARY
