"""Changes of the workbench driver to an existing notebook, on the local cloud.

Results are read without the driver. A scripted fault that was never applied fails its test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.profiles import Disk, Network
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.manifest import Drift, Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from tests.support.grouped_fields import replace
from tests.support.notebook_cloud import (
    ANA,
    KEY,
    PROFILE,
    WORKBENCH,
    NotebookCloud,
    after_step,
    notebook_cloud,
    notebook_want,
    request,
)

pytestmark = pytest.mark.slow

LOST = {"before": {}, "after": {"when": "after"}, "cut": {"when": "after", "drop": True}}
LARGER = notebook_want(replace(WORKBENCH, machine_type="n2-standard-8"))


@pytest.fixture
def cloud() -> Iterator[NotebookCloud]:
    with notebook_cloud() as made:
        yield made


def observe(
    cloud: NotebookCloud, notebook: Resource, manifest: Manifest | None = None
) -> Observation:
    return cloud.workbench.observe(notebook, KEY, ANA.email, manifest)


def update(
    cloud: NotebookCloud, notebook: Resource, manifest: Manifest, number: int = 0
) -> Observation:
    begun = replace(notebook, step=Step.UPDATE)
    return cloud.workbench.update(begun, manifest, KEY, ANA.email, request(number))


def settled(cloud: NotebookCloud, notebook: Resource, step: Step, seen: Observation) -> Observation:
    assert (seen.state, bool(seen.operation)) == (step.moving, True)
    cloud.wait()
    ended = observe(cloud, after_step(notebook, step, seen))
    assert (ended.finished, ended.operation) == (True, "")
    return ended


def change_as_another(cloud: NotebookCloud, notebook: Resource) -> None:
    """Add a label and metadata, as somebody else would."""
    shown = cloud.shown(notebook)
    metadata = {**shown["gceSetup"]["metadata"], "theirs": "yes", "idle-timeout-seconds": "60"}
    setup = {"metadata": metadata}
    labels = {**shown["labels"], "theirs": "yes"}
    mask = "labels,gce_setup.metadata"
    body = {"labels": labels, "gceSetup": setup}
    cloud.call("PATCH", f"v2/{notebook.name}?updateMask={mask}", body)
    cloud.wait()


class TestDrift:
    def test_a_notebook_just_created_has_no_drift(self, cloud: NotebookCloud) -> None:
        manifest = notebook_want(profile=replace(PROFILE, network=Network(tags=("inner",))))
        notebook = cloud.make_notebook(manifest)
        assert observe(cloud, notebook, manifest).drift == Drift()
        assert observe(cloud, notebook).drift is None

    def test_drift_that_can_not_be_changed_is_reported(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        larger = replace(WORKBENCH, data_disk=Disk(size_gb=300))
        moved = replace(PROFILE, network=Network(subnet="other", public_ip=True))
        drift = observe(cloud, notebook, notebook_want(larger, moved)).drift
        assert drift is not None
        assert len(drift.never) == 3
        assert not drift.can_be_mended

    def test_an_update_ignores_what_can_not_be_changed(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        moved = replace(PROFILE, network=Network(subnet="other", public_ip=True))
        before = cloud.shown(notebook)
        assert update(cloud, notebook, notebook_want(profile=moved)).state is State.READY
        assert cloud.shown(notebook) == before


class TestUpdate:
    def test_an_update_changes_all_that_a_running_notebook_allows(
        self, cloud: NotebookCloud
    ) -> None:
        public = replace(PROFILE, network=Network(public_ip=True))
        notebook = cloud.make_notebook(notebook_want(profile=public))
        change_as_another(cloud, notebook)
        strict = replace(WORKBENCH, idle_minutes=30)
        network = Network(tags=("inner",))
        manifest = notebook_want(strict, replace(PROFILE, name="strict", network=network))
        drift = observe(cloud, notebook, manifest).drift
        assert drift is not None
        assert drift.in_place
        assert not drift.at_rest
        seen = settled(cloud, notebook, Step.UPDATE, update(cloud, notebook, manifest))
        assert seen.state is State.READY
        assert observe(cloud, notebook, manifest).drift == Drift()
        shown = cloud.shown(notebook)
        assert shown["labels"]["theirs"] == "yes"
        assert shown["gceSetup"]["metadata"]["theirs"] == "yes"
        assert shown["gceSetup"]["metadata"]["idle-timeout-seconds"] == "1800"

    @pytest.mark.parametrize(
        "stricter",
        [{"downloads": False}, {"terminal": False}, {"root": False}, {"secure_boot": True}],
        ids=lambda change: next(iter(change)),
    )
    def test_keys_read_at_start_are_changed_when_stopped(
        self, cloud: NotebookCloud, stricter: dict[str, bool]
    ) -> None:
        open_to_all = replace(WORKBENCH, downloads=True, terminal=True, root=True)
        notebook = cloud.make_notebook(notebook_want(open_to_all))
        manifest = notebook_want(replace(open_to_all, **stricter))
        drift = observe(cloud, notebook, manifest).drift
        assert drift is not None
        assert drift.at_rest
        assert not drift.in_place
        assert update(cloud, notebook, manifest) == observe(cloud, notebook, manifest)
        cloud.switch(notebook, "stop")
        settled(cloud, notebook, Step.UPDATE, update(cloud, notebook, manifest, 1))
        assert observe(cloud, notebook, manifest).drift == Drift()

    def test_a_key_that_the_profile_no_longer_sets_is_removed(self, cloud: NotebookCloud) -> None:
        scheduled = replace(WORKBENCH, upgrade_schedule="00 3 * * SUN")
        notebook = cloud.make_notebook(notebook_want(scheduled))
        settled(cloud, notebook, Step.UPDATE, update(cloud, notebook, notebook_want()))
        metadata = cloud.shown(notebook)["gceSetup"]["metadata"]
        assert "notebook-upgrade-schedule" not in metadata
        assert observe(cloud, notebook, notebook_want()).drift == Drift()

    def test_the_machine_type_is_changed_when_stopped(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        assert update(cloud, notebook, LARGER) == observe(cloud, notebook, LARGER)
        cloud.switch(notebook, "stop")
        seen = settled(cloud, notebook, Step.UPDATE, update(cloud, notebook, LARGER))
        assert seen.state is State.STOPPED
        assert cloud.shown(notebook)["gceSetup"]["machineType"] == "n2-standard-8"

    def test_an_update_is_one_get_and_at_most_one_patch(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        get, patch = "notebooks.instances.get", "notebooks.instances.patch"
        assert cloud.calls(lambda: update(cloud, notebook, notebook_want())) == {get: 1}
        manifest = notebook_want(replace(WORKBENCH, idle_minutes=30))
        assert cloud.calls(lambda: update(cloud, notebook, manifest)) == {get: 1, patch: 1}

    def test_the_same_request_twice_is_one_operation(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        manifest = notebook_want(replace(WORKBENCH, idle_minutes=30))
        assert update(cloud, notebook, manifest) == update(cloud, notebook, manifest)

    @pytest.mark.parametrize("how", LOST)
    def test_a_lost_answer_is_uncertain_and_the_call_can_be_repeated(
        self, cloud: NotebookCloud, how: str
    ) -> None:
        notebook = cloud.make_notebook(notebook_want())
        manifest = notebook_want(replace(WORKBENCH, idle_minutes=30))
        cloud.fail("notebooks", "instances.patch", **LOST[how])
        with pytest.raises(CloudFault) as caught:
            update(cloud, notebook, manifest)
        assert caught.value.disposition is Disposition.UNCERTAIN
        settled(cloud, notebook, Step.UPDATE, update(cloud, notebook, manifest))
        assert observe(cloud, notebook, manifest).drift == Drift()


class TestProtection:
    def protected(self, cloud: NotebookCloud, notebook: Resource, on: bool) -> Observation:
        step = Step.PROTECT if on else Step.UNPROTECT
        seen = cloud.workbench.protect(notebook, on, request(10 + on))
        return settled(cloud, notebook, step, seen)

    def test_a_protected_notebook_names_who_can_lift_it(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        assert self.protected(cloud, notebook, True).protected
        assert observe(cloud, notebook).protected
        with pytest.raises(CloudFault, match="release") as caught:
            cloud.workbench.delete(replace(notebook, protected_by_us=True), request(0))
        assert caught.value.disposition is Disposition.PERMANENT
        with pytest.raises(CloudFault, match="Notebooks Admin"):
            cloud.workbench.delete(notebook, request(1))

    def test_without_the_protection_it_can_be_deleted(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        self.protected(cloud, notebook, True)
        assert not self.protected(cloud, notebook, False).protected
        seen = cloud.workbench.delete(notebook, request(0))
        assert settled(cloud, notebook, Step.DELETE, seen).state is State.ABSENT

    def test_protecting_a_missing_notebook_is_absent(self, cloud: NotebookCloud) -> None:
        gone = Resource(kind=LARGER.kind, slot="main", name=LARGER.places[0])
        assert cloud.workbench.protect(gone, True, request(0)).state is State.ABSENT


class TestRestore:
    @pytest.fixture
    def notebook(self, cloud: NotebookCloud) -> Resource:
        """A notebook with a snapshot, whose disk has other content by now."""
        notebook = cloud.make_notebook(notebook_want())
        cloud.write(notebook, "years of work")
        snapshot = cloud.make_snapshot(notebook)
        cloud.write(notebook, "nothing")
        return replace(notebook, restore_from=snapshot)

    def restoring(self, cloud: NotebookCloud, notebook: Resource) -> Resource:
        return replace(notebook, step=Step.RESTORE, since=cloud.now())

    def test_a_restore_writes_the_snapshots_data(
        self, cloud: NotebookCloud, notebook: Resource
    ) -> None:
        seen = cloud.workbench.restore(notebook, request(0))
        assert settled(cloud, notebook, Step.RESTORE, seen).state is State.READY
        assert cloud.content(notebook) == "years of work"

    @pytest.mark.parametrize("how", ["after", "cut"])
    def test_a_restore_with_a_lost_answer_is_observed_to_its_end(
        self, cloud: NotebookCloud, notebook: Resource, how: str
    ) -> None:
        cloud.fail("notebooks", "instances.restore", **LOST[how])
        begun = self.restoring(cloud, notebook)
        with pytest.raises(CloudFault) as caught:
            cloud.workbench.restore(begun, request(0))
        assert caught.value.disposition is Disposition.UNCERTAIN
        seen = observe(cloud, begun)
        assert (seen.state, bool(seen.operation)) == (State.RESTORING, True)
        cloud.wait()
        assert observe(cloud, begun).finished
        assert observe(cloud, replace(begun, operation=seen.operation)).finished
        assert cloud.content(notebook) == "years of work"

    def test_a_restore_that_never_arrived_is_not_an_earlier_one(
        self, cloud: NotebookCloud, notebook: Resource
    ) -> None:
        error = {"status": "INTERNAL", "message": "the disk is in use"}
        cloud.fail("notebooks", "instances.restore", when="operation", error=error)
        cloud.workbench.restore(notebook, request(0))
        cloud.wait(3600)
        cloud.fail("notebooks", "instances.restore")
        begun = self.restoring(cloud, notebook)
        with pytest.raises(CloudFault):
            cloud.workbench.restore(begun, request(1))
        seen = observe(cloud, begun)
        assert (seen.state, seen.operation, seen.finished) == (State.READY, "", False)

    def test_a_failed_restore_reports_the_reason(
        self, cloud: NotebookCloud, notebook: Resource
    ) -> None:
        error = {"status": "INTERNAL", "message": "the disk is in use"}
        cloud.fail("notebooks", "instances.restore", when="operation", error=error)
        begun = self.restoring(cloud, notebook)
        seen = cloud.workbench.restore(begun, request(0))
        cloud.wait()
        for known in (seen.operation, ""):
            ended = observe(cloud, replace(begun, operation=known))
            assert (ended.state, ended.finished) == (State.READY, False)
            assert ended.problem is not None
            assert "the disk is in use" in ended.problem.message

    def test_a_missing_snapshot_differs_from_a_missing_notebook(
        self, cloud: NotebookCloud, notebook: Resource
    ) -> None:
        gone = replace(notebook, restore_from="projects/demo/global/snapshots/gone")
        with pytest.raises(CloudFault, match="snapshots/gone") as caught:
            cloud.workbench.restore(gone, request(0))
        assert (caught.value.code, caught.value.disposition) == ("NOT_FOUND", Disposition.PERMANENT)
        cloud.call("DELETE", f"v2/{notebook.name}")
        cloud.wait()
        assert cloud.workbench.restore(notebook, request(1)).state is State.ABSENT


class TestConsent:
    def test_it_is_checked(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        assert cloud.workbench.consented(notebook) is False
        cloud.call("PUT", "_admin/consents", {"instance": notebook.name, "given": True})
        assert cloud.workbench.consented(notebook) is True

    def test_a_missing_notebook_differs_from_an_unknown_consent(self, cloud: NotebookCloud) -> None:
        gone = Resource(kind=LARGER.kind, slot="main", name=LARGER.places[0])
        with pytest.raises(CloudFault) as caught:
            cloud.workbench.consented(gone)
        assert caught.value.code == "NOT_FOUND"

    def test_a_failed_check_is_temporary(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        cloud.fail("notebooks", "instances.checkAuthorization", when="after")
        with pytest.raises(CloudFault) as caught:
            cloud.workbench.consented(notebook)
        assert caught.value.disposition is Disposition.TEMPORARY


class TestShortages:
    @pytest.mark.parametrize("short", [["e2-standard-4"], True])
    def test_a_stock_out_names_the_zones_with_capacity(
        self, cloud: NotebookCloud, short: Any
    ) -> None:
        cloud.cloud.shortages.set({"us-central1-a": short, "us-central1-c": True})
        manifest = notebook_want()
        notebook = Resource(kind=manifest.kind, slot=manifest.slot, name=manifest.places[0])
        seen = cloud.workbench.create(notebook, manifest, KEY, ANA.email, request(0))
        cloud.wait()
        ended = observe(cloud, after_step(notebook, Step.CREATE, seen))
        assert ended.state is State.ABSENT
        assert ended.problem is not None
        assert ended.problem.disposition is Disposition.STOCK_OUT
        assert ended.problem.elsewhere == ("us-central1-b", "us-central1-f")
        assert manifest.scarce == "e2-standard-4"
