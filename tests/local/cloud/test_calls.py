"""The clock, scripted faults, quotas, the call log and the HTTP server."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from local.api.http import Incoming, build_app, route
from local.api.http_server import Server
from local.clock import Clock
from local.cloud import Cloud
from local.cloud.faults import Faults
from local.errors import ApiError, ConnectionDropped

STOCK_OUT = {"status": "RESOURCE_EXHAUSTED", "message": "ZONE_RESOURCE_POOL_EXHAUSTED"}


class TestClock:
    def test_advancing_adds_exactly_the_given_time(self) -> None:
        clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
        moved = clock.advance(timedelta(days=30))
        assert timedelta() <= moved - datetime(2026, 1, 31, tzinfo=UTC) < timedelta(seconds=5)
        assert clock.now() >= moved

    def test_the_clock_refuses_to_go_back(self) -> None:
        with pytest.raises(ValueError, match="forward"):
            Clock().advance(timedelta(seconds=-1))

    def test_advancing_wakes_waiting_threads(self) -> None:
        clock = Clock()
        answers: list[bool] = []
        until = clock.now() + timedelta(hours=1)
        waiter = threading.Thread(
            target=lambda: answers.append(clock.wait_until(until, threading.Event()))
        )
        waiter.start()
        clock.advance(timedelta(hours=2))
        waiter.join(5)
        assert answers == [True]

    def test_stop_ends_the_wait_with_false(self) -> None:
        clock, stop = Clock(), threading.Event()
        timer = threading.Timer(0.05, stop.set)
        timer.start()
        assert clock.wait_until(clock.now() + timedelta(hours=1), stop) is False
        timer.join()


class TestFaults:
    def test_skip_then_times_then_nothing_more(self) -> None:
        faults = Faults()
        fault = faults.add({"method": "things.*", "error": STOCK_OUT, "skip": 1, "times": 2})
        hit = [faults.take("svc", "things.get", "x", "before") is not None for _ in range(5)]
        assert hit == [False, True, True, False, False]
        assert (fault.hits, fault.seen) == (2, 5)

    @pytest.mark.parametrize(
        ("service", "method", "target", "when"),
        [
            ("other", "instances.create", "projects/demo/nb1", "before"),
            ("notebooks", "instances.delete", "projects/demo/nb1", "before"),
            ("notebooks", "instances.create", "projects/demo/nb2", "before"),
            ("notebooks", "instances.create", "projects/demo/nb1", "after"),
        ],
    )
    def test_a_fault_ignores_requests_that_do_not_match(
        self, service: str, method: str, target: str, when: str
    ) -> None:
        faults = Faults()
        fault = faults.add(
            {
                "service": "notebooks",
                "method": "instances.create",
                "match": "nb1",
                "error": STOCK_OUT,
            }
        )
        assert faults.take(service, method, target, when) is None
        assert (fault.hits, fault.seen) == (0, 0)
        assert faults.take("notebooks", "instances.create", "x/nb1", "before") is fault

    @pytest.mark.parametrize(
        ("spec", "names"),
        [
            ({"methode": "x", "drop": True}, "methode"),
            ({"hits": 3, "drop": True}, "hits"),
            ({}, "error"),
            ({"when": "operation", "drop": True}, "error"),
            ({"when": "later", "drop": True}, "when"),
            ({"error": {"status": "OOPS"}}, "error.status"),
            ({"error": {"status": "INTERNAL", "http": 200}}, "error.http"),
            ({"delay_seconds": -1}, "delay_seconds"),
            ({"drop": True, "times": 1.5}, "times"),
        ],
    )
    def test_an_invalid_fault_is_refused_by_field(self, spec: dict[str, Any], names: str) -> None:
        with pytest.raises(ApiError) as refused:
            Faults().add(spec)
        violations = refused.value.details[0]["fieldViolations"]
        assert [v["field"] for v in violations] == [names]


class TestCall:
    def test_a_before_fault_keeps_the_body_from_running(self) -> None:
        cloud, ran = Cloud(), []
        cloud.faults.add({"error": STOCK_OUT})
        with pytest.raises(ApiError), cloud.call("svc", "things.make", "t"):
            ran.append(1)
        assert ran == []

    def test_an_after_fault_changes_only_the_answer(self) -> None:
        cloud, ran = Cloud(), []
        cloud.faults.add({"when": "after", "error": STOCK_OUT})
        with pytest.raises(ApiError) as raised, cloud.call("svc", "things.make", "t"):
            ran.append(1)
        assert ran == [1]
        assert raised.value.http == 429

    def test_every_outcome_is_logged_with_its_fault(self) -> None:
        cloud = Cloud()
        with cloud.call("svc", "things.make", "fine"):
            pass
        with pytest.raises(ApiError), cloud.call("svc", "things.make", "missing"):
            raise ApiError.not_found("missing")
        with pytest.raises(ZeroDivisionError), cloud.call("svc", "things.make", "bug"):
            _ = 1 / 0
        fault = cloud.faults.add({"drop": True, "times": 1})
        with pytest.raises(ConnectionDropped), cloud.call("svc", "things.make", "cut"):
            pass
        logged = [(c.seq, c.target, c.outcome, c.fault) for c in cloud.calls.entries()]
        assert logged == [
            (1, "fine", "OK", None),
            (2, "missing", "NOT_FOUND", None),
            (3, "bug", "INTERNAL", None),
            (4, "cut", "DROPPED", fault.id),
        ]
        assert cloud.calls.counts() == {"svc.things.make": 4}
        assert [c.seq for c in cloud.calls.entries(since=3)] == [4]

    def test_call_numbers_continue_after_clearing(self) -> None:
        cloud = Cloud()
        for _ in range(2):
            with cloud.call("svc", "m", "t"):
                cloud.calls.clear()
        assert [c.seq for c in cloud.calls.entries()] == [2]

    def test_a_rate_quota_counts_a_minute_of_the_clouds_clock(self) -> None:
        cloud = Cloud()
        cloud.quotas.set({"per_minute": {"svc": 2}})

        def ask(service: str = "svc") -> str:
            try:
                with cloud.call(service, "m", "t"):
                    return "OK"
            except ApiError as error:
                return error.status

        assert [ask(), ask(), ask(), ask("other")] == ["OK", "OK", "RESOURCE_EXHAUSTED", "OK"]
        cloud.clock.advance(timedelta(seconds=61))
        assert ask() == "OK"

    def test_a_live_quota_limits_the_number_of_resources(self) -> None:
        cloud = Cloud()
        cloud.quotas.set({"live": {"svc.things": 2}})
        cloud.quotas.check_room("svc.things", 1)
        cloud.quotas.check_room("svc.others", 99)
        with pytest.raises(ApiError, match=r"svc\.things"):
            cloud.quotas.check_room("svc.things", 2)


@dataclass
class Running:
    cloud: Cloud
    url: str
    applied: list[str]


@pytest.fixture
def running() -> Iterator[Running]:
    cloud = Cloud()
    applied: list[str] = []

    def make(incoming: Incoming) -> dict[str, Any]:
        with cloud.call("svc", "things.make", incoming.params["id"]):
            applied.append(incoming.params["id"])
            return {"made": incoming.params["id"], "body": incoming.json()}

    routes = [route("POST", "/v1/things/{id}", make), route("POST", "/v1/things/{id}:go", make)]
    with Server(build_app(cloud, [routes])) as server:
        yield Running(cloud, server.url, applied)


class TestServer:
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_dropped_request_has_no_answer_at_all(self, running: Running, when: str) -> None:
        fault = running.cloud.faults.add({"drop": True, "when": when, "times": 1})
        with requests.Session() as session:
            with pytest.raises(requests.ConnectionError):
                session.post(f"{running.url}/v1/things/a", timeout=5)
            assert session.post(f"{running.url}/v1/things/b", timeout=5).ok
        assert fault.hits == 1
        assert running.applied == (["a", "b"] if when == "after" else ["b"])

    def test_errors_have_googles_envelope(self, running: Running) -> None:
        answer = requests.post(f"{running.url}/v1/things/a", data="[1]", timeout=5)
        assert answer.status_code == 400
        assert set(answer.json()["error"]) == {"code", "message", "status"}
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"

    def test_an_unknown_path_is_a_404_and_logged(self, running: Running) -> None:
        answer = requests.get(f"{running.url}/v9/nothing", timeout=5)
        assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
        call = running.cloud.calls.entries()[-1]
        assert (call.service, call.target) == ("unknown", "/v9/nothing")

    def test_a_delay_does_not_block_other_requests(self, running: Running) -> None:
        running.cloud.faults.add({"match": "slow", "delay_seconds": 1.0})
        finished: list[str] = []

        def ask(name: str) -> None:
            requests.post(f"{running.url}/v1/things/{name}", timeout=5)
            finished.append(name)

        threads = [threading.Thread(target=ask, args=(name,)) for name in ("slow", "quick")]
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        for thread in threads:
            thread.join()
        assert finished == ["quick", "slow"]

    def test_connections_send_without_delay(self, running: Running) -> None:
        # Without TCP_NODELAY every call on a kept connection takes over 40 ms.
        with requests.Session() as session:
            session.post(f"{running.url}/v1/things/a", timeout=5)
            times = []
            for _ in range(10):
                begun = time.perf_counter()
                session.post(f"{running.url}/v1/things/a", timeout=5)
                times.append(time.perf_counter() - begun)
        assert min(times) < 0.035
