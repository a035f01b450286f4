"""The driver of people's clusters, with Google's own client, where clusters are special."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from shared.adapters.dataproc import clusters
from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, State
from tests.support.driver_benches import EMAIL, KEY, LABELS
from tests.support.uses_benches import REGION, LocalUses, local_uses

HOUR = timedelta(hours=1)
REQUEST = str(UUID(int=1))


@pytest.fixture
def bench() -> Iterator[LocalUses]:
    with local_uses(Kind.CLUSTER) as made:
        yield made


def look(bench: LocalUses) -> Observation:
    return bench.driver.observe(bench.resource, KEY, EMAIL, None)


def end(bench: LocalUses) -> Observation:
    return bench.driver.delete(replace(bench.resource, items=look(bench).items), REQUEST)


def script(bench: LocalUses, method: str, **spec: Any) -> None:
    fault = {"service": "dataproc", "method": f"clusters.{method}", "times": 1, **spec}
    bench.scripted.append(bench.cloud.faults.add(fault))


def test_one_on_somebody_elses_credentials_is_named_and_left_alone(bench: LocalUses) -> None:
    bench.start("hers")
    bench.start("his", email="ben@example.com")
    seen = look(bench)
    assert [item.name for item in seen.items] == [bench.named("hers")]
    assert bench.named("his") in seen.detail
    assert "ben@example.com" in seen.detail
    end(bench)
    assert bench.running() == {bench.named("his")}


def test_only_those_of_others_are_nothing_of_hers(bench: LocalUses) -> None:
    bench.start("his", email="ben@example.com")
    seen = look(bench)
    assert (seen.state, seen.items) == (State.ABSENT, ())
    assert bench.named("his") in seen.detail


def test_one_that_names_no_user_is_known_by_its_labels(bench: LocalUses) -> None:
    cluster = {"projectId": "demo", "clusterName": "plain", "labels": LABELS}
    bench.post(f"{REGION}/clusters", {**cluster, "config": {}})
    end(bench)
    assert bench.running() == set()


def test_one_that_only_claims_the_person_is_not_ours(bench: LocalUses) -> None:
    labels = {"benchkeeper-person": KEY}
    cluster = {"projectId": "demo", "clusterName": "copy", "labels": labels}
    bench.post(f"{REGION}/clusters", {**cluster, "config": {}})
    assert look(bench) == Observation(state=State.ABSENT)


def test_a_broken_one_is_deleted_as_well(bench: LocalUses) -> None:
    script(bench, "create", when="operation", error={"status": "INTERNAL"})
    bench.start("first")
    bench.pass_time(HOUR)
    assert bench.states() == {bench.named("first"): "ERROR"}
    assert look(bench).state is State.READY
    end(bench)
    bench.pass_time(HOUR)
    assert bench.states() == {}


def test_all_pages_are_read(bench: LocalUses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_PAGE", 2)
    started = {f"cluster-{n}" for n in range(5)}
    for id in started:
        bench.start(id)
    assert {item.name for item in look(bench).items} == {bench.named(id) for id in started}


def test_one_deleted_by_hand_meanwhile_is_no_trouble(bench: LocalUses) -> None:
    bench.start("first")
    items = look(bench).items
    end(bench)
    other = str(UUID(int=2))
    seen = bench.driver.delete(replace(bench.resource, items=items), other)
    assert [item.state for item in seen.items] == ["DELETING"]
    bench.pass_time(HOUR)
    third = str(UUID(int=3))
    assert bench.driver.delete(replace(bench.resource, items=items), third) == Observation(
        state=State.ABSENT
    )


def test_another_of_the_same_name_made_since_stays(bench: LocalUses) -> None:
    bench.start("first")
    items = look(bench).items
    assert all(item.uuid for item in items)
    end(bench)
    bench.pass_time(HOUR)
    bench.start("first", "ben-abcdefghijkl", "ben@example.com")
    resource = replace(bench.resource, items=items)
    seen = bench.driver.delete(resource, str(UUID(int=2)))
    assert seen == Observation(state=State.ABSENT)
    assert bench.running() == {bench.named("first")}


@pytest.mark.parametrize("user", ["ana@example.com", "Ana@Example.com"])
def test_whose_credentials_it_runs_on_is_compared_without_case(bench: LocalUses, user: str) -> None:
    bench.start("first", email=user)
    assert [item.name for item in look(bench).items] == [bench.named("first")]


def test_one_that_refuses_to_go_is_told(bench: LocalUses) -> None:
    bench.start("first")
    script(bench, "delete", when="before", error={"status": "FAILED_PRECONDITION"})
    with pytest.raises(CloudFault) as caught:
        end(bench)
    assert caught.value.fate is Fate.PERMANENT
