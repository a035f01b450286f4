"""The admin routes, with a service whose calls they show."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from local.api.admin import Admin
from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.notebooks_v2 import Notebooks

INSTANCES = "/v2/projects/demo/locations/us-central1-a/instances"


@dataclass
class Running:
    cloud: Cloud
    url: str

    def __call__(self, method: str, path: str, json: object = None) -> dict[str, Any]:
        answer = requests.request(method, self.url + path, json=json, timeout=10)
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture
def running() -> Iterator[Running]:
    cloud = Cloud()
    notebooks = Notebooks(cloud)
    admin = Admin(cloud, [notebooks.resources])
    with Server(build_app(cloud, [notebooks.routes(), admin.routes()])) as server:
        yield Running(cloud, server.url)


def status(answer: dict[str, Any]) -> str:
    return str(answer["error"]["status"])


class TestForm:
    @pytest.mark.parametrize(
        "path", ["/_admin", "/_admin/clock", "/_admin/faults/none", "/_admin/x"]
    )
    @pytest.mark.parametrize(
        ("agent", "indented"), [("curl/8.5.0", True), ("python-requests/2.32.5", False)]
    )
    def test_answers_end_with_a_line_break_and_are_indented_for_curl(
        self, running: Running, path: str, agent: str, indented: bool
    ) -> None:
        text = requests.get(running.url + path, headers={"User-Agent": agent}, timeout=10).text
        assert text.endswith("}\n")
        assert ("\n  " in text) is indented

    def test_error_answers_end_with_a_line_break(self, running: Running) -> None:
        answer = requests.post(running.url + "/_admin/clock", data="{", timeout=10)
        assert answer.status_code == 400
        assert answer.text.endswith("}\n")


class TestClock:
    @pytest.mark.parametrize(
        ("advance", "moved"),
        [
            ("30d", timedelta(days=30)),
            ("90s", timedelta(seconds=90)),
            ("2h", timedelta(hours=2)),
            ("1.5m", timedelta(seconds=90)),
            (45, timedelta(seconds=45)),
            (0, timedelta()),
        ],
    )
    def test_the_clock_advances(self, running: Running, advance: object, moved: timedelta) -> None:
        before = running.cloud.clock.now()
        now = running("POST", "/_admin/clock", {"advance": advance})["now"]
        passed = datetime.fromisoformat(now) - before
        assert moved <= passed < moved + timedelta(seconds=10)
        assert running("GET", "/_admin/clock")["now"] >= now

    @pytest.mark.parametrize(
        "body",
        [{}, {"advance": "-1d"}, {"advance": -5}, {"advance": "soon"}, {"advance": True},
         {"advance": "9999999999w"}, {"advance": "1d", "to": "x"}],
    )  # fmt: skip
    def test_an_invalid_advance_is_refused(self, running: Running, body: dict[str, Any]) -> None:
        assert status(running("POST", "/_admin/clock", body)) == "INVALID_ARGUMENT"

    def test_advancing_ends_due_operations(self, running: Running) -> None:
        running("POST", INSTANCES + "?instanceId=nb1", {})
        running("POST", "/_admin/clock", {"advance": "90s"})
        (shown,) = running("GET", "/_admin/resources?kind=notebooks.instance")["resources"]
        assert shown["state"] == "ACTIVE"
        assert running("GET", "/_admin/resources?kind=other") == {"resources": []}


class TestFaults:
    def test_faults_are_added_listed_with_hits_and_removed(self, running: Running) -> None:
        spec = {"service": "notebooks", "method": "instances.get", "times": 1,
                "error": {"status": "UNAVAILABLE", "message": "try again"}}  # fmt: skip
        fault = running("POST", "/_admin/faults", spec)
        answer = running("GET", INSTANCES + "/nb1")
        assert answer["error"] == {"code": 503, "status": "UNAVAILABLE", "message": "try again"}
        assert status(running("GET", INSTANCES + "/nb1")) == "NOT_FOUND"
        (shown,) = running("GET", "/_admin/faults")["faults"]
        assert (shown["id"], shown["hits"], shown["seen"]) == (fault["id"], 1, 2)
        assert running("DELETE", f"/_admin/faults/{fault['id']}") == {}
        assert status(running("DELETE", f"/_admin/faults/{fault['id']}")) == "NOT_FOUND"

    def test_all_faults_are_removed(self, running: Running) -> None:
        for _ in range(2):
            running("POST", "/_admin/faults", {"drop": True})
        running("DELETE", "/_admin/faults")
        assert running("GET", "/_admin/faults") == {"faults": []}

    def test_faults_do_not_apply_to_admin_routes(self, running: Running) -> None:
        running("POST", "/_admin/faults", {"drop": True})
        assert len(running("GET", "/_admin/faults")["faults"]) == 1

    def test_an_invalid_fault_is_refused(self, running: Running) -> None:
        assert status(running("POST", "/_admin/faults", {"drop": 1})) == "INVALID_ARGUMENT"


class TestCalls:
    def test_calls_are_listed_counted_and_cleared(self, running: Running) -> None:
        running("GET", INSTANCES)
        running("GET", INSTANCES + "/nb1")
        calls = running("GET", "/_admin/calls?service=notebooks")["calls"]
        assert [(c["method"], c["outcome"]) for c in calls] == [
            ("instances.list", "OK"),
            ("instances.get", "NOT_FOUND"),
        ]
        later = running("GET", f"/_admin/calls?since={calls[0]['seq']}")["calls"]
        assert later == calls[1:]
        assert running("GET", "/_admin/calls/counts")["counts"] == {
            "notebooks.instances.get": 1,
            "notebooks.instances.list": 1,
        }
        running("DELETE", "/_admin/calls")
        assert running("GET", "/_admin/calls") == {"calls": []}
        assert status(running("GET", "/_admin/calls?since=x")) == "INVALID_ARGUMENT"


class TestQuotasAndSettings:
    def test_quotas_are_replaced_and_apply(self, running: Running) -> None:
        quotas = {"live": {"notebooks.instances": 0}, "per_minute": {"notebooks": 1}}
        assert running("PUT", "/_admin/quotas", quotas) == {**quotas, "operations": {}}
        assert status(running("POST", INSTANCES + "?instanceId=nb1", {})) == "RESOURCE_EXHAUSTED"
        limited = running("GET", INSTANCES)["error"]
        assert limited["details"][0]["reason"] == "RATE_LIMIT_EXCEEDED"
        none: dict[str, Any] = {"live": {}, "per_minute": {}, "operations": {}}
        assert running("PUT", "/_admin/quotas", {}) == none
        assert running("GET", INSTANCES) == {}
        assert status(running("PUT", "/_admin/quotas", {"live": {"x": -1}})) == "INVALID_ARGUMENT"

    def test_only_the_given_settings_change(self, running: Running) -> None:
        running("PUT", "/_admin/settings", {"latency_seconds": 0.01})
        changed = running("PUT", "/_admin/settings", {"verb_seconds": {"create": 5}})
        assert changed["latency_seconds"] == 0.01
        assert changed["verb_seconds"]["create"] == 5
        assert changed["verb_seconds"]["delete"] == 40
        assert running("GET", "/_admin/settings") == changed

    def test_operation_seconds_null_restores_the_durations_per_verb(self, running: Running) -> None:
        assert (
            running("PUT", "/_admin/settings", {"operation_seconds": 1})["operation_seconds"] == 1
        )
        back = running("PUT", "/_admin/settings", {"operation_seconds": None})
        assert back["operation_seconds"] is None

    @pytest.mark.parametrize(
        "body",
        [{"x": 1}, {"latency_seconds": "1"}, {"operation_seconds": -1}, {"proxy_seconds": -1},
         {"verb_seconds": {"fly": 1}}, {"verb_seconds": {"create": None}}, {"verb_seconds": 1}],
    )  # fmt: skip
    def test_invalid_settings_are_refused(self, running: Running, body: dict[str, Any]) -> None:
        before = running("GET", "/_admin/settings")
        assert status(running("PUT", "/_admin/settings", body)) == "INVALID_ARGUMENT"
        assert running("GET", "/_admin/settings") == before

    def test_the_index_lists_the_routes(self, running: Running) -> None:
        for path in ("/_admin", "/_admin/"):
            shown = running("GET", path)
            assert shown["project"] == "demo"
            for line in shown["methods"]:
                method, methods_path = line.split(" ")
                if method == "GET":
                    assert "error" not in running("GET", methods_path)
