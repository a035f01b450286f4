"""The listings of the two older kinds, which a deployment has if ``OLDER_KINDS`` is on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.adapters.listings.cloud_listings import CloudListings
from shared.bootstrap import App
from shared.domain.faults import CloudFault, Disposition
from shared.domain.manifests.labels import ownership
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.listed import Listed
from shared.ports.listings import Listings
from shared.settings import Settings
from tests.support.local_project import clients_of
from tests.support.notebooks_v1_stage import (
    ANA,
    BEN,
    CALL_SECONDS,
    KEY,
    KINDS,
    SITE,
    Stage,
    notebooks_v1_stage,
    wanted,
)

pytestmark = pytest.mark.slow

NOUNS = [(Kind.MANAGED_NOTEBOOK, "runtimes"), (Kind.DATAPROC_HUB, "instances")]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with notebooks_v1_stage() as built:
        yield built


def listings(stage: Stage, page_size: int = 500) -> Listings:
    older = tuple(stage.services.values())
    clients = clients_of(stage.local.url)
    return CloudListings(site=SITE, **clients, older=older, page_size=page_size)


def listed(stage: Stage, kind: Kind) -> dict[str, Listed]:
    page = listings(stage).page(kind)
    assert page.next == ""
    return {one.name: one for one in page.items}


def test_they_are_listed_last(stage: Stage) -> None:
    assert listings(stage).kinds[-2:] == KINDS
    assert not set(KINDS) & set(CloudListings(site=SITE, **clients_of(stage.local.url)).kinds)


@pytest.mark.parametrize("on", [True, False])
def test_a_deployment_has_them_if_the_setting_is_on(stage: Stage, on: bool) -> None:
    settings = Settings(
        project="demo",
        allowed_domains=frozenset({"example.com"}),
        profiles="file:profiles",
        templates_bucket="demo-templates",
        older_kinds=on,
        notebooks_endpoint=stage.local.url,
        compute_endpoint=stage.local.url,
        dataproc_endpoint=stage.local.url,
        notebooks_v1_endpoint=f"http://{stage.local.grpc_address}",
    )
    found = App(settings).listings
    assert set(KINDS).issubset(found.kinds) is on
    for kind in set(found.kinds) - {Kind.CLUSTER_TEMPLATE}:  # Cloud Storage has no setting
        assert found.page(kind).items == ()


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_found_by_label_or_name(stage: Stage, kind: Kind) -> None:
    (own,) = wanted(kind).places
    stage.plant(wanted(kind))
    parent = own.rpartition("/")[0]
    bare = stage.plant(
        wanted(kind, BEN), name=own.replace("us-central1", "us-east1"), labels={"team": "core"}
    )
    renamed = stage.plant(wanted(kind), name=f"{parent}/renamed")
    stage.plant(wanted(kind), name=f"{parent}/theirs", labels={"team": "core"})
    stage.plant(wanted(kind), name=f"{own}-old", labels={"team": "core"})
    found = listed(stage, kind)
    assert {name: (one.key, one.labelled) for name, one in found.items()} == {
        own: (KEY, True),
        bare: (KEY, False),
        renamed: (KEY, True),
    }
    assert {one.state for one in found.values()} == {State.READY}
    assert [found[name].owner for name in (own, bare)] == [ANA.email, BEN.email]
    assert all(one.created_at is not None for one in found.values())
    assert {one.fingerprint for one in found.values()} == {""}


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_one_call(stage: Stage, kind: Kind) -> None:
    (own,) = wanted(kind).places
    made = [stage.plant(wanted(kind), name=f"{own}-{n}") for n in range(5)]
    found, read, after = listings(stage, page_size=2), [], ""
    while not read or after:
        page = found.page(kind, after)
        read.append([one.name for one in page.items])
        after = page.next
    assert read == [made[:2], made[2:4], made[4:]]
    assert sum(stage.cloud.calls.counts().values()) == 3


def test_a_notebook_without_an_owner_has_none(stage: Stage) -> None:
    name = "projects/demo/locations/us-central1-a/instances/bare"
    stage.local.notebooks_v1.seed(name, {"labels": ownership(KEY)})
    assert listed(stage, Kind.DATAPROC_HUB)[name].owner == ""


@pytest.mark.parametrize(("kind", "noun"), NOUNS)
def test_an_error_on_the_second_page_is_a_fault(stage: Stage, kind: Kind, noun: str) -> None:
    for n in range(3):
        stage.plant(wanted(kind), name=f"{wanted(kind).places[0]}-{n}")
    found = listings(stage, page_size=2)
    first = found.page(kind)
    stage.fault(f"{noun}.list", error={"status": "UNAVAILABLE"})
    with pytest.raises(CloudFault) as caught:
        found.page(kind, first.next)
    assert caught.value.disposition is Disposition.TEMPORARY


@pytest.mark.parametrize(("kind", "noun"), NOUNS)
def test_every_call_has_a_deadline(stage: Stage, kind: Kind, noun: str) -> None:
    stage.fault(f"{noun}.list", delay_seconds=2 * CALL_SECONDS)
    with pytest.raises(CloudFault) as caught:
        listings(stage).page(kind)
    assert caught.value.disposition is Disposition.TEMPORARY
