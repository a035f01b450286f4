"""The pages of the port ``Listings``: one call each, all of them or a fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from shared.adapters.google_api.rest import Rest
from shared.adapters.listings.cloud_listings import CloudListings
from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind
from shared.domain.resources.listed import Listed
from shared.ports.listings import Listings
from tests.support.driver_backends import KEY, LABELS
from tests.support.local_project import SITE, LocalProject, clients_of, local_project

pytestmark = pytest.mark.slow

SIZE = 2
METHODS = {
    Kind.WORKBENCH: ("notebooks", "instances.list"),
    Kind.SESSION_TEMPLATE: ("dataproc", "sessionTemplates.list"),
    Kind.CLUSTER_TEMPLATE: ("storage", "objects.list"),
    Kind.SNAPSHOT: ("compute", "snapshots.list"),
    Kind.DISK: ("compute", "disks.aggregatedList"),
    Kind.SESSION: ("dataproc", "sessions.list"),
    Kind.CLUSTER: ("dataproc", "clusters.list"),
}
PAGES = dict.fromkeys(METHODS, 3) | {Kind.DISK: 5}


@pytest.fixture(scope="module")
def full() -> Iterator[LocalProject]:
    """A project with five of each kind, and ten disks: three pages, or five."""
    with local_project() as project:
        for n in range(5):
            zone = f"projects/demo/locations/us-central1-{'abc'[n % 3]}"
            project.notebook(f"nb-{KEY}-aaaaa{'abcde'[n]}", LABELS, zone=zone)
            template = project.template(f"st-{KEY}-t{n}", LABELS)
            project.session(f"session-{n}", template)
            project.cluster(f"c{n}", LABELS)
            project.file(f"people/{KEY}/t{n}.yaml", LABELS)
        disk = f"projects/demo/zones/us-central1-a/disks/nb-{KEY}-aaaaaa-data-workspace"
        for n in range(5):
            body = {"name": f"sn-{KEY}-s{n}", "sourceDisk": disk, "labels": LABELS}
            project.post("compute/v1/projects/demo/global/snapshots", body)
        yield project


@pytest.fixture
def project(full: LocalProject) -> Iterator[LocalProject]:
    yield full
    assert all(fault.hits for fault in full.scripted), "a scripted fault was never applied"
    full.scripted.clear()
    full.cloud.faults.clear()


def listings(project: LocalProject, **changes: Any) -> Listings:
    return CloudListings(site=SITE, **(clients_of(project.url) | changes), page_size=SIZE)


def pages(found: Listings, kind: Kind) -> list[tuple[Listed, ...]]:
    read, after = [], ""
    while True:
        page = found.page(kind, after)
        read.append(page.items)
        after = page.next
        if not after:
            return read


def calls(project: LocalProject) -> int:
    return sum(project.cloud.calls.counts().values())


@pytest.mark.parametrize("kind", METHODS)
def test_every_page_is_one_call(project: LocalProject, kind: Kind) -> None:
    before = calls(project)
    read = pages(listings(project), kind)
    assert calls(project) - before == len(read) == PAGES[kind]
    assert [len(page) for page in read[:-1]] == [SIZE] * (PAGES[kind] - 1)


@pytest.mark.parametrize("kind", METHODS)
def test_the_pages_have_together_what_one_page_has(project: LocalProject, kind: Kind) -> None:
    whole = CloudListings(site=SITE, **clients_of(project.url)).page(kind)
    assert whole.next == ""
    assert [one for page in pages(listings(project), kind) for one in page] == list(whole.items)
    assert len(whole.items) == (10 if kind is Kind.DISK else 5)


def test_a_page_without_anything_of_ours_is_not_the_last_one() -> None:
    with local_project() as project:
        for n in range(3):
            project.notebook(f"aa-{n}", {})
        last = project.notebook(f"nb-{KEY}", LABELS)
        read = pages(listings(project), Kind.WORKBENCH)
        assert [[one.name for one in page] for page in read] == [[], [last]]


@pytest.mark.parametrize("kind", METHODS)
def test_an_error_on_the_second_page_is_a_fault(project: LocalProject, kind: Kind) -> None:
    service, method = METHODS[kind]
    project.fail(service, method, skip=1)
    found = listings(project)
    first = found.page(kind)
    with pytest.raises(CloudFault) as caught:
        found.page(kind, first.next)
    assert (caught.value.code, caught.value.disposition) == ("UNAVAILABLE", Disposition.TEMPORARY)
    assert found.page(kind, first.next).items, "a page can be read again"


class _Unreachable(Rest):
    """The local cloud, in whose answers after the first some locations are left out."""

    def __init__(self, rest: Rest, missing: dict[str, Any]) -> None:
        self._rest = rest
        self._missing = missing

    def get(self, path: str, **params: str) -> dict[str, Any]:
        page = self._rest.get(path, **params)
        return page | self._missing if "pageToken" in params else page


SCOPE = {"zones/us-central1-b": {"warning": {"code": "UNREACHABLE", "message": "no answer"}}}


@pytest.mark.parametrize(
    ("kind", "api", "missing", "shown"),
    [
        (
            Kind.WORKBENCH,
            "notebooks",
            {"unreachable": ["projects/demo/locations/us-central1-b"]},
            "us-central1-b",
        ),
        (Kind.DISK, "compute", {"unreachables": ["zones/us-central1-b"]}, "us-central1-b"),
        (Kind.DISK, "compute", {"items": SCOPE}, "us-central1-b"),
        (Kind.DISK, "compute", {"warning": {"code": "UNREACHABLE"}}, "UNREACHABLE"),
        (Kind.SNAPSHOT, "compute", {"warning": {"code": "PARTIAL_SUCCESS"}}, "PARTIAL_SUCCESS"),
        (
            Kind.SNAPSHOT,
            "compute",
            {"warning": {"code": "LIST_OVERHEAD_QUOTA_EXCEED"}},
            "LIST_OVERHEAD_QUOTA_EXCEED",
        ),
    ],
)
def test_locations_that_did_not_answer_are_a_fault(
    project: LocalProject, kind: Kind, api: str, missing: dict[str, Any], shown: str
) -> None:
    rest = _Unreachable(clients_of(project.url)[api], missing)
    found = listings(project, **{api: rest})
    first = found.page(kind)
    with pytest.raises(CloudFault) as caught:
        found.page(kind, first.next)
    assert (caught.value.code, caught.value.disposition) == ("UNREACHABLE", Disposition.TEMPORARY)
    assert shown in caught.value.message


def test_a_warning_about_something_else_is_no_fault(project: LocalProject) -> None:
    rest = _Unreachable(
        clients_of(project.url)["compute"], {"warning": {"code": "NO_RESULTS_ON_PAGE"}}
    )
    assert len(pages(listings(project, compute=rest), Kind.SNAPSHOT)) == PAGES[Kind.SNAPSHOT]


@pytest.mark.parametrize("kind", METHODS)
def test_every_call_has_a_deadline(project: LocalProject, kind: Kind) -> None:
    service, method = METHODS[kind]
    project.fail(service, method, error=None, delay_seconds=1.0)
    clients = clients_of(project.url)
    rest = Rest(project.url, clients["notebooks"]._session.credentials, read_seconds=0.2)
    slow = clients | {"notebooks": rest, "compute": rest}
    with pytest.raises(CloudFault) as caught:
        CloudListings(site=SITE, **slow, seconds=0.2).page(kind)
    assert caught.value.disposition is Disposition.TEMPORARY


def test_a_bucket_that_does_not_exist_is_a_fault() -> None:
    with local_project() as project:
        bucket = f"{project.url}/storage/v1/b/demo-templates"
        requests.delete(bucket, timeout=5).raise_for_status()
        with pytest.raises(CloudFault) as caught:
            listings(project).page(Kind.CLUSTER_TEMPLATE)
    assert (caught.value.code, caught.value.disposition) == ("NOT_FOUND", Disposition.PERMANENT)
