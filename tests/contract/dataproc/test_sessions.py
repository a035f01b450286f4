"""The driver of Spark sessions with Google's client: what differs from clusters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.adapters.dataproc import sessions, workloads
from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.observation import Observation
from tests.support.driver_backends import EMAIL, KEY
from tests.support.grouped_fields import replace
from tests.support.workload_backends import LOCATION, LocalWorkloads, local_workloads

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
REQUEST = str(UUID(int=1))


@pytest.fixture
def backend() -> Iterator[LocalWorkloads]:
    with local_workloads(Kind.SESSION) as made:
        yield made


def observe(backend: LocalWorkloads) -> Observation:
    return backend.driver.observe(backend.resource, KEY, EMAIL, None)


def end(backend: LocalWorkloads) -> Observation:
    return backend.driver.delete(replace(backend.resource, items=observe(backend).items), REQUEST)


def calls(backend: LocalWorkloads) -> int:
    return sum(backend.cloud.calls.counts().values())


def script(backend: LocalWorkloads, method: str, **spec: Any) -> None:
    fault = {"service": "dataproc", "method": f"sessions.{method}", "times": 1, **spec}
    backend.scripted.append(backend.cloud.faults.add(fault))


def test_an_ended_session_is_still_listed_and_not_observed(backend: LocalWorkloads) -> None:
    backend.start("first")
    end(backend)
    backend.pass_time(HOUR)
    assert backend.states() == {backend.named("first"): "TERMINATED"}
    assert observe(backend) == Observation(state=State.ABSENT)


@pytest.mark.parametrize(
    ("user", "theirs"),
    [
        ("ana@example.com", True),
        ("Ana@Example.COM", True),
        ("robot@demo.iam.gserviceaccount.com", True),
        ("ben@example.com", False),
    ],
)
def test_a_session_of_the_persons_template_is_theirs_unless_it_names_another(
    backend: LocalWorkloads, user: str, theirs: bool
) -> None:
    backend.start("first")
    template = f"{LOCATION}/sessionTemplates/st-{KEY}"
    body = {"sessionTemplate": template, "user": user}
    backend.post(f"{LOCATION}/sessions?sessionId=second", body)
    seen = observe(backend)
    assert {item.name for item in seen.items} >= {backend.named("first")}
    assert (backend.named("second") in {item.name for item in seen.items}) is theirs
    assert (user in seen.detail) is not theirs
    end(backend)
    assert backend.running() == (set() if theirs else {backend.named("second")})


def test_a_session_without_our_template_is_not_found(backend: LocalWorkloads) -> None:
    backend.post(f"{LOCATION}/sessions?sessionId=theirs", {"jupyterSession": {"kernel": "PYTHON"}})
    assert observe(backend).state is State.ABSENT


def test_an_observation_is_one_call_and_a_delete_one_per_session(backend: LocalWorkloads) -> None:
    backend.start("first")
    backend.start("second")
    before = calls(backend)
    items = observe(backend).items
    assert calls(backend) == before + 1
    backend.driver.delete(replace(backend.resource, items=items), REQUEST)
    assert calls(backend) == before + 3


def test_all_pages_are_read(backend: LocalWorkloads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_PAGE", 2)
    started = {f"session-{n}" for n in range(5)}
    for id in started:
        backend.start(id)
    assert {item.name for item in observe(backend).items} == {backend.named(id) for id in started}


def test_items_beyond_the_limit_are_left_for_the_next_step(
    backend: LocalWorkloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workloads, "MOST_ITEMS", 2)
    for n in range(3):
        backend.start(f"session-{n}")
    seen = observe(backend)
    assert (len(seen.items), seen.more) == (2, 1)
    end(backend)
    assert len(backend.running()) == 1
    assert observe(backend).state is State.READY
    end(backend)
    assert backend.running() == set()


def test_slow_answers_leave_the_others_for_the_next_step(
    backend: LocalWorkloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workloads, "_CALLS_SECONDS", 0.2)
    backend.start("first")
    backend.start("second")
    script(backend, "terminate", when="before", delay_seconds=0.3)
    end(backend)
    assert len(backend.running()) == 1


def test_a_session_that_ended_meanwhile_is_no_problem(backend: LocalWorkloads) -> None:
    backend.start("first")
    items = observe(backend).items
    backend.post(f"{backend.named('first')}:terminate", {})
    resource = replace(backend.resource, items=items)
    seen = backend.driver.delete(resource, REQUEST)
    assert [item.state for item in seen.items] == ["TERMINATING"]


def test_a_rejected_end_is_reported(backend: LocalWorkloads) -> None:
    backend.start("first")
    script(backend, "terminate", when="before", error={"status": "FAILED_PRECONDITION"})
    with pytest.raises(CloudFault) as caught:
        end(backend)
    assert caught.value.disposition is Disposition.PERMANENT


def test_a_session_that_can_not_be_ended_does_not_keep_others_running(
    backend: LocalWorkloads,
) -> None:
    backend.start("first")
    backend.start("second")
    script(backend, "terminate", when="before", error={"status": "PERMISSION_DENIED"})
    with pytest.raises(CloudFault) as caught:
        end(backend)
    assert caught.value.code == "PERMISSION_DENIED"
    assert len(backend.running()) == 1


def test_a_listing_that_fails_is_temporary(backend: LocalWorkloads) -> None:
    script(backend, "list", when="before", error={"status": "UNAVAILABLE"})
    with pytest.raises(CloudFault) as caught:
        observe(backend)
    assert caught.value.disposition is Disposition.TEMPORARY
