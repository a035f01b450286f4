"""The look everywhere for what is a leaver's, with Google's own clients against the local cloud."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud.dataproc_v1 import (
    ClusterControllerClient,
    SessionControllerClient,
    SessionTemplateControllerClient,
)

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.compute import Compute
from local.dataproc import Dataproc
from local.notebooks_v2 import Notebooks
from local.storage import Storage
from shared.adapters import search
from shared.adapters.rest import Rest
from shared.adapters.search import CloudSearch, OlderNotebooks
from shared.adapters.storage_client import storage_client
from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Leftover, Resource
from shared.domain.wants import Site
from shared.domain.wants.cluster_template import PERSONAL_AUTH_USER
from tests.support.driver_benches import EMAIL, KEY, LABELS

SITE = Site(project="demo", region="us-central1", templates_bucket="demo-templates")
ZONE = "projects/demo/locations/us-central1-a"
LOCATION = "projects/demo/locations/us-central1"
REGION = "projects/demo/regions/us-central1"
SNAPSHOTS = "projects/demo/global/snapshots"
CLAIMED = {"benchkeeper-person": KEY}  # the person's label alone, as a copy might carry it
BENS = {"managed-by": "benchkeeper", "benchkeeper-person": "ben-abcdefghijkl"}


class Bench:
    """Everything of a project, made by its back door."""

    def __init__(self, cloud: Cloud, compute: Compute, url: str) -> None:
        self.cloud = cloud
        self.compute = compute
        self.url = url
        self.scripted: list[Any] = []

    def search(self, older: OlderNotebooks | None = None) -> CloudSearch:
        nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # it has no types
        options = {"api_endpoint": self.url}
        rest = Rest(self.url, nobody)

        def dataproc(client: Any) -> Any:
            return lambda: client(credentials=nobody, transport="rest", client_options=options)

        return CloudSearch(
            site=SITE,
            notebooks=rest,
            compute=rest,
            session_templates=dataproc(SessionTemplateControllerClient),
            sessions=dataproc(SessionControllerClient),
            clusters=dataproc(ClusterControllerClient),
            storage=lambda: storage_client("demo", credentials=nobody, client_options=options),
            older=older,
        )

    def found(self) -> dict[str, Leftover]:
        return {found.name: found for found in self.search().everything_of(KEY, EMAIL)}

    def notebook(self, id: str, labels: dict[str, str], owner: str = EMAIL) -> str:
        body = {"gceSetup": {}, "labels": labels, "instanceOwners": [owner]}
        self.post(f"v2/{ZONE}/instances?instanceId={id}", body)
        self.cloud.clock.advance(timedelta(hours=1))
        return f"{ZONE}/instances/{id}"

    def delete(self, notebook: str) -> None:
        requests.delete(f"{self.url}/v2/{notebook}", timeout=5).raise_for_status()
        self.cloud.clock.advance(timedelta(hours=1))

    def keep_disks(self, *, attached: bool = False) -> None:
        """From now on disks stay when their notebook is deleted."""
        self.compute.delete_disks = lambda paths, at: None  # type: ignore[method-assign]
        if attached:
            self.compute.detach_disks = lambda paths, at: None  # type: ignore[method-assign]

    def snapshot(self, id: str, labels: dict[str, str]) -> str:
        disk = "projects/demo/zones/us-central1-a/disks/wb-data-workspace"
        body = {"name": id, "sourceDisk": disk, "labels": labels}
        self.post(f"compute/v1/{SNAPSHOTS}", body)
        return f"{SNAPSHOTS}/{id}"

    def template(self, id: str, labels: dict[str, str]) -> str:
        name = f"{LOCATION}/sessionTemplates/{id}"
        body = {"name": name, "labels": labels, "jupyterSession": {"kernel": "PYTHON"}}
        self.post(f"v1/{LOCATION}/sessionTemplates", body)
        return name

    def session(self, id: str, template: str, **more: str) -> str:
        self.post(f"v1/{LOCATION}/sessions?sessionId={id}", {"sessionTemplate": template} | more)
        return f"{LOCATION}/sessions/{id}"

    def cluster(self, id: str, labels: dict[str, str], user: str = EMAIL) -> str:
        software = {"properties": {PERSONAL_AUTH_USER: user}}
        cluster = {"projectId": "demo", "clusterName": id, "labels": labels}
        self.post(f"v1/{REGION}/clusters", cluster | {"config": {"softwareConfig": software}})
        return f"{REGION}/clusters/{id}"

    def file(self, path: str, metadata: dict[str, str]) -> str:
        target = f"upload/storage/v1/b/demo-templates/o?uploadType=media&name={quote(path)}"
        requests.post(f"{self.url}/{target}", data=b"{}", timeout=5).raise_for_status()
        url = f"{self.url}/storage/v1/b/demo-templates/o/{quote(path, safe='')}"
        requests.patch(url, json={"metadata": metadata}, timeout=5).raise_for_status()
        return f"gs://demo-templates/{path}"

    def post(self, path: str, body: dict[str, Any]) -> None:
        requests.post(f"{self.url}/{path}", json=body, timeout=5).raise_for_status()

    def fail(self, service: str, method: str) -> None:
        fault = {"service": service, "method": method, "times": 1, "when": "before"}
        error = {"error": {"status": "UNAVAILABLE"}}
        self.scripted.append(self.cloud.faults.add({**fault, **error}))


@pytest.fixture
def bench() -> Iterator[Bench]:
    cloud = Cloud(project="demo")
    compute = Compute(cloud)
    notebooks, dataproc, buckets = Notebooks(cloud, compute), Dataproc(cloud), Storage(cloud)
    buckets.make_bucket("demo-templates")
    app = build_app(
        cloud, [notebooks.routes(), dataproc.routes(), buckets.routes(), compute.routes()]
    )
    with Server(app) as server:
        made = Bench(cloud, compute, server.url)
        yield made
        assert all(fault.hits for fault in made.scripted), "a scripted fault was never hit"


def test_who_has_nothing_leaves_nothing(bench: Bench) -> None:
    assert bench.found() == {}


def test_everything_with_the_persons_labels_is_found_by_its_full_name(bench: Bench) -> None:
    notebook = bench.notebook("wb", LABELS)
    snapshot = bench.snapshot("kept", {**LABELS, "benchkeeper-expires": "2027-01-31"})
    template = bench.template("st-ana", LABELS)
    session = bench.session("s-ana", template)
    cluster = bench.cluster("c-ana", LABELS)
    file = bench.file(f"people/{KEY}/small.yaml", LABELS)
    found = bench.found()
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


def test_what_others_have_is_not_found(bench: Bench) -> None:
    bench.notebook("wb", BENS, "ben@example.com")
    bench.notebook("theirs", {}, "ben@example.com")
    bench.snapshot("kept", BENS)
    bench.session("s-ben", bench.template("st-ben", BENS))
    bench.cluster("c-ben", BENS, "ben@example.com")
    bench.file("people/ben-abcdefghijkl/small.yaml", BENS)
    assert bench.found() == {}


def test_what_lacks_our_mark_is_found_and_not_ours(bench: Bench) -> None:
    marked = {
        bench.notebook("wb", CLAIMED),
        bench.snapshot("kept", CLAIMED),
        bench.template("st-ana", CLAIMED),
        bench.file(f"people/{KEY}/notes.txt", {}),
    }
    found = bench.found()
    assert set(found) == marked
    assert not any(leftover.ours for leftover in found.values())
    assert all(leftover.detail for leftover in found.values())


def test_what_runs_as_somebody_else_is_found_and_not_ours(bench: Bench) -> None:
    notebook = bench.notebook("wb", LABELS, "ben@example.com")
    cluster = bench.cluster("c-ana", LABELS, "ben@example.com")
    found = bench.found()
    assert {name: leftover.ours for name, leftover in found.items()} == {
        notebook: False,
        cluster: False,
    }
    assert all("ben@example.com" in leftover.detail for leftover in found.values())


def test_a_notebook_of_our_name_and_this_owner_is_found_without_labels(bench: Bench) -> None:
    notebook = bench.notebook(f"nb-{KEY}", {"team": "core"}, "Ana@Example.com")
    leftover = bench.found()[notebook]
    assert (leftover.ours, leftover.named) == (False, True)
    assert leftover.detail == "active; it lacks our labels for this person"


def test_sessions_and_clusters_of_the_person_are_reported_without_labels(bench: Bench) -> None:
    template = bench.template("st-other", {"team": "core"})
    session = bench.session("s-ana", template, user="Ana@Example.com")
    bench.session("s-ben", template, user="ben@example.com")
    cluster = bench.cluster("c-ana", {"team": "core"}, "Ana@Example.com")
    found = bench.found()
    assert set(found) == {session, cluster}
    for leftover in found.values():
        assert (leftover.ours, leftover.named) == (False, False)
        assert leftover.detail == "it lacks our labels for this person"


def test_a_notebook_of_our_name_that_is_somebody_elses_is_only_reported(bench: Bench) -> None:
    owned = bench.notebook(f"nb-{KEY}", {}, "ben@example.com")
    leftover = bench.found()[owned]
    assert (leftover.ours, leftover.named) == (False, False)


def test_whatever_the_person_owns_is_reported(bench: Bench) -> None:
    notebook = bench.notebook("made-by-hand", {})
    leftover = bench.found()[notebook]
    assert (leftover.ours, leftover.named) == (False, False)
    assert leftover.detail


def test_disks_of_notebooks_that_exist_are_no_leftovers(bench: Bench) -> None:
    notebook = bench.notebook(f"nb-{KEY}", LABELS)
    assert set(bench.found()) == {notebook}


@pytest.mark.parametrize(("labels", "ours"), [(LABELS, True), ({}, False), (BENS, False)])
def test_disks_that_outlived_their_notebook_are_found_by_label_or_name(
    bench: Bench, labels: dict[str, str], ours: bool
) -> None:
    bench.keep_disks()
    bench.delete(bench.notebook(f"nb-{KEY}", labels))
    found = bench.found()
    disks = "projects/demo/zones/us-central1-a/disks"
    assert set(found) == {f"{disks}/nb-{KEY}", f"{disks}/nb-{KEY}-data-workspace"}
    assert {leftover.kind for leftover in found.values()} == {Kind.DISK}
    assert {leftover.ours for leftover in found.values()} == {ours}
    assert {leftover.named for leftover in found.values()} == {labels is not BENS}


def test_a_disk_that_a_machine_still_uses_is_found_and_not_ours(bench: Bench) -> None:
    bench.keep_disks(attached=True)
    bench.delete(bench.notebook(f"nb-{KEY}", LABELS))
    found = bench.found()
    assert found
    assert not any(leftover.ours for leftover in found.values())
    assert all("attached to" in leftover.detail for leftover in found.values())


def test_sessions_that_are_over_are_no_leftovers(bench: Bench) -> None:
    template = bench.template("st-ana", LABELS)
    session = bench.session("s-ana", template)
    bench.post(f"v1/{session}:terminate", {})
    assert bench.found()[session].detail == "terminating"
    bench.cloud.clock.advance(timedelta(hours=1))
    assert set(bench.found()) == {template}


def test_all_pages_are_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_PAGE", "1")
    made = {bench.notebook(f"wb-{n}", LABELS) for n in range(3)}
    bench.notebook("wb", LABELS)
    made |= {bench.snapshot(f"kept-{n}", LABELS) for n in range(3)}
    made |= {bench.template(f"st-ana-{n}", LABELS) for n in range(3)}
    assert made < set(bench.found())


def test_it_costs_a_call_a_kind(bench: Bench) -> None:
    bench.search().everything_of(KEY, EMAIL)
    counts = bench.cloud.calls.counts()
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
def test_half_a_look_is_a_fault_and_no_answer(bench: Bench, service: str, method: str) -> None:
    bench.fail(service, method)
    with pytest.raises(CloudFault) as caught:
        bench.found()
    assert caught.value.fate is Fate.TEMPORARY


class _Older:
    def __init__(self, name: str) -> None:
        self.name = name

    def resources_of(self, key: str, email: str) -> tuple[Resource, ...]:
        return (Resource(kind=Kind.MANAGED_NOTEBOOK, slot=email, name=f"{self.name}/{key}"),)

    def leftovers_of(self, key: str, email: str) -> tuple[Leftover, ...]:
        name = f"{self.name}/{key}"
        return (Leftover(kind=Kind.MANAGED_NOTEBOOK, name=name, ours=True, detail=email),)


def test_the_older_kinds_are_asked_where_they_are_switched_on(bench: Bench) -> None:
    looking = bench.search(_Older("runtimes"))
    (leftover,) = looking.everything_of(KEY, EMAIL)
    assert (leftover.name, leftover.detail) == (f"runtimes/{KEY}", EMAIL)
    (resource,) = looking.older_notebooks_of(KEY, EMAIL)
    assert (resource.name, resource.slot) == (f"runtimes/{KEY}", EMAIL)


def test_the_older_kinds_are_not_asked_where_they_are_off(bench: Bench) -> None:
    assert bench.search().older_notebooks_of(KEY, EMAIL) == ()
