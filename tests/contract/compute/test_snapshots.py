"""The snapshot driver on the local cloud, and with answers that the local cloud never gives.

Results are read without the driver. A scripted fault that was never applied fails its test.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from shared.adapters.compute.snapshots import SnapshotDriver
from shared.adapters.google_api.rest import Rest
from shared.domain.environment import Environment
from shared.domain.faults import CloudFault, Disposition
from shared.domain.manifests.snapshot import data_disk, snapshot_manifest, snapshot_name
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from shared.domain.status import Phase, Status
from tests.support.grouped_fields import a_resource, replace
from tests.support.notebook_cloud import (
    ANA,
    KEY,
    NotebookCloud,
    after_step,
    notebook_cloud,
    notebook_want,
    request,
)

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
NOTEBOOK = notebook_want().places[0]
SLOT = "20261102-090000"
SNAPSHOT = a_resource(
    kind=Kind.SNAPSHOT,
    slot=SLOT,
    name=snapshot_name(NOTEBOOK, KEY, SLOT),
    source=NOTEBOOK,
    expires_at=NOW + timedelta(days=30),
)
RECORD = Environment(
    key=KEY, person=ANA, status=Status(phase=Phase.SUSPENDED), created_at=NOW, updated_at=NOW
)
MANIFEST = snapshot_manifest(RECORD, SNAPSHOT)
LOST = {"before": {}, "after": {"when": "after"}, "cut": {"when": "after", "drop": True}}


@pytest.fixture
def cloud() -> Iterator[NotebookCloud]:
    with notebook_cloud() as made:
        yield made


@pytest.fixture
def notebook(cloud: NotebookCloud) -> Resource:
    notebook = cloud.make_notebook(notebook_want())
    cloud.write(notebook, "years of work")
    return notebook


def observe(
    cloud: NotebookCloud, resource: Resource = SNAPSHOT, manifest: Manifest | None = MANIFEST
) -> Observation:
    return cloud.snapshots.observe(resource, KEY, ANA.email, manifest)


def take(cloud: NotebookCloud, number: int = 0) -> Observation:
    return cloud.snapshots.create(SNAPSHOT, MANIFEST, KEY, ANA.email, request(number))


def ended(cloud: NotebookCloud, step: Step, seen: Observation) -> Observation:
    assert (seen.state, bool(seen.operation)) == (step.moving, True)
    cloud.wait()
    return observe(cloud, after_step(SNAPSHOT, step, seen))


def taken(cloud: NotebookCloud) -> None:
    assert ended(cloud, Step.CREATE, take(cloud)).state is State.READY


def shown(cloud: NotebookCloud) -> dict[str, Any]:
    return cloud.call("GET", f"compute/v1/{SNAPSHOT.name}")


@pytest.mark.usefixtures("notebook")
class TestTaking:
    def test_a_missing_snapshot_is_absent(self, cloud: NotebookCloud) -> None:
        assert observe(cloud) == Observation(state=State.ABSENT)

    def test_create_sends_the_wanted_body_in_one_call(self, cloud: NotebookCloud) -> None:
        counts = cloud.calls(lambda: ended(cloud, Step.CREATE, take(cloud)))
        assert counts == {
            "compute.snapshots.insert": 1,
            "compute.globalOperations.get": 1,
            "compute.snapshots.get": 1,
        }
        found = shown(cloud)
        assert found["sourceDisk"].endswith(data_disk(NOTEBOOK))
        assert found["storageLocations"] == ["us-central1"]
        assert found["labels"].items() >= {"benchkeeper-person": KEY, "team": "core"}.items()
        assert found["labels"]["benchkeeper-expires"] == "2026-12-02"

    def test_it_is_creating_until_its_operation_ends(self, cloud: NotebookCloud) -> None:
        seen = take(cloud)
        assert seen.operation.startswith("projects/demo/global/operations/")
        begun = after_step(SNAPSHOT, Step.CREATE, seen)
        assert observe(cloud, begun) == Observation(state=State.CREATING, operation=seen.operation)
        assert observe(cloud) == Observation(state=State.CREATING, size_gb=100)
        cloud.wait()
        assert observe(cloud, begun) == Observation(state=State.READY, finished=True, size_gb=100)
        assert observe(cloud) == Observation(state=State.READY, size_gb=100)

    @pytest.mark.parametrize("number", [0, 1])
    def test_a_second_create_makes_no_second_snapshot(
        self, cloud: NotebookCloud, number: int
    ) -> None:
        first, again = take(cloud), take(cloud, number)
        assert again.state is State.CREATING
        assert (again.operation == first.operation) is (number == 0)
        cloud.wait()
        assert observe(cloud).state is State.READY

    @pytest.mark.parametrize("how", LOST)
    def test_a_lost_answer_is_uncertain_and_the_call_can_be_repeated(
        self, cloud: NotebookCloud, how: str
    ) -> None:
        cloud.fail("compute", "snapshots.insert", **LOST[how])
        with pytest.raises(CloudFault) as caught:
            take(cloud)
        assert caught.value.disposition is Disposition.UNCERTAIN
        assert observe(cloud).state is (State.ABSENT if how == "before" else State.CREATING)
        assert ended(cloud, Step.CREATE, take(cloud)).state is State.READY

    def test_a_failed_creation_is_broken_with_the_reason(self, cloud: NotebookCloud) -> None:
        error = {"status": "INTERNAL", "message": "no luck"}
        cloud.fail("compute", "snapshots.insert", when="operation", error=error)
        seen = ended(cloud, Step.CREATE, take(cloud))
        assert (seen.state, bool(seen.detail)) == (State.BROKEN, True)
        assert seen.problem is not None
        assert (seen.problem.message, seen.problem.disposition) == (
            "no luck",
            Disposition.TEMPORARY,
        )

    def test_a_disk_deleted_during_the_creation_is_named(
        self, cloud: NotebookCloud, notebook: Resource
    ) -> None:
        cloud.cloud.verb_seconds["snapshot"] = 3600
        seen = take(cloud)
        cloud.call("DELETE", f"v2/{notebook.name}")
        cloud.wait()
        cloud.wait(3600)
        problem = observe(cloud, after_step(SNAPSHOT, Step.CREATE, seen)).problem
        assert problem is not None
        assert (problem.code, problem.disposition) == ("NOT_FOUND", Disposition.PERMANENT)
        assert "the data disk is gone" in problem.message


class TestWithoutADisk:
    def test_a_missing_disk_is_a_permanent_fault_with_advice(self, cloud: NotebookCloud) -> None:
        with pytest.raises(
            CloudFault, match=r"data disk is gone.*by hand, then send retry"
        ) as caught:
            take(cloud)
        assert (caught.value.code, caught.value.disposition) == ("NOT_FOUND", Disposition.PERMANENT)
        assert data_disk(NOTEBOOK) in caught.value.message

    def test_another_missing_resource_keeps_googles_message(self, cloud: NotebookCloud) -> None:
        error = {"status": "NOT_FOUND", "message": "The project is gone"}
        cloud.fail("compute", "snapshots.insert", error=error)
        with pytest.raises(CloudFault, match="The project is gone") as caught:
            take(cloud)
        assert "data disk" not in caught.value.message

    def test_methods_that_only_read_return_absent(self, cloud: NotebookCloud) -> None:
        for step in (cloud.snapshots.start, cloud.snapshots.stop, cloud.snapshots.restore):
            assert step(SNAPSHOT, request(0)) == Observation(state=State.ABSENT)


@pytest.mark.usefixtures("notebook")
class TestForeign:
    def test_a_snapshot_without_our_labels_is_not_touched(
        self, cloud: NotebookCloud, notebook: Resource
    ) -> None:
        cloud.make_snapshot(notebook, SNAPSHOT.name.rpartition("/")[2])
        before = shown(cloud)
        assert take(cloud).state is State.FOREIGN
        assert observe(cloud).state is State.FOREIGN
        assert observe(cloud).detail
        assert shown(cloud) == before

    def test_a_resource_of_another_person_is_foreign(self, cloud: NotebookCloud) -> None:
        taken(cloud)
        seen = cloud.snapshots.observe(SNAPSHOT, "ben-abcdefghijkl", "ben@example.com", None)
        assert seen.state is State.FOREIGN

    def test_a_snapshot_of_another_disk_is_foreign_and_the_disk_is_named(
        self, cloud: NotebookCloud
    ) -> None:
        taken(cloud)
        elsewhere = NOTEBOOK.replace("us-central1-a", "us-central1-b")
        other = snapshot_manifest(RECORD, replace(SNAPSHOT, source=elsewhere))
        seen = observe(cloud, manifest=other)
        assert seen.state is State.FOREIGN
        assert data_disk(NOTEBOOK) in seen.detail
        assert observe(cloud, manifest=None).state is State.READY


@pytest.mark.usefixtures("notebook")
class TestLater:
    def test_steps_that_snapshots_lack_only_read(self, cloud: NotebookCloud) -> None:
        taken(cloud)
        before = shown(cloud)
        driver = cloud.snapshots
        ready = Observation(state=State.READY, size_gb=100)
        assert driver.update(SNAPSHOT, MANIFEST, KEY, ANA.email, request(0)) == ready
        assert driver.start(SNAPSHOT, request(0)) == ready
        assert driver.stop(SNAPSHOT, request(0)) == ready
        assert driver.restore(SNAPSHOT, request(0)) == ready
        assert driver.protect(SNAPSHOT, True, request(0)) == ready
        assert driver.consented(SNAPSHOT) is None
        assert shown(cloud) == before

    def test_it_exists_after_its_notebook_until_it_is_deleted(
        self, cloud: NotebookCloud, notebook: Resource
    ) -> None:
        taken(cloud)
        cloud.call("DELETE", f"v2/{notebook.name}")
        cloud.wait()
        assert observe(cloud).state is State.READY
        seen = cloud.snapshots.delete(SNAPSHOT, request(1))
        begun = after_step(SNAPSHOT, Step.DELETE, seen)
        assert observe(cloud, begun) == Observation(state=State.DELETING, operation=seen.operation)
        assert ended(cloud, Step.DELETE, seen).state is State.ABSENT
        assert cloud.snapshots.delete(SNAPSHOT, request(2)) == Observation(state=State.ABSENT)

    @pytest.mark.parametrize("how", LOST)
    def test_a_delete_with_a_lost_answer_is_uncertain_and_can_be_repeated(
        self, cloud: NotebookCloud, how: str
    ) -> None:
        taken(cloud)
        cloud.fail("compute", "snapshots.delete", **LOST[how])
        with pytest.raises(CloudFault) as caught:
            cloud.snapshots.delete(SNAPSHOT, request(1))
        assert caught.value.disposition is Disposition.UNCERTAIN
        seen = cloud.snapshots.delete(SNAPSHOT, request(1))
        assert ended(cloud, Step.DELETE, seen).state is State.ABSENT

    def test_a_failed_delete_reports_the_reason_and_keeps_it(self, cloud: NotebookCloud) -> None:
        taken(cloud)
        error = {"status": "INTERNAL", "message": "no luck"}
        cloud.fail("compute", "snapshots.delete", when="operation", error=error)
        seen = ended(cloud, Step.DELETE, cloud.snapshots.delete(SNAPSHOT, request(1)))
        assert (seen.state, seen.finished) == (State.READY, False)
        assert seen.problem is not None

    def test_a_busy_snapshot_is_a_temporary_fault(self, cloud: NotebookCloud) -> None:
        take(cloud)
        with pytest.raises(CloudFault) as caught:
            cloud.snapshots.delete(SNAPSHOT, request(1))
        assert caught.value.disposition is Disposition.TEMPORARY


class Answers:
    """Replaces ``Rest``: returns the given snapshot and operation, otherwise 404."""

    def __init__(
        self, *, snapshot: dict[str, Any] | None = None, operation: dict[str, Any] | None = None
    ) -> None:
        self._snapshot = snapshot
        self._operation = operation

    def get(self, path: str, **params: str) -> dict[str, Any]:
        found = self._operation if "/operations/" in path else self._snapshot
        if found is None:
            raise CloudFault(Disposition.PERMANENT, "NOT_FOUND", "none")
        return found

    def post(self, path: str, body: dict[str, Any], **params: str) -> dict[str, Any]:
        return {}


def read(answers: Answers, resource: Resource = SNAPSHOT) -> Observation:
    driver = SnapshotDriver(cast("Rest", answers))
    return driver.observe(resource, KEY, ANA.email, MANIFEST)


def snapshot(status: str) -> dict[str, Any]:
    return {**MANIFEST.body, "status": status}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("CREATING", State.CREATING),
        ("UPLOADING", State.CREATING),
        ("READY", State.READY),
        ("FAILED", State.BROKEN),
        ("DELETING", State.DELETING),
        ("SOMETHING_NEW", None),
    ],
)
def test_every_status_has_a_state(status: str, state: State | None) -> None:
    seen = read(Answers(snapshot=snapshot(status)))
    assert (seen.state, seen.problem is not None) == (state, state is None)


BEGUN = replace(SNAPSHOT, step=Step.CREATE, operation="projects/demo/global/operations/o")
FAILED = {
    "status": "DONE",
    "httpErrorStatusCode": 500,
    "error": {"errors": [{"code": "INTERNAL_ERROR", "message": "no luck"}]},
}


def test_an_upload_after_the_end_of_the_operation_is_still_creating() -> None:
    seen = read(Answers(snapshot=snapshot("UPLOADING"), operation={"status": "DONE"}), BEGUN)
    assert (seen.state, seen.problem) == (State.CREATING, None)


def test_a_snapshot_whose_operation_failed_is_broken() -> None:
    seen = read(Answers(snapshot=snapshot("CREATING"), operation=FAILED), BEGUN)
    assert (seen.state, seen.problem is not None) == (State.BROKEN, True)
    gone = read(Answers(operation=FAILED), BEGUN)
    assert (gone.state, gone.problem) == (State.ABSENT, seen.problem)


def test_an_operation_that_google_has_deleted_is_no_problem() -> None:
    assert read(Answers(snapshot=snapshot("READY")), BEGUN) == Observation(state=State.READY)


def test_an_answer_without_an_operation_is_uncertain() -> None:
    driver = SnapshotDriver(cast("Rest", Answers()))
    with pytest.raises(CloudFault) as caught:
        driver.create(SNAPSHOT, MANIFEST, KEY, ANA.email, request(0))
    assert caught.value.disposition is Disposition.UNCERTAIN
