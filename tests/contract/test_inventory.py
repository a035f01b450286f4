"""The inventory of a person's resources, with Google's clients on the local cloud."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.adapters import inventory
from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind
from shared.domain.resources.observation import Orphan
from shared.domain.resources.resource import Resource
from tests.support.driver_backends import EMAIL, KEY, LABELS
from tests.support.local_project import BENS, CLAIMED, LocalProject, local_project

pytestmark = pytest.mark.slow


@pytest.fixture
def project() -> Iterator[LocalProject]:
    with local_project() as made:
        yield made


def test_without_resources_nothing_is_found(project: LocalProject) -> None:
    assert project.found() == {}


def test_everything_with_the_persons_labels_is_found_by_its_full_name(
    project: LocalProject,
) -> None:
    notebook = project.notebook("wb", LABELS)
    snapshot = project.snapshot("kept", {**LABELS, "benchkeeper-expires": "2027-01-31"})
    template = project.template("st-ana", LABELS)
    session = project.session("s-ana", template)
    cluster = project.cluster("c-ana", LABELS)
    file = project.file(f"people/{KEY}/small.yaml", LABELS)
    found = project.found()
    assert {name: leftover.kind for name, leftover in found.items()} == {
        notebook: Kind.WORKBENCH,
        snapshot: Kind.SNAPSHOT,
        template: Kind.SESSION_TEMPLATE,
        session: Kind.SESSION,
        cluster: Kind.CLUSTER,
        file: Kind.CLUSTER_TEMPLATE,
    }
    assert all(leftover.ours for leftover in found.values())
    assert found[snapshot].detail == "kept until 2027-01-31"
    assert found[notebook].detail == "active"


def test_resources_of_others_are_not_found(project: LocalProject) -> None:
    project.notebook("wb", BENS, "ben@example.com")
    project.notebook("theirs", {}, "ben@example.com")
    project.snapshot("kept", BENS)
    project.session("s-ben", project.template("st-ben", BENS))
    project.cluster("c-ben", BENS, "ben@example.com")
    project.file("people/ben-abcdefghijkl/small.yaml", BENS)
    assert project.found() == {}


def test_resources_without_our_manager_label_are_found_and_not_ours(project: LocalProject) -> None:
    marked = {
        project.notebook("wb", CLAIMED),
        project.snapshot("kept", CLAIMED),
        project.template("st-ana", CLAIMED),
        project.file(f"people/{KEY}/notes.txt", {}),
    }
    found = project.found()
    assert set(found) == marked
    assert not any(leftover.ours for leftover in found.values())
    assert all(leftover.detail for leftover in found.values())


def test_workloads_of_another_user_are_found_and_not_ours(project: LocalProject) -> None:
    notebook = project.notebook("wb", LABELS, "ben@example.com")
    cluster = project.cluster("c-ana", LABELS, "ben@example.com")
    found = project.found()
    assert {name: leftover.ours for name, leftover in found.items()} == {
        notebook: False,
        cluster: False,
    }
    assert all("ben@example.com" in leftover.detail for leftover in found.values())


def test_a_notebook_of_our_name_and_this_owner_is_found_without_labels(
    project: LocalProject,
) -> None:
    notebook = project.notebook(f"nb-{KEY}", {"team": "core"}, "Ana@Example.com")
    leftover = project.found()[notebook]
    assert (leftover.ours, leftover.named) == (False, True)
    assert leftover.detail == "active; it lacks our labels for this person"


def test_sessions_and_clusters_of_the_person_are_reported_without_labels(
    project: LocalProject,
) -> None:
    template = project.template("st-other", {"team": "core"})
    session = project.session("s-ana", template, user="Ana@Example.com")
    project.session("s-ben", template, user="ben@example.com")
    cluster = project.cluster("c-ana", {"team": "core"}, "Ana@Example.com")
    found = project.found()
    assert set(found) == {session, cluster}
    for leftover in found.values():
        assert (leftover.ours, leftover.named) == (False, False)
        assert leftover.detail == "it lacks our labels for this person"


def test_somebody_elses_notebook_of_our_name_is_only_reported(
    project: LocalProject,
) -> None:
    owned = project.notebook(f"nb-{KEY}", {}, "ben@example.com")
    leftover = project.found()[owned]
    assert (leftover.ours, leftover.named) == (False, False)


def test_every_notebook_that_the_person_owns_is_reported(project: LocalProject) -> None:
    notebook = project.notebook("made-by-hand", {})
    leftover = project.found()[notebook]
    assert (leftover.ours, leftover.named) == (False, False)
    assert leftover.detail


def test_resources_of_the_person_are_found_with_the_other_key_in_their_labels(
    project: LocalProject,
) -> None:
    """The record of that key may have been lost; whose it is then, the services say."""
    template = project.template("st-ben", BENS)  # nothing says whose that is
    found = {
        project.notebook("nb-ben-abcdefghijkl-q5w2mz", BENS, "Ana@Example.com"),
        project.session("s-ben", template, user="Ana@Example.com"),
        project.cluster("c-ben", BENS, "Ana@Example.com"),
    }
    assert {name: o.labelled_for for name, o in project.found().items()} == dict.fromkeys(
        found, "ben-abcdefghijkl"
    )
    now = project.cloud.clock.now()
    created = [o.created_at for o in project.found().values()]
    assert all(at is not None and abs(now - at) < timedelta(hours=3) for at in created), created
    assert not any(leftover.ours or leftover.named for leftover in project.found().values())


@pytest.mark.parametrize(
    ("labels", "because"),
    [
        (LABELS, "it is their own key"),
        ({"benchkeeper-person": "ben-abcdefghijkl"}, "it isn't managed by us"),
        ({**BENS, "managed-by": "terraform"}, "it is managed by another"),
        ({**BENS, "benchkeeper-person": "ben"}, "that is no key"),
        ({**BENS, "benchkeeper-person": "__ben__"}, "nor is that"),
        ({}, "there is none"),
    ],
)
def test_labels_that_name_no_other_key(
    project: LocalProject, labels: dict[str, str], because: str
) -> None:
    notebook = project.notebook("wb", labels)
    assert project.found()[notebook].labelled_for == "", because


def test_a_key_in_the_labels_of_a_foreign_resource_is_ignored(
    project: LocalProject,
) -> None:
    notebook = project.notebook(f"nb-{KEY}", BENS, "ben@example.com")
    assert project.found()[notebook].labelled_for == ""


def test_disks_of_existing_notebooks_are_not_reported(project: LocalProject) -> None:
    notebook = project.notebook(f"nb-{KEY}", LABELS)
    assert set(project.found()) == {notebook}


@pytest.mark.parametrize("name", [f"nb-{KEY}", f"nb-{KEY}-q5w2mz"], ids=["first", "successor"])
@pytest.mark.parametrize(("labels", "ours"), [(LABELS, True), ({}, False), (BENS, False)])
def test_disks_that_outlived_their_notebook_are_found_by_label_or_name(
    project: LocalProject, labels: dict[str, str], ours: bool, name: str
) -> None:
    project.keep_disks()
    project.delete(project.notebook(name, labels))
    found = project.found()
    disks = "projects/demo/zones/us-central1-a/disks"
    assert set(found) == {f"{disks}/{name}", f"{disks}/{name}-data-workspace"}
    assert {leftover.kind for leftover in found.values()} == {Kind.DISK}
    assert {leftover.ours for leftover in found.values()} == {ours}
    assert {leftover.named for leftover in found.values()} == {labels is not BENS}


def test_an_attached_disk_is_found_and_not_ours(project: LocalProject) -> None:
    project.keep_disks(attached=True)
    project.delete(project.notebook(f"nb-{KEY}", LABELS))
    found = project.found()
    assert found
    assert not any(leftover.ours for leftover in found.values())
    assert all("attached to" in leftover.detail for leftover in found.values())


def test_ended_sessions_are_not_reported(project: LocalProject) -> None:
    template = project.template("st-ana", LABELS)
    session = project.session("s-ana", template)
    project.post(f"v1/{session}:terminate", {})
    assert project.found()[session].detail == "terminating"
    project.cloud.clock.advance(timedelta(hours=1))
    assert set(project.found()) == {template}


def test_all_pages_are_read(project: LocalProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "_PAGE", "1")
    made = {project.notebook(f"wb-{n}", LABELS) for n in range(3)}
    project.notebook("wb", LABELS)
    made |= {project.snapshot(f"kept-{n}", LABELS) for n in range(3)}
    made |= {project.template(f"st-ana-{n}", LABELS) for n in range(3)}
    assert made < set(project.found())


def test_it_is_one_call_per_kind(project: LocalProject) -> None:
    project.search().everything_of(KEY, EMAIL)
    counts = project.cloud.calls.counts()
    assert counts.pop("compute.disks.aggregatedList") == 2, "by label and by name"
    assert sum(counts.values()) == 6


@pytest.mark.parametrize(
    ("service", "method"),
    [
        ("notebooks", "instances.list"),
        ("compute", "snapshots.list"),
        ("compute", "disks.aggregatedList"),
        ("dataproc", "sessionTemplates.list"),
        ("dataproc", "sessions.list"),
        ("dataproc", "clusters.list"),
        ("storage", "objects.list"),
    ],
)
def test_an_incomplete_listing_is_a_fault(project: LocalProject, service: str, method: str) -> None:
    project.fail(service, method)
    with pytest.raises(CloudFault) as caught:
        project.found()
    assert caught.value.disposition is Disposition.TEMPORARY


class _Older:
    def __init__(self, name: str) -> None:
        self.name = name

    def resources_of(self, key: str, email: str) -> tuple[Resource, ...]:
        return (Resource(kind=Kind.MANAGED_NOTEBOOK, slot=email, name=f"{self.name}/{key}"),)

    def leftovers_of(self, key: str, email: str) -> tuple[Orphan, ...]:
        name = f"{self.name}/{key}"
        return (Orphan(kind=Kind.MANAGED_NOTEBOOK, name=name, ours=True, detail=email),)


def test_the_older_kinds_are_listed_where_they_are_on(project: LocalProject) -> None:
    looking = project.search(_Older("runtimes"))
    (leftover,) = looking.everything_of(KEY, EMAIL)
    assert (leftover.name, leftover.detail) == (f"runtimes/{KEY}", EMAIL)
    (resource,) = looking.older_notebooks_of(KEY, EMAIL)
    assert (resource.name, resource.slot) == (f"runtimes/{KEY}", EMAIL)


def test_the_older_kinds_are_not_listed_where_they_are_off(project: LocalProject) -> None:
    assert project.search().older_notebooks_of(KEY, EMAIL) == ()
