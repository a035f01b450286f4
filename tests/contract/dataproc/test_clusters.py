"""The driver of clusters with Google's client: what differs from sessions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.adapters.dataproc import clusters
from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.observation import Observation
from tests.support.driver_backends import EMAIL, KEY, LABELS
from tests.support.grouped_fields import replace
from tests.support.workload_backends import REGION, LocalWorkloads, local_workloads

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
REQUEST = str(UUID(int=1))


@pytest.fixture
def backend() -> Iterator[LocalWorkloads]:
    with local_workloads(Kind.CLUSTER) as made:
        yield made


def observe(backend: LocalWorkloads) -> Observation:
    return backend.driver.observe(backend.resource, KEY, EMAIL, None)


def end(backend: LocalWorkloads) -> Observation:
    return backend.driver.delete(replace(backend.resource, items=observe(backend).items), REQUEST)


def script(backend: LocalWorkloads, method: str, **spec: Any) -> None:
    fault = {"service": "dataproc", "method": f"clusters.{method}", "times": 1, **spec}
    backend.scripted.append(backend.cloud.faults.add(fault))


def test_a_cluster_on_somebody_elses_credentials_is_named_and_not_touched(
    backend: LocalWorkloads,
) -> None:
    backend.start("hers")
    backend.start("his", email="ben@example.com")
    seen = observe(backend)
    assert [item.name for item in seen.items] == [backend.named("hers")]
    assert backend.named("his") in seen.detail
    assert "ben@example.com" in seen.detail
    end(backend)
    assert backend.running() == {backend.named("his")}


def test_with_clusters_of_others_only_the_person_has_none(backend: LocalWorkloads) -> None:
    backend.start("his", email="ben@example.com")
    seen = observe(backend)
    assert (seen.state, seen.items) == (State.ABSENT, ())
    assert backend.named("his") in seen.detail


def test_a_cluster_without_a_user_is_identified_by_its_labels(backend: LocalWorkloads) -> None:
    cluster = {"projectId": "demo", "clusterName": "plain", "labels": LABELS}
    backend.post(f"{REGION}/clusters", {**cluster, "config": {}})
    end(backend)
    assert backend.running() == set()


def test_a_cluster_with_the_persons_label_alone_is_not_ours(backend: LocalWorkloads) -> None:
    labels = {"benchkeeper-person": KEY}
    cluster = {"projectId": "demo", "clusterName": "copy", "labels": labels}
    backend.post(f"{REGION}/clusters", {**cluster, "config": {}})
    assert observe(backend) == Observation(state=State.ABSENT)


def test_a_failed_cluster_is_deleted(backend: LocalWorkloads) -> None:
    script(backend, "create", when="operation", error={"status": "INTERNAL"})
    backend.start("first")
    backend.pass_time(HOUR)
    assert backend.states() == {backend.named("first"): "ERROR"}
    assert observe(backend).state is State.READY
    end(backend)
    backend.pass_time(HOUR)
    assert backend.states() == {}


def test_all_pages_are_read(backend: LocalWorkloads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_PAGE", 2)
    started = {f"cluster-{n}" for n in range(5)}
    for id in started:
        backend.start(id)
    assert {item.name for item in observe(backend).items} == {backend.named(id) for id in started}


def test_a_cluster_deleted_by_somebody_else_is_no_problem(backend: LocalWorkloads) -> None:
    backend.start("first")
    items = observe(backend).items
    end(backend)
    other = str(UUID(int=2))
    seen = backend.driver.delete(replace(backend.resource, items=items), other)
    assert [item.state for item in seen.items] == ["DELETING"]
    backend.pass_time(HOUR)
    third = str(UUID(int=3))
    assert backend.driver.delete(replace(backend.resource, items=items), third) == Observation(
        state=State.ABSENT
    )


def test_a_later_cluster_of_the_same_name_is_kept(backend: LocalWorkloads) -> None:
    backend.start("first")
    items = observe(backend).items
    assert all(item.uuid for item in items)
    end(backend)
    backend.pass_time(HOUR)
    backend.start("first", "ben-abcdefghijkl", "ben@example.com")
    resource = replace(backend.resource, items=items)
    seen = backend.driver.delete(resource, str(UUID(int=2)))
    assert seen == Observation(state=State.ABSENT)
    assert backend.running() == {backend.named("first")}


@pytest.mark.parametrize("user", ["ana@example.com", "Ana@Example.com"])
def test_the_user_is_compared_case_insensitively(backend: LocalWorkloads, user: str) -> None:
    backend.start("first", email=user)
    assert [item.name for item in observe(backend).items] == [backend.named("first")]


def test_a_rejected_delete_is_reported(backend: LocalWorkloads) -> None:
    backend.start("first")
    script(backend, "delete", when="before", error={"status": "FAILED_PRECONDITION"})
    with pytest.raises(CloudFault) as caught:
        end(backend)
    assert caught.value.disposition is Disposition.PERMANENT
