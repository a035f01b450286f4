"""The inventory of the two older kinds, on the local cloud with the behaviour of today."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from google.auth.credentials import AnonymousCredentials
from msgspec.structs import replace

from shared.adapters.notebooks_v1.driver import NotebooksV1Driver
from shared.adapters.notebooks_v1.factory import NotebooksV1Factory
from shared.domain.faults import CloudFault, Disposition
from shared.domain.manifests.labels import ownership
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.observation import Orphan
from tests.support.notebooks_v1_stage import (
    ANA,
    BEN,
    KEY,
    KINDS,
    Stage,
    notebooks_v1_stage,
    request,
    wanted,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def stage() -> Iterator[Stage]:
    with notebooks_v1_stage() as built:
        yield built


def test_all_parts_of_a_deployment_work_on_its_endpoint(stage: Stage) -> None:
    endpoint = f"http://{stage.local.grpc_address}"
    kinds = NotebooksV1Factory(endpoint, AnonymousCredentials, "demo")
    drivers = {driver.kind: driver for driver in kinds.drivers()}
    assert tuple(drivers) == KINDS
    for kind in KINDS:
        stage.plant(wanted(kind))
    found = kinds.inventory().resources_of(KEY, ANA.email)
    assert [resource.kind for resource in found] == list(KINDS)
    for resource in found:
        seen = drivers[resource.kind].observe(resource, KEY, ANA.email, None)
        assert seen.state is State.READY


def test_a_person_without_notebooks_has_none(stage: Stage) -> None:
    stage.plant(wanted(Kind.DATAPROC_HUB, BEN))
    stage.plant(wanted(Kind.MANAGED_NOTEBOOK, BEN))
    assert stage.inventory.resources_of(KEY, ANA.email) == ()
    assert stage.inventory.leftovers_of(KEY, ANA.email) == ()


def test_those_with_our_labels_are_resources_to_stop_and_remove(stage: Stage) -> None:
    for kind in KINDS:
        stage.plant(wanted(kind))
    elsewhere = stage.plant(
        wanted(Kind.DATAPROC_HUB), name="projects/demo/locations/us-east1-b/instances/old"
    )
    found = stage.inventory.resources_of(KEY, ANA.email)
    assert [(r.kind, r.name, r.state) for r in found] == [
        (Kind.MANAGED_NOTEBOOK, wanted(Kind.MANAGED_NOTEBOOK).places[0], State.READY),
        (Kind.DATAPROC_HUB, wanted(Kind.DATAPROC_HUB).places[0], State.READY),
        (Kind.DATAPROC_HUB, elsewhere, State.READY),
    ]
    assert [r.slot for r in found[:2]] == ["main", "main"]
    assert found[2].slot.startswith("found-")
    assert len({r.id for r in found}) == 3


def test_the_same_name_in_two_locations_gets_other_slots(stage: Stage) -> None:
    manifest = wanted(Kind.DATAPROC_HUB)
    stage.plant(manifest)
    stage.plant(manifest, name=manifest.places[0].replace("us-central1-a", "us-east1-b"))
    slots = {r.slot for r in stage.inventory.resources_of(KEY, ANA.email)}
    assert len(slots) == 2
    assert all(slot.startswith("found-") for slot in slots)


def test_found_notebooks_can_be_stopped_and_removed(stage: Stage) -> None:
    for kind in KINDS:
        stage.plant(wanted(kind))
    for resource in stage.inventory.resources_of(KEY, ANA.email):
        driver = NotebooksV1Driver(stage.services[resource.kind])
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
def test_the_persons_notebooks_without_our_labels_are_only_reported(
    stage: Stage, kind: Kind, advice: str
) -> None:
    name = stage.plant(wanted(kind), labels={"team": "core"})
    assert stage.inventory.resources_of(KEY, ANA.email) == ()
    (left,) = stage.inventory.leftovers_of(KEY, ANA.email)
    assert (left.kind, left.name, left.ours) == (kind, name, False)
    assert f"managed-by=benchkeeper, benchkeeper-person={KEY}" in left.detail
    assert advice in left.detail


def test_a_notebook_with_our_labels_is_reported_as_ours_with_its_state(stage: Stage) -> None:
    manifest = wanted(Kind.MANAGED_NOTEBOOK)
    stage.plant(manifest)
    (found,) = stage.inventory.leftovers_of(KEY, ANA.email)
    assert replace(found, created_at=None) == Orphan(
        kind=manifest.kind, name=manifest.places[0], ours=True, detail="active"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_with_our_labels_and_another_owner_is_not_ours(stage: Stage, kind: Kind) -> None:
    stage.plant(wanted(kind, BEN), labels=ownership(KEY))
    assert stage.inventory.resources_of(KEY, ANA.email) == ()
    (left,) = stage.inventory.leftovers_of(KEY, ANA.email)
    assert (left.ours, left.detail) == (False, "it belongs to ben@example.com")


@pytest.mark.parametrize("kind", KINDS)
def test_the_persons_notebook_is_reported_with_the_other_key_in_its_labels(
    stage: Stage, kind: Kind
) -> None:
    stage.plant(wanted(kind), labels=ownership("ben-abcdefghijkl"))
    (left,) = stage.inventory.leftovers_of(KEY, ANA.email)
    assert (left.ours, left.labelled_for) == (False, "ben-abcdefghijkl")
    assert left.created_at is not None
    assert stage.inventory.leftovers_of("ben-abcdefghijkl", BEN.email)[0].labelled_for == ""


def test_a_notebook_without_an_owner_is_identified_by_its_labels(stage: Stage) -> None:
    name = "projects/demo/locations/us-central1-a/instances/bare"
    stage.local.notebooks_v1.seed(name, {"labels": ownership(KEY)})
    (found,) = stage.inventory.resources_of(KEY, ANA.email)
    assert found.name == name


def test_all_pages_are_read(stage: Stage) -> None:
    for number in range(501):
        name = f"projects/demo/locations/us-central1-a/instances/other-{number:03}"
        stage.local.notebooks_v1.seed(name)
    last = stage.plant(
        wanted(Kind.DATAPROC_HUB), name="projects/demo/locations/us-central1-a/instances/z"
    )
    assert [r.name for r in stage.inventory.resources_of(KEY, ANA.email)] == [last]
    assert stage.cloud.calls.counts() == {
        "notebooks_v1.runtimes.list": 1,
        "notebooks_v1.instances.list": 2,
    }


def test_a_listing_without_an_answer_is_temporary(stage: Stage) -> None:
    stage.fault("runtimes.list", error={"status": "UNAVAILABLE"})
    with pytest.raises(CloudFault) as caught:
        stage.inventory.leftovers_of(KEY, ANA.email)
    assert caught.value.disposition is Disposition.TEMPORARY
