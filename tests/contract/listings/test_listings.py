"""The port ``Listings`` with Google's clients on the local cloud: what is listed, what is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from shared.adapters.google_api.rest import Rest
from shared.adapters.listings.cloud_listings import CloudListings
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.listed import Listed
from shared.ports.listings import Listings
from tests.support.driver_backends import EMAIL, KEY, LABELS
from tests.support.local_project import (
    BENS,
    CLAIMED,
    LOCATION,
    REGION,
    SITE,
    LocalProject,
    clients_of,
    local_project,
)

pytestmark = pytest.mark.slow

BEN = "ben-abcdefghijkl"
KINDS = (
    Kind.WORKBENCH,
    Kind.SESSION_TEMPLATE,
    Kind.CLUSTER_TEMPLATE,
    Kind.SNAPSHOT,
    Kind.DISK,
    Kind.SESSION,
    Kind.CLUSTER,
)
OTHERS = {"managed-by": "terraform", "benchkeeper-person": KEY}
ZONES = ("us-central1-a", "us-central1-b", "europe-west4-a")
HOUR = timedelta(hours=1)


@pytest.fixture
def project() -> Iterator[LocalProject]:
    with local_project() as made:
        yield made


def listings(project: LocalProject) -> Listings:
    return CloudListings(site=SITE, **clients_of(project.url))


def listed(project: LocalProject, kind: Kind) -> dict[str, Listed]:
    """What the only page of a kind has, by name."""
    page = listings(project).page(kind)
    assert page.next == ""
    found = {one.name: one for one in page.items}
    assert len(found) == len(page.items)
    assert {one.kind for one in page.items} <= {kind}
    return found


def is_recent(project: LocalProject, one: Listed, since: timedelta = timedelta()) -> bool:
    """Whether it was created ``since`` ago; the clock of the cloud does not stand still."""
    assert one.created_at is not None
    return abs(project.cloud.clock.now() - one.created_at - since) < timedelta(minutes=1)


def test_it_lists_the_kinds_that_a_deployment_has(project: LocalProject) -> None:
    assert listings(project).kinds == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_project_has_one_empty_page_of_each_kind(
    project: LocalProject, kind: Kind
) -> None:
    assert listed(project, kind) == {}
    assert sum(project.cloud.calls.counts().values()) == 1


def test_notebooks_of_all_zones_are_listed_with_what_the_api_shows(project: LocalProject) -> None:
    made = [
        project.notebook(f"nb-{KEY}", LABELS, zone=f"projects/demo/locations/{zone}")
        for zone in ZONES
    ]
    project.post(f"v2/{made[0]}:stop", {})
    found = listed(project, Kind.WORKBENCH)
    assert sorted(found) == sorted(made)
    assert [found[name].state for name in made] == [State.STOPPING, State.READY, State.READY]
    stopping = found[made[0]]
    assert (stopping.key, stopping.labelled, stopping.owner) == (KEY, True, EMAIL)
    assert is_recent(project, stopping, since=3 * HOUR)
    assert stopping.detail == ""
    assert len(stopping.fingerprint) == 12
    assert found[made[1]].fingerprint == found[made[2]].fingerprint == stopping.fingerprint


def test_the_owner_of_a_notebook_is_in_lower_case(project: LocalProject) -> None:
    name = project.notebook(f"nb-{KEY}", LABELS, "Ana@Example.com")
    assert listed(project, Kind.WORKBENCH)[name].owner == EMAIL


@pytest.mark.parametrize("id", [f"nb-{KEY}", f"nb-{KEY}-q5w2mz"], ids=["first", "successor"])
@pytest.mark.parametrize("labels", [{}, {"team": "core"}, OTHERS])
def test_a_notebook_that_lost_its_labels_is_found_by_its_name(
    project: LocalProject, id: str, labels: dict[str, str]
) -> None:
    name = project.notebook(id, labels)
    found = listed(project, Kind.WORKBENCH)[name]
    assert (found.key, found.labelled) == (KEY, False)


def test_a_notebook_of_another_name_is_found_by_its_labels(project: LocalProject) -> None:
    renamed = project.notebook("made-by-hand", LABELS)
    assert listed(project, Kind.WORKBENCH)[renamed].labelled


def test_labels_come_before_the_name(project: LocalProject) -> None:
    name = project.notebook(f"nb-{KEY}", BENS)
    found = listed(project, Kind.WORKBENCH)[name]
    assert (found.key, found.labelled, found.owner) == (BEN, True, EMAIL)


def test_with_our_label_for_the_person_alone_it_is_not_labelled(project: LocalProject) -> None:
    project.notebook("wb", {})
    names = {
        Kind.WORKBENCH: project.notebook("copy", CLAIMED),
        Kind.SESSION_TEMPLATE: project.template("copy", CLAIMED),
        Kind.SNAPSHOT: project.snapshot("copy", CLAIMED),
        Kind.CLUSTER: project.cluster("copy", CLAIMED),
    }
    for kind, name in names.items():
        found = listed(project, kind)[name]
        assert (found.key, found.labelled) == (KEY, False)


@pytest.mark.parametrize(
    "labels", [{}, OTHERS, {"benchkeeper-person": "ana"}, {"managed-by": "benchkeeper"}]
)
def test_what_has_neither_our_labels_nor_our_name_is_not_listed(
    project: LocalProject, labels: dict[str, str]
) -> None:
    project.notebook("wb", labels)
    project.notebook(f"my-{KEY}", labels)
    project.notebook(f"nb-{KEY}-old", labels)
    project.snapshot("theirs", labels)
    project.session("theirs", project.template("theirs", labels))
    project.cluster(f"cl-{KEY}", labels)
    project.file("people/readme.txt", labels)
    project.file("people/ana/small.yaml", labels)
    project.file(f"other/people/{KEY}/small.yaml", labels)
    for kind in KINDS:
        assert listed(project, kind) == {}, kind


def test_an_unknown_state_is_broken_and_says_why(project: LocalProject) -> None:
    name = project.notebook(f"nb-{KEY}", LABELS)
    clients = clients_of(project.url)
    clients["notebooks"] = _Unheard(clients["notebooks"])
    (found,) = CloudListings(site=SITE, **clients).page(Kind.WORKBENCH).items
    assert (found.name, found.state) == (name, State.BROKEN)
    assert "HIBERNATING" in found.detail
    assert found.fingerprint


class _Unheard(Rest):
    """The local cloud, with its notebooks in a state that the API has not had so far."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def get(self, path: str, **params: str) -> dict[str, Any]:
        page = self._rest.get(path, **params)
        return {"instances": [one | {"state": "HIBERNATING"} for one in page["instances"]]}


def test_session_templates_are_found_by_label_and_by_name(project: LocalProject) -> None:
    template = project.template(f"st-{KEY}-spark", LABELS)
    bare = project.template(f"st-{KEY}-large", {})
    found = listed(project, Kind.SESSION_TEMPLATE)
    assert set(found) == {template, bare}
    assert [found[name].labelled for name in (template, bare)] == [True, False]
    assert {one.key for one in found.values()} == {KEY}
    assert {one.state for one in found.values()} == {State.READY}
    assert is_recent(project, found[template])
    assert found[template].fingerprint != found[bare].fingerprint
    assert found[template].owner == ""


def test_cluster_templates_are_all_files_in_a_persons_folder(project: LocalProject) -> None:
    template = project.file(f"people/{KEY}/small.yaml", LABELS)
    bare = project.file(f"people/{KEY}/notes.txt", {})
    found = listed(project, Kind.CLUSTER_TEMPLATE)
    assert set(found) == {template, bare}
    assert [found[name].labelled for name in (template, bare)] == [True, False]
    assert {one.key for one in found.values()} == {KEY}
    assert is_recent(project, found[template])
    assert found[template].fingerprint != found[bare].fingerprint


def test_snapshots_are_found_by_label_only(project: LocalProject) -> None:
    project.notebook("wb", {})
    snapshot = project.snapshot(f"sn-{KEY}-s1", LABELS)
    project.snapshot(f"sn-{KEY}-s2", {})
    found = listed(project, Kind.SNAPSHOT)
    assert set(found) == {snapshot}
    assert (found[snapshot].key, found[snapshot].labelled) == (KEY, True)
    assert found[snapshot].state is State.CREATING
    assert is_recent(project, found[snapshot])
    assert found[snapshot].fingerprint == ""
    project.cloud.clock.advance(HOUR)
    assert listed(project, Kind.SNAPSHOT)[snapshot].state is State.READY


def test_disks_are_listed_whether_or_not_their_notebook_exists(project: LocalProject) -> None:
    project.keep_disks()
    first = project.notebook(f"nb-{KEY}", {})
    project.notebook(f"nb-{BEN}-q5w2mz", BENS, zone="projects/demo/locations/europe-west4-a")
    project.notebook("by-label", LABELS)
    project.notebook("theirs", {})
    project.delete(first)
    found = listed(project, Kind.DISK)
    disks = "projects/demo/zones/us-central1-a/disks"
    bens = f"projects/demo/zones/europe-west4-a/disks/nb-{BEN}-q5w2mz"
    assert {name: (one.key, one.labelled) for name, one in found.items()} == {
        f"{disks}/nb-{KEY}": (KEY, False),
        f"{disks}/nb-{KEY}-data-workspace": (KEY, False),
        bens: (BEN, True),
        f"{bens}-data-workspace": (BEN, True),
        f"{disks}/by-label": (KEY, True),
        f"{disks}/by-label-data-workspace": (KEY, True),
    }
    assert {one.state for one in found.values()} == {State.READY}
    assert all(one.created_at is not None for one in found.values())


def test_sessions_are_listed_until_they_have_ended(project: LocalProject) -> None:
    template = project.template(f"st-{KEY}-spark", LABELS)
    session = project.session("s-ana", template, user="Ana@Example.com")
    found = listed(project, Kind.SESSION)[session]
    assert (found.key, found.labelled, found.owner) == (KEY, True, EMAIL)
    assert found.state is State.READY
    assert is_recent(project, found)
    project.cloud.clock.advance(HOUR)
    project.post(f"v1/{session}:terminate", {})
    assert listed(project, Kind.SESSION)[session].state is State.DELETING
    project.cloud.clock.advance(HOUR)
    assert listed(project, Kind.SESSION) == {}


@pytest.mark.parametrize("of", ["{id}", f"{LOCATION}/sessionTemplates/{{id}}"])
def test_a_session_without_our_labels_is_found_by_its_template(
    project: LocalProject, of: str
) -> None:
    project.template(f"st-{KEY}-spark", {})
    other = project.template("other", {})
    session = project.session("s-ana", of.format(id=f"st-{KEY}-spark"))
    project.session("s-other", other)
    found = listed(project, Kind.SESSION)
    assert set(found) == {session}
    assert (found[session].key, found[session].labelled) == (KEY, False)


def test_a_service_account_is_no_owner_of_a_session(project: LocalProject) -> None:
    template = project.template(f"st-{KEY}-spark", LABELS)
    session = project.session("s-ana", template, user="spark@demo.iam.gserviceaccount.com")
    assert listed(project, Kind.SESSION)[session].owner == ""


def test_clusters_are_listed_with_the_user_whose_credentials_they_run_on(
    project: LocalProject,
) -> None:
    cluster = project.cluster("c-ana", LABELS, "Ana@Example.com")
    project.cluster("c-bare", {})
    found = listed(project, Kind.CLUSTER)
    assert set(found) == {cluster}
    one = found[cluster]
    assert (one.key, one.labelled, one.owner) == (KEY, True, EMAIL)
    assert one.state is State.READY
    assert is_recent(project, one)
    requests.delete(f"{project.url}/v1/{REGION}/clusters/c-ana", timeout=5).raise_for_status()
    assert listed(project, Kind.CLUSTER)[cluster].state is State.DELETING


def test_the_key_of_a_person_is_one_string_in_all_listings(project: LocalProject) -> None:
    """There are several resources for each of many people."""
    notebook = project.notebook(f"nb-{KEY}", LABELS)
    template = project.template(f"st-{KEY}-spark", {})
    keys = [
        listed(project, Kind.WORKBENCH)[notebook].key,
        listed(project, Kind.SESSION_TEMPLATE)[template].key,
    ]
    assert keys[0] is keys[1]
