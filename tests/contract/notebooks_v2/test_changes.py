"""What the workbench driver changes in a notebook that exists, on the local cloud.

What it did is read back past the driver. A scripted fault that never struck fails its test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.profiles import Disk, Network
from shared.domain.resources import Drift, Observation, Resource, State, Step, Want
from tests.support.notebook_cloud import (
    ANA,
    KEY,
    PROFILE,
    WORKBENCH,
    NotebookCloud,
    notebook_cloud,
    notebook_want,
    remembered,
    request,
)

LOST = {"before": {}, "after": {"when": "after"}, "cut": {"when": "after", "drop": True}}
LARGER = notebook_want(replace(WORKBENCH, machine_type="n2-standard-8"))


@pytest.fixture
def cloud() -> Iterator[NotebookCloud]:
    with notebook_cloud() as made:
        yield made


def look(cloud: NotebookCloud, notebook: Resource, want: Want | None = None) -> Observation:
    return cloud.workbench.observe(notebook, KEY, ANA.email, want)


def update(cloud: NotebookCloud, notebook: Resource, want: Want, number: int = 0) -> Observation:
    begun = replace(notebook, under_way=Step.UPDATE)
    return cloud.workbench.update(begun, want, KEY, ANA.email, request(number))


def settled(cloud: NotebookCloud, notebook: Resource, step: Step, seen: Observation) -> Observation:
    assert (seen.state, bool(seen.operation)) == (step.moving, True)
    cloud.wait()
    ended = look(cloud, remembered(notebook, step, seen))
    assert (ended.finished, ended.operation) == (True, "")
    return ended


def meddled(cloud: NotebookCloud, notebook: Resource) -> None:
    """Somebody else adds a label and metadata of their own."""
    shown = cloud.shown(notebook)
    metadata = {**shown["gceSetup"]["metadata"], "theirs": "yes", "idle-timeout-seconds": "60"}
    setup = {"metadata": metadata}
    labels = {**shown["labels"], "theirs": "yes"}
    mask = "labels,gce_setup.metadata"
    body = {"labels": labels, "gceSetup": setup}
    cloud.call("PATCH", f"v2/{notebook.name}?updateMask={mask}", body)
    cloud.wait()


class TestDrift:
    def test_what_was_made_as_wanted_is_as_wanted(self, cloud: NotebookCloud) -> None:
        want = notebook_want(profile=replace(PROFILE, network=Network(tags=("inner",))))
        notebook = cloud.make_notebook(want)
        assert look(cloud, notebook, want).drift == Drift()
        assert look(cloud, notebook).drift is None

    def test_what_nobody_can_change_is_said(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        larger = replace(WORKBENCH, data_disk=Disk(size_gb=300))
        moved = replace(PROFILE, network=Network(subnet="other", public_ip=True))
        drift = look(cloud, notebook, notebook_want(larger, moved)).drift
        assert drift is not None
        assert len(drift.never) == 3
        assert not drift.can_be_mended

    def test_an_update_of_what_nobody_can_change_changes_nothing(
        self, cloud: NotebookCloud
    ) -> None:
        notebook = cloud.make_notebook(notebook_want())
        moved = replace(PROFILE, network=Network(subnet="other", public_ip=True))
        before = cloud.shown(notebook)
        assert update(cloud, notebook, notebook_want(profile=moved)).state is State.READY
        assert cloud.shown(notebook) == before


class TestUpdate:
    def test_all_that_can_be_changed_as_it_runs_is_changed_at_once(
        self, cloud: NotebookCloud
    ) -> None:
        public = replace(PROFILE, network=Network(public_ip=True))
        notebook = cloud.make_notebook(notebook_want(profile=public))
        meddled(cloud, notebook)
        strict = replace(WORKBENCH, idle_minutes=30)
        network = Network(tags=("inner",))
        want = notebook_want(strict, replace(PROFILE, name="strict", network=network))
        drift = look(cloud, notebook, want).drift
        assert drift is not None
        assert drift.in_place
        assert not drift.at_rest
        seen = settled(cloud, notebook, Step.UPDATE, update(cloud, notebook, want))
        assert seen.state is State.READY
        assert look(cloud, notebook, want).drift == Drift()
        shown = cloud.shown(notebook)
        assert shown["labels"]["theirs"] == "yes"
        assert shown["gceSetup"]["metadata"]["theirs"] == "yes"
        assert shown["gceSetup"]["metadata"]["idle-timeout-seconds"] == "1800"

    @pytest.mark.parametrize(
        "stricter",
        [{"downloads": False}, {"terminal": False}, {"root": False}, {"secure_boot": True}],
        ids=lambda change: next(iter(change)),
    )
    def test_what_shows_only_after_a_start_waits_for_the_stop(
        self, cloud: NotebookCloud, stricter: dict[str, bool]
    ) -> None:
        open_to_all = replace(WORKBENCH, downloads=True, terminal=True, root=True)
        notebook = cloud.make_notebook(notebook_want(open_to_all))
        want = notebook_want(replace(open_to_all, **stricter))
        drift = look(cloud, notebook, want).drift
        assert drift is not None
        assert drift.at_rest
        assert not drift.in_place
        assert update(cloud, notebook, want) == look(cloud, notebook, want)
        cloud.switch(notebook, "stop")
        settled(cloud, notebook, Step.UPDATE, update(cloud, notebook, want, 1))
        assert look(cloud, notebook, want).drift == Drift()

    def test_a_key_of_ours_that_the_profile_gave_up_is_removed(self, cloud: NotebookCloud) -> None:
        scheduled = replace(WORKBENCH, upgrade_schedule="00 3 * * SUN")
        notebook = cloud.make_notebook(notebook_want(scheduled))
        settled(cloud, notebook, Step.UPDATE, update(cloud, notebook, notebook_want()))
        metadata = cloud.shown(notebook)["gceSetup"]["metadata"]
        assert "notebook-upgrade-schedule" not in metadata
        assert look(cloud, notebook, notebook_want()).drift == Drift()

    def test_another_machine_type_waits_for_the_stop(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        assert update(cloud, notebook, LARGER) == look(cloud, notebook, LARGER)
        cloud.switch(notebook, "stop")
        seen = settled(cloud, notebook, Step.UPDATE, update(cloud, notebook, LARGER))
        assert seen.state is State.STOPPED
        assert cloud.shown(notebook)["gceSetup"]["machineType"] == "n2-standard-8"

    def test_it_is_one_look_and_at_most_one_change(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        get, patch = "notebooks.instances.get", "notebooks.instances.patch"
        assert cloud.calls(lambda: update(cloud, notebook, notebook_want())) == {get: 1}
        want = notebook_want(replace(WORKBENCH, idle_minutes=30))
        assert cloud.calls(lambda: update(cloud, notebook, want)) == {get: 1, patch: 1}

    def test_the_same_request_twice_is_one_operation(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        want = notebook_want(replace(WORKBENCH, idle_minutes=30))
        assert update(cloud, notebook, want) == update(cloud, notebook, want)

    @pytest.mark.parametrize("how", LOST)
    def test_one_whose_answer_is_lost_is_uncertain_and_can_be_repeated(
        self, cloud: NotebookCloud, how: str
    ) -> None:
        notebook = cloud.make_notebook(notebook_want())
        want = notebook_want(replace(WORKBENCH, idle_minutes=30))
        cloud.fail("notebooks", "instances.patch", **LOST[how])
        with pytest.raises(CloudFault) as caught:
            update(cloud, notebook, want)
        assert caught.value.fate is Fate.UNCERTAIN
        settled(cloud, notebook, Step.UPDATE, update(cloud, notebook, want))
        assert look(cloud, notebook, want).drift == Drift()


class TestProtection:
    def protected(self, cloud: NotebookCloud, notebook: Resource, on: bool) -> Observation:
        step = Step.PROTECT if on else Step.UNPROTECT
        seen = cloud.workbench.protect(notebook, on, request(10 + on))
        return settled(cloud, notebook, step, seen)

    def test_what_is_protected_says_so_and_who_can_lift_it(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        assert self.protected(cloud, notebook, True).protected
        assert look(cloud, notebook).protected
        with pytest.raises(CloudFault, match="release") as caught:
            cloud.workbench.delete(replace(notebook, protected_by_us=True), request(0))
        assert caught.value.fate is Fate.PERMANENT
        with pytest.raises(CloudFault, match="Notebooks Admin"):
            cloud.workbench.delete(notebook, request(1))

    def test_once_lifted_it_can_be_deleted(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        self.protected(cloud, notebook, True)
        assert not self.protected(cloud, notebook, False).protected
        seen = cloud.workbench.delete(notebook, request(0))
        assert settled(cloud, notebook, Step.DELETE, seen).state is State.ABSENT

    def test_protecting_what_is_gone_is_absent(self, cloud: NotebookCloud) -> None:
        gone = Resource(kind=LARGER.kind, slot="main", name=LARGER.places[0])
        assert cloud.workbench.protect(gone, True, request(0)).state is State.ABSENT


class TestRestore:
    @pytest.fixture
    def notebook(self, cloud: NotebookCloud) -> Resource:
        """One whose work is in a snapshot, and something else on its disk."""
        notebook = cloud.make_notebook(notebook_want())
        cloud.write(notebook, "years of work")
        snapshot = cloud.make_snapshot(notebook)
        cloud.write(notebook, "nothing")
        return replace(notebook, restore_from=snapshot)

    def begun(self, cloud: NotebookCloud, notebook: Resource) -> Resource:
        return replace(notebook, under_way=Step.RESTORE, since=cloud.now())

    def test_it_brings_the_snapshots_data_back(
        self, cloud: NotebookCloud, notebook: Resource
    ) -> None:
        seen = cloud.workbench.restore(notebook, request(0))
        assert settled(cloud, notebook, Step.RESTORE, seen).state is State.READY
        assert cloud.content(notebook) == "years of work"

    @pytest.mark.parametrize("how", ["after", "cut"])
    def test_one_whose_answer_was_lost_is_followed_to_its_end(
        self, cloud: NotebookCloud, notebook: Resource, how: str
    ) -> None:
        cloud.fail("notebooks", "instances.restore", **LOST[how])
        begun = self.begun(cloud, notebook)
        with pytest.raises(CloudFault) as caught:
            cloud.workbench.restore(begun, request(0))
        assert caught.value.fate is Fate.UNCERTAIN
        seen = look(cloud, begun)
        assert (seen.state, bool(seen.operation)) == (State.RESTORING, True)
        cloud.wait()
        assert look(cloud, begun).finished
        assert look(cloud, replace(begun, operation=seen.operation)).finished
        assert cloud.content(notebook) == "years of work"

    def test_one_that_never_arrived_is_not_taken_for_an_earlier_one(
        self, cloud: NotebookCloud, notebook: Resource
    ) -> None:
        cloud.workbench.restore(notebook, request(0))
        cloud.wait(3600)
        cloud.fail("notebooks", "instances.restore")
        begun = self.begun(cloud, notebook)
        with pytest.raises(CloudFault):
            cloud.workbench.restore(begun, request(1))
        seen = look(cloud, begun)
        assert (seen.state, seen.operation, seen.finished) == (State.READY, "", False)

    def test_one_that_failed_says_why(self, cloud: NotebookCloud, notebook: Resource) -> None:
        error = {"status": "INTERNAL", "message": "the disk is in use"}
        cloud.fail("notebooks", "instances.restore", when="operation", error=error)
        begun = self.begun(cloud, notebook)
        seen = cloud.workbench.restore(begun, request(0))
        cloud.wait()
        for known in (seen.operation, ""):
            ended = look(cloud, replace(begun, operation=known))
            assert (ended.state, ended.finished) == (State.READY, False)
            assert ended.problem is not None
            assert "the disk is in use" in ended.problem.message

    def test_a_snapshot_that_is_gone_is_told_from_a_notebook_that_is(
        self, cloud: NotebookCloud, notebook: Resource
    ) -> None:
        gone = replace(notebook, restore_from="projects/demo/global/snapshots/gone")
        with pytest.raises(CloudFault, match="snapshots/gone") as caught:
            cloud.workbench.restore(gone, request(0))
        assert (caught.value.code, caught.value.fate) == ("NOT_FOUND", Fate.PERMANENT)
        cloud.call("DELETE", f"v2/{notebook.name}")
        cloud.wait()
        assert cloud.workbench.restore(notebook, request(1)).state is State.ABSENT


class TestConsent:
    def test_it_is_asked_for(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        assert cloud.workbench.consented(notebook) is False
        cloud.call("PUT", "_admin/consents", {"instance": notebook.name, "given": True})
        assert cloud.workbench.consented(notebook) is True

    def test_what_is_gone_is_told_from_what_is_not_known(self, cloud: NotebookCloud) -> None:
        gone = Resource(kind=LARGER.kind, slot="main", name=LARGER.places[0])
        with pytest.raises(CloudFault) as caught:
            cloud.workbench.consented(gone)
        assert caught.value.code == "NOT_FOUND"

    def test_a_question_that_fails_changed_nothing(self, cloud: NotebookCloud) -> None:
        notebook = cloud.make_notebook(notebook_want())
        cloud.fail("notebooks", "instances.checkAuthorization", when="after")
        with pytest.raises(CloudFault) as caught:
            cloud.workbench.consented(notebook)
        assert caught.value.fate is Fate.TEMPORARY


class TestShortages:
    @pytest.mark.parametrize("short", [["e2-standard-4"], True])
    def test_a_stock_out_says_which_zones_have_some(self, cloud: NotebookCloud, short: Any) -> None:
        cloud.cloud.shortages.set({"us-central1-a": short, "us-central1-c": True})
        want = notebook_want()
        notebook = Resource(kind=want.kind, slot=want.slot, name=want.places[0])
        seen = cloud.workbench.create(notebook, want, KEY, ANA.email, request(0))
        cloud.wait()
        ended = look(cloud, remembered(notebook, Step.CREATE, seen))
        assert ended.state is State.ABSENT
        assert ended.problem is not None
        assert ended.problem.fate is Fate.STOCK_OUT
        assert ended.problem.elsewhere == ("us-central1-b", "us-central1-f")
        assert want.scarce == "e2-standard-4"
