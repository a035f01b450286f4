"""The notebooks with a change in progress, in the local cloud's listing of all zones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.compute import Compute
from local.notebooks_v2 import Notebooks
from shared.adapters.google_api.rest import Rest
from shared.adapters.notebooks_v2 import in_flight
from shared.adapters.notebooks_v2.in_flight import NotebooksInFlight
from shared.domain.faults import CloudFault, Disposition

pytestmark = pytest.mark.slow

ZONES = ("us-central1-a", "us-central1-b", "europe-west4-a")


class LocalProject:
    """A project on the local cloud, and its notebooks with a change in progress."""

    def __init__(self, cloud: Cloud, url: str) -> None:
        self.cloud = cloud
        self.url = url
        nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # it has no types
        self.in_flight = NotebooksInFlight(Rest(url, nobody), "demo")

    def make(self, zone: str, id: str) -> str:
        parent = f"projects/demo/locations/{zone}"
        self.post(f"{parent}/instances?instanceId={id}", {"gceSetup": {}})
        return f"{parent}/instances/{id}"

    def post(self, path: str, body: dict[str, Any]) -> None:
        requests.post(f"{self.url}/v2/{path}", json=body, timeout=5).raise_for_status()

    def wait(self) -> None:
        self.cloud.clock.advance(timedelta(hours=1))

    def calls(self) -> int:
        return sum(self.cloud.calls.counts().values())


@pytest.fixture
def project() -> Iterator[LocalProject]:
    cloud = Cloud(project="demo")
    notebooks = Notebooks(cloud, Compute(cloud))
    with Server(build_app(cloud, [notebooks.routes()])) as server:
        yield LocalProject(cloud, server.url)


def test_without_notebooks_none_is_moving(project: LocalProject) -> None:
    assert project.in_flight.moving() == frozenset()


def test_notebooks_being_created_are_moving_in_every_zone(project: LocalProject) -> None:
    made = {project.make(zone, f"nb-{n}") for n, zone in enumerate(ZONES)}
    assert project.in_flight.moving() == made
    project.wait()
    assert project.in_flight.moving() == frozenset()


def test_only_notebooks_being_started_or_stopped_are_moving(project: LocalProject) -> None:
    stopping, _ = project.make(ZONES[0], "one"), project.make(ZONES[0], "two")
    project.wait()
    project.post(f"{stopping}:stop", {})
    assert project.in_flight.moving() == {stopping}
    project.wait()
    assert project.in_flight.moving() == frozenset()
    project.post(f"{stopping}:start", {})
    assert project.in_flight.moving() == {stopping}


def test_it_is_one_call_per_page(project: LocalProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "_PAGE", "2")
    made = {project.make(ZONES[0], f"nb-{n}") for n in range(5)}
    before = project.calls()
    assert project.in_flight.moving() == made
    assert project.calls() == before + 3


def test_a_listing_that_fails_is_temporary(project: LocalProject) -> None:
    fault = {"service": "notebooks", "method": "instances.list", "times": 1}
    project.cloud.faults.add({**fault, "when": "before", "error": {"status": "UNAVAILABLE"}})
    with pytest.raises(CloudFault) as caught:
        project.in_flight.moving()
    assert caught.value.disposition is Disposition.TEMPORARY


class _OnePage(Rest):
    """A ``Rest`` that always returns ``page``: the local cloud has no unreachable zones."""

    def __init__(self, page: dict[str, Any]) -> None:
        self.page = page

    def get(self, path: str, **params: str) -> dict[str, Any]:
        return self.page


def test_an_incomplete_listing_is_a_fault() -> None:
    page = {"instances": [], "unreachable": ["projects/demo/locations/us-central1-a"]}
    with pytest.raises(CloudFault) as caught:
        NotebooksInFlight(_OnePage(page), "demo").moving()
    assert caught.value.disposition is Disposition.TEMPORARY
    assert "us-central1-a" in caught.value.message


def test_an_unknown_state_is_not_moving() -> None:
    name = "projects/demo/locations/us-central1-a/instances/one"
    page = {"instances": [{"name": name, "state": "STATE_UNSPECIFIED"}]}
    assert NotebooksInFlight(_OnePage(page), "demo").moving() == frozenset()
