"""The census of notebooks, against the local cloud's listing of all zones."""

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
from shared.adapters import census
from shared.adapters.census import NotebookCensus
from shared.adapters.rest import Rest
from shared.domain.faults import CloudFault, Fate

ZONES = ("us-central1-a", "us-central1-b", "europe-west4-a")


class Bench:
    """All notebooks of a project, and the census of them."""

    def __init__(self, cloud: Cloud, url: str) -> None:
        self.cloud = cloud
        self.url = url
        nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # it has no types
        self.census = NotebookCensus(Rest(url, nobody), "demo")

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
def bench() -> Iterator[Bench]:
    cloud = Cloud(project="demo")
    notebooks = Notebooks(cloud, Compute(cloud))
    with Server(build_app(cloud, [notebooks.routes()])) as server:
        yield Bench(cloud, server.url)


def test_nobody_has_a_notebook(bench: Bench) -> None:
    assert bench.census.moving() == frozenset()


def test_those_being_made_are_moving_in_whatever_zone(bench: Bench) -> None:
    made = {bench.make(zone, f"nb-{n}") for n, zone in enumerate(ZONES)}
    assert bench.census.moving() == made
    bench.wait()
    assert bench.census.moving() == frozenset()


def test_those_being_stopped_or_started_are_moving_and_no_others(bench: Bench) -> None:
    stopping, _ = bench.make(ZONES[0], "one"), bench.make(ZONES[0], "two")
    bench.wait()
    bench.post(f"{stopping}:stop", {})
    assert bench.census.moving() == {stopping}
    bench.wait()
    assert bench.census.moving() == frozenset()
    bench.post(f"{stopping}:start", {})
    assert bench.census.moving() == {stopping}


def test_it_costs_a_call_a_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "_PAGE", "2")
    made = {bench.make(ZONES[0], f"nb-{n}") for n in range(5)}
    before = bench.calls()
    assert bench.census.moving() == made
    assert bench.calls() == before + 3


def test_a_listing_that_fails_is_temporary(bench: Bench) -> None:
    fault = {"service": "notebooks", "method": "instances.list", "times": 1}
    bench.cloud.faults.add({**fault, "when": "before", "error": {"status": "UNAVAILABLE"}})
    with pytest.raises(CloudFault) as caught:
        bench.census.moving()
    assert caught.value.fate is Fate.TEMPORARY


class _OnePage(Rest):
    """A ``Rest`` whose every answer is the page given: the local cloud reaches all its zones."""

    def __init__(self, page: dict[str, Any]) -> None:
        self.page = page

    def get(self, path: str, **params: str) -> dict[str, Any]:
        return self.page


def test_a_listing_that_could_not_reach_a_zone_says_nothing() -> None:
    page = {"instances": [], "unreachable": ["projects/demo/locations/us-central1-a"]}
    with pytest.raises(CloudFault) as caught:
        NotebookCensus(_OnePage(page), "demo").moving()
    assert caught.value.fate is Fate.TEMPORARY
    assert "us-central1-a" in caught.value.message


def test_a_state_nobody_knows_is_not_moving() -> None:
    name = "projects/demo/locations/us-central1-a/instances/one"
    page = {"instances": [{"name": name, "state": "STATE_UNSPECIFIED"}]}
    assert NotebookCensus(_OnePage(page), "demo").moving() == frozenset()
