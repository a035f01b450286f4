"""The running stack as a test sees it: publish, let time pass, script faults, read the logs.

Adds to the demo's ``Stage`` what only tests need. Knows nothing of what the functions do inside;
it waits for something to become true, never for a time to pass.
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

PATIENCE_SECONDS = 30.0
TURNS = 15  # of a minute each, until an environment has to be where it should be

T = TypeVar("T")


def eventually(look: Callable[[], T], what: str, *, seconds: float = PATIENCE_SECONDS) -> T:
    """The first true answer of ``look``; fails saying ``what`` never came."""
    end = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s; last: {answer!r}"
        time.sleep(0.01)
    return answer


class Client(Stage):
    """One stack, seen from outside; every method goes over the wire or reads a log file."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        self.stack = stack
        self.http = self._http
        self.cloud_url = stack.local.url

    def close(self) -> None:
        self._http.close()

    # Publishing

    def send(self, topic: str, *bodies: Json | bytes, attributes: Json | None = None) -> list[str]:
        """Publish ``bodies`` in one request; their message ids."""
        messages: list[Json] = []
        for body in bodies:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            message = {"data": base64.b64encode(data).decode(), "attributes": attributes}
            messages.append({name: value for name, value in message.items() if value})
        url = f"{self.cloud_url}/v1/projects/demo/topics/{topic}:publish"
        return list(self._ask("POST", url, json={"messages": messages})["messageIds"])

    def join(self, email: str, **fields: Any) -> str:
        """Publish a join and wait until it is handled; the message's id."""
        (message_id,) = self.send("onboarding", {"email": email, **fields})
        self.wait()
        return message_id

    def leave(self, email: str, **fields: Any) -> str:
        """Publish a leave and wait until it is handled; the message's id."""
        (message_id,) = self.send("offboarding", {"email": email, **fields})
        self.wait()
        return message_id

    def order(self, action: str, email: str, **fields: Any) -> str:
        """Publish an admin's order and wait until it is handled; the message's id."""
        body = {"action": action, "email": email, "reason": "because", **fields}
        (message_id,) = self.send("admin-events", body)
        self.wait()
        return message_id

    def start_cluster(self, email: str, template: str = "small") -> str:
        """A cluster from the person's template, as ``clusters import`` makes it; its name."""
        key = self.environment(email)["key"]
        path = quote(f"people/{key}/{template}.yaml", safe="")
        url = f"{self.cloud_url}/storage/v1/b/demo-templates/o/{path}"
        text = self._http.get(url, params={"alt": "media"}, timeout=PATIENCE_SECONDS).text
        clusters = "projects/demo/regions/us-central1/clusters"
        body = yaml.safe_load(text) | {"projectId": "demo", "clusterName": f"c-{key}"}
        self._ask("POST", f"{self.cloud_url}/v1/{clusters}", json=body)
        return f"{clusters}/c-{key}"

    # Time

    def advance(self, span: str) -> None:
        """Move the cloud's clock and nothing else."""
        self._ask("POST", f"{self.cloud_url}/_admin/clock", json={"advance": span})

    def tick(self, span: str = "60s") -> None:
        """Move the clock, publish the tick as the scheduler does, wait for all it sets off."""
        self.advance(span)
        self.send("reconcile", {"scope": "due"})
        self.wait()

    def until(self, email: str, phase: str, *, turns: int = TURNS) -> Json:
        """Let minutes pass until the person is in ``phase``; their environment."""
        for _ in range(turns):
            environment = self.environment(email)
            if environment["phase"] == phase:
                return environment
            self.tick()
        raise AssertionError(f"{email} isn't {phase} after {turns} minutes but {environment}")

    # Looking

    def told(self, email: str) -> list[str]:
        """The actions of a person's history, oldest first."""
        return [entry["action"] for entry in reversed(self.environment(email)["history"])]

    def notebooks_of(self, email: str) -> list[Json]:
        """The person's notebooks as they are in the cloud."""
        return [n for n in self.resources("notebooks.instance") if n["instanceOwners"] == [email]]

    def find(self, kind: str, name: str) -> Json:
        """The resource of that name as it is in the cloud, or {}."""
        return next((r for r in self.resources(kind) if r["name"] == name), {})

    def snapshots_of(self, email: str) -> list[Json]:
        """The person's snapshots as they are in the cloud."""
        key = self.environment(email)["key"]
        found = self.resources("compute.snapshot")
        return [s for s in found if s["labels"]["benchkeeper-person"] == key]

    def calls_of(self, service: str, method: str, *, target: str = "") -> list[Json]:
        """The calls of one API method about what has ``target`` in its name."""
        query = {"service": service, "method": method}
        found = self._ask("GET", f"{self.cloud_url}/_admin/calls", params=query)["calls"]
        return [call for call in found if target in call["target"]]

    def subscription(self, name: str) -> Json:
        """A subscription with its statistics."""
        found = self.resources("pubsub.subscription")
        return next(one for one in found if one["name"].endswith(f"/{name}"))

    def failed(self, name: str) -> int:
        """How many deliveries of a subscription weren't acknowledged."""
        return int(self.subscription(name)["statistics"]["failed"])

    def dead_lettered(self) -> int:
        """How many messages were given up, over all subscriptions."""
        found = self.resources("pubsub.subscription")
        return sum(one["statistics"]["deadLettered"] for one in found)

    def log(self, function: str, **fields: str) -> list[Json]:
        """The JSON lines a function has logged whose fields have these values."""
        lines = (self.stack.log_directory / f"{function}.log").read_text().splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [e for e in entries if all(e.get(k) == v for k, v in fields.items())]

    def workers(self, function: str) -> list[int]:
        """The processes that serve a function now: the children of its server."""
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

    # Levers

    def set(self, **settings: Any) -> None:
        """Change settings of the local cloud, such as ``operation_seconds``."""
        self._ask("PUT", f"{self.cloud_url}/_admin/settings", json=settings)

    def consent(self, email: str) -> None:
        """Let the owner open their notebook for the first time, and consent."""
        body = {"instance": self.notebook(email)["name"], "given": True}
        self._ask("PUT", f"{self.cloud_url}/_admin/consents", json=body)

    def add_fault(self, **spec: Any) -> str:
        """Script a fault; its id."""
        return str(self._ask("POST", f"{self.cloud_url}/_admin/faults", json=spec)["id"])

    def hits(self, fault: str) -> int:
        """How often a fault has struck."""
        faults = self._ask("GET", f"{self.cloud_url}/_admin/faults")["faults"]
        return next(int(one["hits"]) for one in faults if one["id"] == fault)

    @contextmanager
    def fault(self, **spec: Any) -> Iterator[str]:
        """Script a fault for the ``with`` body; one that never struck has tested nothing."""
        made = self.add_fault(**spec)
        try:
            yield made
            assert self.hits(made), f"the fault {spec} was never hit"
        finally:
            self._ask("DELETE", f"{self.cloud_url}/_admin/faults/{made}")

    def ask(self, path: str, **params: str) -> requests.Response:
        """What ``fleet`` answers, whatever its status."""
        url = self.stack.fleet_url + path
        return self._http.get(url, params=params, timeout=PATIENCE_SECONDS)
