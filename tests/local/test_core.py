"""The core every face stands on, from the clock to long-running operations."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from local.clock import Clock
from local.cloud import Cloud
from local.discovery import Discovery
from local.errors import CODES, ApiError, ConnectionDropped
from local.faults import Faults
from local.operations import Operation, Operations
from local.store import Collection, page_size, parse_filter
from local.web import Incoming, Server, build_app, route

STOCK_OUT = {"status": "RESOURCE_EXHAUSTED", "message": "ZONE_RESOURCE_POOL_EXHAUSTED"}


class TestClock:
    def test_advancing_adds_exactly_that_much(self) -> None:
        clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
        moved = clock.advance(timedelta(days=30))
        assert timedelta() <= moved - datetime(2026, 1, 31, tzinfo=UTC) < timedelta(seconds=5)
        assert clock.now() >= moved

    def test_it_refuses_to_go_back(self) -> None:
        with pytest.raises(ValueError, match="forward"):
            Clock().advance(timedelta(seconds=-1))

    def test_advancing_wakes_who_waits(self) -> None:
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
        struck = [faults.take("svc", "things.get", "x", "before") is not None for _ in range(5)]
        assert struck == [False, True, True, False, False]
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
    def test_what_does_not_match_is_neither_hit_nor_seen(
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
    def test_a_senseless_fault_is_refused_by_field(self, spec: dict[str, Any], names: str) -> None:
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

    def test_an_after_fault_spoils_only_the_answer(self) -> None:
        cloud, ran = Cloud(), []
        cloud.faults.add({"when": "after", "error": STOCK_OUT})
        with pytest.raises(ApiError) as spoiled, cloud.call("svc", "things.make", "t"):
            ran.append(1)
        assert ran == [1]
        assert spoiled.value.http == 429

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

    def test_numbering_goes_on_after_clearing(self) -> None:
        cloud = Cloud()
        for _ in range(2):
            with cloud.call("svc", "m", "t"):
                cloud.calls.clear()
        assert [c.seq for c in cloud.calls.entries()] == [2]

    def test_a_rate_quota_is_a_minute_of_the_clouds_clock(self) -> None:
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

    def test_a_live_quota_counts_what_is_there(self) -> None:
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

    def test_an_error_comes_in_googles_envelope(self, running: Running) -> None:
        answer = requests.post(f"{running.url}/v1/things/a", data="[1]", timeout=5)
        assert answer.status_code == 400
        assert set(answer.json()["error"]) == {"code", "message", "status"}
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"

    def test_a_method_nobody_serves_is_a_404_and_logged(self, running: Running) -> None:
        answer = requests.get(f"{running.url}/v9/nothing", timeout=5)
        assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
        call = running.cloud.calls.entries()[-1]
        assert (call.service, call.target) == ("unknown", "/v9/nothing")

    def test_a_delayed_request_holds_nobody_else_up(self, running: Running) -> None:
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


class TestDiscovery:
    @pytest.mark.parametrize(
        ("body", "violation"),
        [
            ({"colour": "red"}, 'colour: unknown name "colour"'),
            ({"gceSetup": {"dataDisks": [{"diskType": "FLOPPY"}]}}, "gceSetup.dataDisks[0].disk"),
            ({"state": "ACTIVE"}, "state: is output only"),
            ({"name": "projects/p/locations/z/instances/i"}, "name: is output only"),
            ({"labels": {"team": 1}}, "labels.team: must be a string"),
            ({"labels": {"team": None}}, "labels.team: must not be null"),
            ({"gceSetup": []}, "gceSetup: must be an object, not a list"),
            ({"gceSetup": {"tags": "a"}}, "gceSetup.tags: must be a list"),
            ({"gceSetup": {"vmImage": {}}}, "gceSetup.vmImage.project: is required"),
            ({"gceSetup": {"bootDisk": {"diskSizeGb": "big"}}}, "gceSetup.bootDisk.diskSizeGb: "),
            ({"gceSetup": {"bootDisk": {"diskSizeGb": 2**63}}}, "gceSetup.bootDisk.diskSizeGb: "),
            ({"enableManagedEuc": "yes"}, "enableManagedEuc: must be true or false"),
            ({"gceSetup": {"dataDisks": [{"diskType": 1}]}}, "gceSetup.dataDisks[0].diskType: "),
        ],
    )
    def test_a_violation_says_where(self, body: dict[str, Any], violation: str) -> None:
        found = Discovery("notebooks", "v2").violations("Instance", body)
        assert len(found) == 1
        assert found[0].startswith(violation)

    @pytest.mark.parametrize("size", [100, "100"])
    def test_int64_is_taken_as_number_and_text_and_kept_as_text(self, size: int | str) -> None:
        notebooks = Discovery("notebooks", "v2")
        body = {"gceSetup": {"dataDisks": [{"diskSizeGb": size}]}, "labels": None}
        assert notebooks.violations("Instance", body) == []
        assert notebooks.normalised("Instance", body) == {
            "gceSetup": {"dataDisks": [{"diskSizeGb": "100"}]}
        }

    @pytest.mark.parametrize(
        ("ttl", "valid"), [("3600s", True), ("1.5s", True), ("1h", False), ("60", False)]
    )
    def test_durations_are_in_seconds(self, ttl: str, valid: bool) -> None:
        body = {"name": "n", "environmentConfig": {"executionConfig": {"idleTtl": ttl}}}
        found = Discovery("dataproc", "v1").violations("SessionTemplate", body)
        assert (found == []) is valid

    def test_enum_numbers_only_when_asked_for(self) -> None:
        dataproc = Discovery("dataproc", "v1")
        body = {"name": "n", "jupyterSession": {"kernel": 1}}
        assert dataproc.violations("SessionTemplate", body) != []
        assert dataproc.violations("SessionTemplate", body, int_enums=True) == []
        normalised = dataproc.normalised("SessionTemplate", body)
        assert normalised["jupyterSession"] == {"kernel": "PYTHON"}

    def test_query_parameters_are_checked_too(self) -> None:
        listing = "notebooks.projects.locations.instances.list"
        notebooks = Discovery("notebooks", "v2")
        fine = [("$alt", "json;enum-encoding=int"), ("alt", "json"), ("pageSize", "5")]
        assert notebooks.query_violations(listing, fine) == []
        wrong = notebooks.query_violations(listing, [("pagesize", "5"), ("pageSize", "many")])
        assert [violation.split(":")[0] for violation in wrong] == ["pagesize", "pageSize"]


class TestStore:
    def test_pages_join_up_to_the_whole_even_when_things_go_between(self) -> None:
        things = Collection()
        for number in range(7):
            name = f"p/a/things/{number}"
            things.add(name, {"name": name})
        things.add("p/b/things/0", {"name": "p/b/things/0"})
        first, token = things.page("p/a/things/", 3)
        things.remove("p/a/things/1")
        rest, end = things.page("p/a/things/", 9, token)
        assert len(first) == 3
        assert [t["name"][-1] for t in first + rest] == ["0", "1", "2", "3", "4", "5", "6"]
        assert end == ""

    def test_an_exactly_full_last_page_has_no_token(self) -> None:
        things = Collection()
        for number in range(2):
            things.add(f"t/{number}", {"name": f"t/{number}"})
        assert things.page("t/", 2)[1] == ""

    def test_a_foreign_token_is_refused(self) -> None:
        with pytest.raises(ApiError, match="Invalid"):
            Collection().page("", 1, "!!")

    @pytest.mark.parametrize(("text", "size"), [(None, 10), ("0", 10), ("5", 5), ("5000", 50)])
    def test_page_sizes(self, text: str | None, size: int) -> None:
        assert page_size(text, 10, 50) == size

    @pytest.mark.parametrize("text", ["-1", "many"])
    def test_a_senseless_page_size_is_refused(self, text: str) -> None:
        with pytest.raises(ApiError, match="Invalid"):
            page_size(text, 10, 50)

    @pytest.mark.parametrize(
        ("text", "fits"),
        [
            ("", True),
            ("labels.team=core", True),
            ('labels.team = "core"', True),
            ("labels.team=core AND labels.env=dev", True),
            ("labels.team=core labels.env=dev", True),
            ("labels.team:*", True),
            ("labels.team=core AND labels.env=prod", False),
            ("labels.other=*", False),
        ],
    )
    def test_label_filters(self, text: str, fits: bool) -> None:
        assert parse_filter(text)({"labels": {"team": "core", "env": "dev"}}) is fits

    @pytest.mark.parametrize(
        "text",
        ["state=ACTIVE", "labels.a=1 OR labels.b=2", "labels.a!=1", "labels.a", "(", "NOT x"],
    )
    def test_a_filter_it_cannot_do_is_refused_not_ignored(self, text: str) -> None:
        with pytest.raises(ApiError) as refused:
            parse_filter(text)
        assert refused.value.status == "INVALID_ARGUMENT"


class TestOperations:
    def test_what_is_due_ends_in_order_when_someone_looks(self) -> None:
        clock, ended = Clock(), list[str]()
        operations = Operations(clock)
        with operations.settled() as now:
            for name, seconds in (("late", 60), ("early", 30)):
                operations.begin(_operation(name, now, seconds, ended))
        clock.advance(timedelta(seconds=29))
        with operations.settled():
            assert ended == []
        clock.advance(timedelta(days=1))
        with operations.settled() as now:
            assert ended == ["early", "late"]
            assert operations.get("late").ends < now - timedelta(hours=23)

    def test_a_cancelled_one_fails_now_and_never_succeeds(self) -> None:
        clock, ended = Clock(), list[str]()
        operations = Operations(clock)
        with operations.settled() as now:
            operations.begin(_operation("op", now, 60, ended))
            operations.cancel("op")
        clock.advance(timedelta(hours=1))
        with operations.settled():
            assert operations.get("op").to_json()["error"]["code"] == CODES["CANCELLED"][1]
            assert ended == ["failed op"]
            assert operations.busy_with("target of op") is None


def _operation(name: str, now: datetime, seconds: int, ended: list[str]) -> Operation:
    def succeed(_: datetime) -> dict[str, Any]:
        ended.append(name)
        return {}

    return Operation(
        name=name,
        verb="create",
        target=f"target of {name}",
        begun=now,
        ends=now + timedelta(seconds=seconds),
        succeed=succeed,
        fail=lambda _: ended.append(f"failed {name}"),
        describe=lambda operation: {},
    )
