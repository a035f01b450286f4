"""What the story needs of the running stack: publish, let time pass, ask, look at the cloud.

Everything goes over the wire, as an identity system, a scheduler and an admin would do it.
"""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import quote

import requests

from local.stack import Stack

_PATIENCE_SECONDS = 30.0

Json = dict[str, Any]


class Stage:
    """The stack, seen from outside."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._http = requests.Session()

    def publish(self, topic: str, body: Json | bytes) -> None:
        """Publish one message, as ``gcloud pubsub topics publish`` does."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = {"data": base64.b64encode(data).decode()}
        path = f"/v1/projects/demo/topics/{topic}:publish"
        self._ask("POST", self._stack.local.url + path, json={"messages": [message]})

    def wait(self) -> None:
        """Wait until every message published so far has been handled."""
        if not self._stack.local.pubsub.idle(_PATIENCE_SECONDS):
            raise RuntimeError(
                f"messages are still not handled; see the logs in {self._stack.log_directory}"
            )

    def pass_time(self, span: str) -> None:
        """Move the cloud's clock, let the scheduler's tick fire, and wait for what it sets off."""
        fired = self._ticks()
        self._ask("POST", f"{self._stack.local.url}/_admin/clock", json={"advance": span})
        end = time.monotonic() + _PATIENCE_SECONDS
        while self._ticks() == fired and time.monotonic() < end:
            time.sleep(0.01)
        self.wait()

    def now(self) -> str:
        """The cloud's time, RFC 3339."""
        return str(self._ask("GET", f"{self._stack.local.url}/_admin/clock")["now"])

    def environments(self) -> list[Json]:
        """Every environment, as the fleet function lists them."""
        found: list[Json] = []
        cursor = ""
        while True:
            page = self._ask(
                "GET", f"{self._stack.fleet_url}/environments", params={"cursor": cursor}
            )
            found += page["environments"]
            cursor = page["next_cursor"]
            if not cursor:
                return found

    def environment(self, email: str) -> Json:
        """One person, whole."""
        return self._ask("GET", f"{self._stack.fleet_url}/environments/{quote(email)}")

    def parked(self) -> list[Json]:
        """The events that were refused."""
        return list(self._ask("GET", f"{self._stack.fleet_url}/parked")["parked"])

    def resources(self, kind: str) -> list[Json]:
        """What really is in the cloud, asked through its back door."""
        answer = self._ask(
            "GET", f"{self._stack.local.url}/_admin/resources", params={"kind": kind}
        )
        return list(answer["resources"])

    def calls(self) -> dict[str, int]:
        """How often each API method was called."""
        answer = self._ask("GET", f"{self._stack.local.url}/_admin/calls/counts")
        return dict(answer["counts"])

    def _ticks(self) -> int:
        return sum(int(job["statistics"]["fired"]) for job in self.resources("scheduler.job"))

    def _ask(self, method: str, url: str, **options: Any) -> Json:
        answer = self._http.request(method, url, timeout=_PATIENCE_SECONDS, **options)
        answer.raise_for_status()
        return dict(answer.json())
