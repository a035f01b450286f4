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

from local.stack.stack import Stack

_PATIENCE_SECONDS = 30.0
_REGION = "us-central1"

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

    def leaving(self, email: str) -> Json:
        """The leaving record of a person's last departure."""
        answer = self._ask("GET", f"{self._stack.fleet_url}/environments/{quote(email)}/leaving")
        return dict(answer["leavings"][0])

    def parked(self) -> list[Json]:
        """The events that were refused."""
        return list(self._ask("GET", f"{self._stack.fleet_url}/parked")["parked"])

    def resources(self, kind: str) -> list[Json]:
        """What really is in the cloud, asked through its back door."""
        answer = self._ask(
            "GET", f"{self._stack.local.url}/_admin/resources", params={"kind": kind}
        )
        return list(answer["resources"])

    def notebook(self, email: str) -> Json:
        """The person's notebook as it is in the cloud, or {}."""
        found = (n for n in self.resources("notebooks.instance") if n["instanceOwners"] == [email])
        return next(found, {})

    def write_work(self, email: str, work: str) -> None:
        """Let ``work`` be what is on the data disk of the person's notebook."""
        self._ask("PUT", self._data_disk(email), json={"content": work})

    def read_work(self, email: str) -> str:
        """What is on the data disk of the person's notebook."""
        return str(self._ask("GET", self._data_disk(email))["content"])

    def start_session(self, email: str) -> str:
        """A Spark session from the person's template, as their notebook starts it; its name."""
        key = self.environment(email)["key"]
        parent = f"projects/demo/locations/{_REGION}"
        name = f"{parent}/sessions/s-{key}"
        self._ask(
            "POST",
            f"{self._stack.local.url}/v1/{parent}/sessions",
            params={"sessionId": f"s-{key}"},
            json={"name": name, "sessionTemplate": f"{parent}/sessionTemplates/st-{key}-spark"},
        )
        return name

    def lack(self, shortages: Json) -> None:
        """From now on these zones have no such machines left: ``{zone: [machine type]}``."""
        self._ask("PUT", f"{self._stack.local.url}/_admin/shortages", json=shortages)

    def calls(self) -> dict[str, int]:
        """How often each API method was called."""
        answer = self._ask("GET", f"{self._stack.local.url}/_admin/calls/counts")
        return dict(answer["counts"])

    def _data_disk(self, email: str) -> str:
        _, _, _, zone, _, instance = str(self.notebook(email)["name"]).split("/")
        return f"{self._stack.local.url}/_admin/disks/{zone}/{instance}-data-workspace"

    def _ticks(self) -> int:
        return sum(int(job["statistics"]["fired"]) for job in self.resources("scheduler.job"))

    def _ask(self, method: str, url: str, **options: Any) -> Json:
        answer = self._http.request(method, url, timeout=_PATIENCE_SECONDS, **options)
        answer.raise_for_status()
        return dict(answer.json())
