"""How the canary calls fleet: answers of fleet, and answers of the platform."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tools.canary.course import Failed
from tools.canary.google_side import Fleet, Notebooks

JSON = "application/json"


class Answers(BaseHTTPRequestHandler):
    """Gives the answers of the test, by path, and keeps the headers that came."""

    answers: dict[str, tuple[int, str, str]] = {}  # noqa: RUF012 - set by each test
    authorization: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.authorization.append(self.headers["Authorization"])
        status, kind, body = self.answers[self.path]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def url() -> Iterator[str]:
    Answers.authorization = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_unknown_person_has_no_record(url: str) -> None:
    Answers.answers = {"/environments/a%2Fb%40example.com": (404, JSON, '{"error":"nobody"}')}
    assert Fleet(url).environment("a/b@example.com") is None


@pytest.mark.parametrize("status", [404, 403])
def test_a_refusal_by_the_platform_is_not_an_answer_of_fleet(url: str, status: int) -> None:
    Answers.answers = {"/environments/a%40example.com": (status, "text/html", "<html>")}
    with pytest.raises(Failed, match="look at: function fleet: its log"):
        Fleet(url).environment("a@example.com")


def test_a_token_that_is_given_is_sent(url: str) -> None:
    Answers.answers = {"/parked?limit=100": (200, JSON, '{"parked":[]}')}
    assert Fleet(url + "/", "a-token").refusal("canary-join-1") == ""
    assert Fleet(url).refusal("canary-join-1") == ""
    assert Answers.authorization == ["Bearer a-token", None]


def test_the_rejection_is_that_of_the_same_event(url: str) -> None:
    parked = [
        {"sample": "canary-join-0", "reason": "old"},
        {"sample": "x canary-join-1 y", "reason": "new"},
    ]
    Answers.answers = {"/parked?limit=100": (200, JSON, json.dumps({"parked": parked}))}
    assert Fleet(url).refusal("canary-join-1") == "new"


def test_every_page_of_notebooks_is_read(url: str) -> None:
    path = "/v2/projects/p/locations/-/instances?pageToken="
    labels = {"benchkeeper-person": "k"}
    one = {"instances": [{"name": "a"}, {"name": "b", "labels": labels}], "nextPageToken": "2"}
    two = {"instances": [{"name": "c", "labels": labels}]}
    Answers.answers = {path: (200, JSON, json.dumps(one)), path + "2": (200, JSON, json.dumps(two))}
    assert Notebooks(url, "p").notebooks_of("k") == ["b", "c"]
