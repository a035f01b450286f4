"""Client of a running stack for the integration tests.

Publishes messages, advances the clock, scripts faults and reads the logs. Adds to the demo's
``Stage`` what only tests need. Must not know the code of the functions. Waits until a condition is
true, never for a fixed time.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
import yaml

from demo.stage import Json, Stage
from local.stack.stack import Stack

TIMEOUT_SECONDS = 30.0
MAX_TICKS = 15  # of a minute each, within which an environment must reach its phase

T = TypeVar("T")


def eventually(condition: Callable[[], T], what: str, *, seconds: float = TIMEOUT_SECONDS) -> T:
    """The first true result of ``condition``; the error after ``seconds`` names ``what``."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s; last: {result!r}"
        time.sleep(0.01)
    return result


class Client(Stage):
    """One stack, from outside: every method sends a request or reads a log file."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        self.stack = stack
        self.http = self._http
        self.cloud_url = stack.local.url

    def close(self) -> None:
        self._http.close()

    # Publishing

    def send(self, topic: str, *bodies: Json | bytes, attributes: Json | None = None) -> list[str]:
        """Publish ``bodies`` in one request; returns the message ids."""
        messages: list[Json] = []
        for body in bodies:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            message = {"data": base64.b64encode(data).decode(), "attributes": attributes}
            messages.append({name: value for name, value in message.items() if value})
        url = f"{self.cloud_url}/v1/projects/demo/topics/{topic}:publish"
        return list(self._ask("POST", url, json={"messages": messages})["messageIds"])

    def join(self, email: str, **fields: Any) -> str:
        """Publish a join and wait until it is processed; returns the message id."""
        (message_id,) = self.send("onboarding", {"email": email, **fields})
        self.wait()
        return message_id

    def leave(self, email: str, **fields: Any) -> str:
        """Publish a leave and wait until it is processed; returns the message id."""
        (message_id,) = self.send("offboarding", {"email": email, **fields})
        self.wait()
        return message_id

    def command(self, action: str, email: str, **fields: Any) -> str:
        """Publish an admin event and wait until it is processed; returns the message id."""
        body = {"action": action, "email": email, "reason": "because", **fields}
        (message_id,) = self.send("admin-events", body)
        self.wait()
        return message_id

    def start_cluster(self, email: str, template: str = "small") -> str:
        """Create a cluster from the person's template, as ``clusters import`` does; its name."""
        key = self.environment(email)["key"]
        path = quote(f"people/{key}/{template}.yaml", safe="")
        url = f"{self.cloud_url}/storage/v1/b/demo-templates/o/{path}"
        text = self._http.get(url, params={"alt": "media"}, timeout=TIMEOUT_SECONDS).text
        clusters = "projects/demo/regions/us-central1/clusters"
        body = yaml.safe_load(text) | {"projectId": "demo", "clusterName": f"c-{key}"}
        self._ask("POST", f"{self.cloud_url}/v1/{clusters}", json=body)
        return f"{clusters}/c-{key}"

    # Time

    def advance(self, span: str) -> None:
        """Advance the clock of the local cloud, and nothing else."""
        self._ask("POST", f"{self.cloud_url}/_admin/clock", json={"advance": span})

    def tick(self, span: str = "60s") -> None:
        """Advance the clock, publish the scheduler's message, wait until all is processed."""
        self.advance(span)
        self.send("reconcile", {"scope": "due"})
        self.wait()

    def until(
        self, email: str, phase: str, *, health: str = "ok", max_ticks: int = MAX_TICKS
    ) -> Json:
        """Tick until the person's environment is in ``phase`` and ``health``; returns it."""
        for _ in range(max_ticks):
            environment = self.environment(email)
            if (environment["phase"], environment["health"]) == (phase, health):
                return environment
            self.tick()
        raise AssertionError(
            f"{email} is not {phase} and {health} after {max_ticks} ticks: {environment}"
        )

    # State

    def actions_of(self, email: str) -> list[str]:
        """The actions in the history of a person, oldest first."""
        return [entry["action"] for entry in reversed(self.environment(email)["history"])]

    def notebooks_of(self, email: str) -> list[Json]:
        """The person's notebooks in the local cloud."""
        return [n for n in self.resources("notebooks.instance") if n["instanceOwners"] == [email]]

    def find(self, kind: str, name: str) -> Json:
        """The resource with this name in the local cloud, or {}."""
        return next((r for r in self.resources(kind) if r["name"] == name), {})

    def snapshots_of(self, email: str) -> list[Json]:
        """The person's snapshots in the local cloud."""
        key = self.environment(email)["key"]
        found = self.resources("compute.snapshot")
        return [s for s in found if s["labels"]["benchkeeper-person"] == key]

    def calls_of(self, service: str, method: str, *, target: str = "") -> list[Json]:
        """The calls of one API method on resources with ``target`` in their name."""
        query = {"service": service, "method": method}
        found = self._ask("GET", f"{self.cloud_url}/_admin/calls", params=query)["calls"]
        return [call for call in found if target in call["target"]]

    def subscription(self, name: str) -> Json:
        """A subscription with its statistics."""
        found = self.resources("pubsub.subscription")
        return next(one for one in found if one["name"].endswith(f"/{name}"))

    def failed(self, name: str) -> int:
        """How many deliveries of a subscription were not acknowledged."""
        return int(self.subscription(name)["statistics"]["failed"])

    def dead_lettered(self) -> int:
        """How many messages of all subscriptions were dead-lettered."""
        found = self.resources("pubsub.subscription")
        return sum(one["statistics"]["deadLettered"] for one in found)

    def log(self, function: str, **fields: str) -> list[Json]:
        """The JSON log lines of a function whose fields have these values."""
        lines = (self.stack.log_directory / f"{function}.log").read_text().splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [e for e in entries if all(e.get(k) == v for k, v in fields.items())]

    def workers(self, function: str) -> list[int]:
        """The ids of the worker processes of a function's server."""
        endpoint = str(self.subscription(function)["pushConfig"]["pushEndpoint"])
        port = urlsplit(endpoint).port
        listing = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="],
            capture_output=True,
            text=True,
            check=True,
        )
        rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
        ours = [row for row in rows if f"--port={port}" in row[-1].split()]
        servers = {pid for pid, parent, _ in ours if int(parent) == os.getpid()}
        return [int(pid) for pid, parent, _ in ours if parent in servers]

    # Admin routes of the local cloud

    def set(self, **settings: Any) -> None:
        """Change settings of the local cloud, such as ``operation_seconds``."""
        self._ask("PUT", f"{self.cloud_url}/_admin/settings", json=settings)

    def consent(self, email: str) -> None:
        """Record that the owner has opened the notebook and given consent."""
        body = {"instance": self.notebook(email)["name"], "given": True}
        self._ask("PUT", f"{self.cloud_url}/_admin/consents", json=body)

    def add_fault(self, **spec: Any) -> str:
        """Script a fault; returns its id."""
        return str(self._ask("POST", f"{self.cloud_url}/_admin/faults", json=spec)["id"])

    def hits(self, fault: str) -> int:
        """How often a fault has been injected."""
        faults = self._ask("GET", f"{self.cloud_url}/_admin/faults")["faults"]
        return next(int(one["hits"]) for one in faults if one["id"] == fault)

    @contextmanager
    def fault(self, **spec: Any) -> Iterator[str]:
        """Script a fault for the ``with`` block; fails if it was never injected."""
        made = self.add_fault(**spec)
        try:
            yield made
            assert self.hits(made), f"the fault {spec} was never injected"
        finally:
            self._ask("DELETE", f"{self.cloud_url}/_admin/faults/{made}")

    def ask(self, path: str, **params: str) -> requests.Response:
        """The response of ``fleet``, with any status."""
        url = self.stack.fleet_url + path
        return self._http.get(url, params=params, timeout=TIMEOUT_SECONDS)
