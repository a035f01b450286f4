"""The driver of people's Spark sessions, with Google's own client, where sessions are special."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from shared.adapters.dataproc import sessions
from shared.adapters.dataproc import workloads as uses
from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, State
from tests.support.driver_benches import EMAIL, KEY
from tests.support.uses_benches import LOCATION, LocalUses, local_uses

HOUR = timedelta(hours=1)
REQUEST = str(UUID(int=1))


@pytest.fixture
def bench() -> Iterator[LocalUses]:
    with local_uses(Kind.SESSION) as made:
        yield made


def look(bench: LocalUses) -> Observation:
    return bench.driver.observe(bench.resource, KEY, EMAIL, None)


def end(bench: LocalUses) -> Observation:
    return bench.driver.delete(replace(bench.resource, items=look(bench).items), REQUEST)


def calls(bench: LocalUses) -> int:
    return sum(bench.cloud.calls.counts().values())


def script(bench: LocalUses, method: str, **spec: Any) -> None:
    fault = {"service": "dataproc", "method": f"sessions.{method}", "times": 1, **spec}
    bench.scripted.append(bench.cloud.faults.add(fault))


def test_one_that_is_over_stays_listed_and_is_not_seen(bench: LocalUses) -> None:
    bench.start("first")
    end(bench)
    bench.pass_time(HOUR)
    assert bench.states() == {bench.named("first"): "TERMINATED"}
    assert look(bench) == Observation(state=State.ABSENT)


@pytest.mark.parametrize(
    ("user", "theirs"),
    [
        ("ana@example.com", True),
        ("Ana@Example.COM", True),
        ("robot@demo.iam.gserviceaccount.com", True),
        ("ben@example.com", False),
    ],
)
def test_one_from_the_persons_template_is_theirs_unless_it_names_somebody_else(
    bench: LocalUses, user: str, theirs: bool
) -> None:
    bench.start("first")
    template = f"{LOCATION}/sessionTemplates/st-{KEY}"
    body = {"sessionTemplate": template, "user": user}
    bench.post(f"{LOCATION}/sessions?sessionId=second", body)
    seen = look(bench)
    assert {item.name for item in seen.items} >= {bench.named("first")}
    assert (bench.named("second") in {item.name for item in seen.items}) is theirs
    assert (user in seen.detail) is not theirs
    end(bench)
    assert bench.running() == (set() if theirs else {bench.named("second")})


def test_one_without_our_template_is_nobodys(bench: LocalUses) -> None:
    bench.post(f"{LOCATION}/sessions?sessionId=theirs", {"jupyterSession": {"kernel": "PYTHON"}})
    assert look(bench).state is State.ABSENT


def test_a_look_is_one_call_and_an_end_one_for_each(bench: LocalUses) -> None:
    bench.start("first")
    bench.start("second")
    before = calls(bench)
    items = look(bench).items
    assert calls(bench) == before + 1
    bench.driver.delete(replace(bench.resource, items=items), REQUEST)
    assert calls(bench) == before + 3


def test_all_pages_are_read(bench: LocalUses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_PAGE", 2)
    started = {f"session-{n}" for n in range(5)}
    for id in started:
        bench.start(id)
    assert {item.name for item in look(bench).items} == {bench.named(id) for id in started}


def test_of_very_many_some_are_left_for_the_next_look(
    bench: LocalUses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "MOST_ITEMS", 2)
    for n in range(3):
        bench.start(f"session-{n}")
    seen = look(bench)
    assert (len(seen.items), seen.more) == (2, 1)
    end(bench)
    assert len(bench.running()) == 1
    assert look(bench).state is State.READY
    end(bench)
    assert bench.running() == set()


def test_slow_answers_leave_the_others_for_the_next_look(
    bench: LocalUses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "_ENOUGH", 0.2)
    bench.start("first")
    bench.start("second")
    script(bench, "terminate", when="before", delay_seconds=0.3)
    end(bench)
    assert len(bench.running()) == 1


def test_one_that_ended_meanwhile_is_no_trouble(bench: LocalUses) -> None:
    bench.start("first")
    items = look(bench).items
    bench.post(f"{bench.named('first')}:terminate", {})
    resource = replace(bench.resource, items=items)
    seen = bench.driver.delete(resource, REQUEST)
    assert [item.state for item in seen.items] == ["TERMINATING"]


def test_one_that_refuses_to_end_is_told(bench: LocalUses) -> None:
    bench.start("first")
    script(bench, "terminate", when="before", error={"status": "FAILED_PRECONDITION"})
    with pytest.raises(CloudFault) as caught:
        end(bench)
    assert caught.value.fate is Fate.PERMANENT


def test_one_that_can_not_be_ended_keeps_no_other_running(bench: LocalUses) -> None:
    bench.start("first")
    bench.start("second")
    script(bench, "terminate", when="before", error={"status": "PERMISSION_DENIED"})
    with pytest.raises(CloudFault) as caught:
        end(bench)
    assert caught.value.code == "PERMISSION_DENIED"
    assert len(bench.running()) == 1


def test_a_listing_that_fails_is_temporary(bench: LocalUses) -> None:
    script(bench, "list", when="before", error={"status": "UNAVAILABLE"})
    with pytest.raises(CloudFault) as caught:
        look(bench)
    assert caught.value.fate is Fate.TEMPORARY
