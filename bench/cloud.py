"""The local cloud in a process of its own, so that its CPU is never counted as ours.

It is what production has and we do not pay for: the other end of every call. Of the product it
knows only the profiles' bundle, which it uploads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from local.server import LocalCloud
from local.stack.function_servers import base_environment
from tools.bundle_profiles import bundle

PROJECT = "bench"
REGION = "us-central1"
PROFILES_BUCKET = f"{PROJECT}-benchkeeper"
TEMPLATES_BUCKET = f"{PROJECT}-templates"
CONVERGE = "converge"
_NO_QUEUE = 500_000
# Those the functions publish to; whoever serves `converge` in process pulls from there.
_TOPICS = (CONVERGE, "environment-events")
_BUNDLE = "profiles.json"
_PROFILES = Path(__file__).parent.parent / "infra" / "profiles"


@dataclass(frozen=True)
class Cloud:
    """Where it is, and what it was asked."""

    url: str
    grpc_address: str
    _http: requests.Session = field(default_factory=requests.Session)

    def calls(self) -> dict[str, int]:
        """How often each API method was called since ``forget_calls``."""
        return dict(self._ask("GET", "/_admin/calls/counts")["counts"])

    def forget_calls(self) -> None:
        """Count from nothing again."""
        self._ask("DELETE", "/_admin/calls")

    def refused(self, service: str) -> int:
        """How many of the calls still remembered were answered with 429."""
        calls = self._ask("GET", "/_admin/calls", params={"service": service})["calls"]
        return sum(call["outcome"] == "RESOURCE_EXHAUSTED" for call in calls)

    def operations_take(self, seconds: float | None) -> None:
        """How long every operation takes from now on; None: as long as its verb does."""
        self._ask("PUT", "/_admin/settings", json={"operation_seconds": seconds})

    def limit(self, quotas: dict[str, dict[str, int]]) -> None:
        """Replace the quotas, in the form of the local cloud's admin route."""
        self._ask("PUT", "/_admin/quotas", json=quotas)

    def now(self) -> datetime:
        """The cloud's time."""
        return datetime.fromisoformat(self._ask("GET", "/_admin/clock")["now"])

    def advance(self, by: timedelta) -> None:
        """Let time pass there."""
        self._ask("POST", "/_admin/clock", json={"advance": max(by.total_seconds(), 0.0)})

    def notebooks(self) -> list[dict[str, Any]]:
        """All there are, in the API's form."""
        found = self._ask("GET", "/_admin/resources", params={"kind": "notebooks.instance"})
        return list(found["resources"])

    def pull(self, most: int) -> list[dict[str, Any]]:
        """The messages that wait for ``converge``, acknowledged: the caller handles them."""
        path = f"/v1/projects/{PROJECT}/subscriptions/{CONVERGE}"
        body = {"maxMessages": most, "returnImmediately": True}
        received = self._ask("POST", f"{path}:pull", json=body).get("receivedMessages", [])
        if received:
            ids = {"ackIds": [each["ackId"] for each in received]}
            self._ask("POST", f"{path}:acknowledge", json=ids)
        return [each["message"] for each in received]

    def settings(self, state: str, creations: int = _NO_QUEUE) -> dict[str, str]:
        """What a function of ours needs in its environment to work on this cloud.

        ``creations``: how many notebooks may be made at once; by itself nobody has to queue.
        """
        return {
            "PROJECT": PROJECT,
            "REGION": REGION,
            "ALLOWED_DOMAINS": "example.com",
            "STATE": state,
            "PROFILES": f"gs://{PROFILES_BUCKET}/{_BUNDLE}",
            "TEMPLATES_BUCKET": TEMPLATES_BUCKET,
            "COMPUTE_ENDPOINT": self.url,
            "NOTEBOOKS_ENDPOINT": self.url,
            "NOTEBOOKS_V1_ENDPOINT": f"http://{self.grpc_address}",
            "DATAPROC_ENDPOINT": self.url,
            "STORAGE_EMULATOR_HOST": self.url,
            "PUBSUB_EMULATOR_HOST": self.grpc_address,
            "CREATIONS_LIMIT": str(creations),
        }

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        answer = self._http.request(method, f"{self.url}{path}", timeout=60, **options)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def running_cloud() -> Iterator[Cloud]:
    """Start one, with the buckets, the shipped profiles and the topics; stop it at the end."""
    command = [sys.executable, "-m", "bench.cloud"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=base_environment()
    ) as process:
        assert process.stdin is not None, "asked for above"
        assert process.stdout is not None, "asked for above"
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the local cloud did not start; its output is above")
        try:
            yield Cloud(**json.loads(line))
        finally:
            process.stdin.close()  # is what it waits for


def main() -> None:
    """Serve until standard input ends, so that it ends with the process that started it."""
    with LocalCloud(PROJECT) as local:
        local.storage.make_bucket(TEMPLATES_BUCKET)
        local.storage.make_bucket(PROFILES_BUCKET)
        for topic in _TOPICS:
            local.pubsub.create_topic(topic)
        local.pubsub.subscribe(CONVERGE, name=CONVERGE, ack_deadline_seconds=600.0)
        requests.post(
            f"{local.url}/upload/storage/v1/b/{PROFILES_BUCKET}/o",
            params={"uploadType": "media", "name": _BUNDLE},
            data=bundle(_PROFILES, REGION),
            timeout=10,
        ).raise_for_status()
        ends = {"url": local.url, "grpc_address": local.grpc_address}
        print(json.dumps(ends), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
