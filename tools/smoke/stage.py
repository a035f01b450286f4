"""The local cloud and the deployed entry points, wired as Terraform wires them.

Every topic has a push subscription whose path names the topic; ``fleet`` is asked over HTTP.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import requests

from local.pubsub.model import WRAPPED
from local.server import LocalCloud
from tools.bundle_profiles import bundle
from tools.smoke.entry_points import EntryPoint
from tools.smoke.server import Server

PROJECT = "smoke"
_REGION = "us-central1"
_BUNDLE = "profiles.json"
_PROFILES = Path(__file__).parents[2] / "infra" / "profiles"
_SECONDS = 30.0
_LOOK_SECONDS = 0.5
Json = dict[str, Any]


class Failed(Exception):
    """An entry point did not do what its push asks for; the text says what it did."""


class Stage:
    """``source``: the deployed archive; ``environment``: of Python; ``workdir`` gets the rest."""

    def __init__(
        self, source: Path, environment: Path, entry_points: tuple[EntryPoint, ...], workdir: Path
    ) -> None:
        self.local = LocalCloud(PROJECT)
        self._source = source
        self._environment = environment
        self._entry_points = entry_points
        self._workdir = workdir
        self.servers: dict[str, Server] = {}

    def __enter__(self) -> Self:
        with ExitStack() as started:
            started.enter_context(self.local)
            self._upload_profiles()
            self.local.storage.make_bucket(f"{PROJECT}-templates")
            settings = self._settings()
            for each in self._entry_points:
                server = Server(each, self._source, self._environment, settings, self._workdir)
                self.servers[each.name] = started.enter_context(server)
            for server in self.servers.values():
                server.wait()
            self._wire()
            self._stop = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.close()

    def push(self, topic: str, body: Json | None, **attributes: str) -> str:
        """Publish ``body`` (None: no data) and wait until it is acknowledged; the message's id."""
        data = b"" if body is None else json.dumps(body).encode()
        message_id = self.local.pubsub.publish(topic, data, attributes)
        deadline = time.monotonic() + _SECONDS
        while not self.local.pubsub.idle(_LOOK_SECONDS):
            if (failures := self.failures()) or time.monotonic() > deadline:
                said = "; ".join(failures) or f"not acknowledged in {_SECONDS:.0f} s"
                raise Failed(f"{topic}: {body}: {said}; logs:\n{self._logs()}")
        return message_id

    def advance(self, seconds: float) -> None:
        """Let time pass in the cloud, whose clock the functions go by."""
        url = f"{self.local.url}/_admin/clock"
        requests.post(url, json={"advance": seconds}, timeout=_SECONDS).raise_for_status()

    def fleet(self, path: str) -> Json:
        """What ``fleet`` answers to a GET."""
        answer = requests.get(self.servers["fleet"].url + path, timeout=_SECONDS)
        if not answer.ok:
            raise Failed(f"fleet: {path} is answered {answer.status_code}: {answer.text}")
        return dict(answer.json())

    def failures(self) -> list[str]:
        """Of each subscription that had deliveries refused, how many."""
        found = self.local.pubsub.resources()
        counted = {one["name"]: one["statistics"]["failed"] for one in found if "statistics" in one}
        return [f"{name}: {count} deliveries failed" for name, count in counted.items() if count]

    def _logs(self) -> str:
        return "\n".join(f"{name}: {server.end}" for name, server in self.servers.items())

    def _settings(self) -> dict[str, str]:
        url, address = self.local.url, self.local.grpc_address
        return {
            "PROJECT": PROJECT,
            "REGION": _REGION,
            "ALLOWED_DOMAINS": "example.com",
            "STATE": f"sqlite:{self._workdir / 'state.db'}",
            "PROFILES": f"gs://{PROJECT}-profiles/{_BUNDLE}",
            "TEMPLATES_BUCKET": f"{PROJECT}-templates",
            "COMPUTE_ENDPOINT": url,
            "NOTEBOOKS_ENDPOINT": url,
            "NOTEBOOKS_V1_ENDPOINT": f"http://{address}",
            "DATAPROC_ENDPOINT": url,
            "CLOCK_ENDPOINT": f"{url}/_admin/clock",
            "STORAGE_EMULATOR_HOST": url,
            "PUBSUB_EMULATOR_HOST": address,
        }

    def _upload_profiles(self) -> None:
        self.local.storage.make_bucket(f"{PROJECT}-profiles")
        requests.post(
            f"{self.local.url}/upload/storage/v1/b/{PROJECT}-profiles/o",
            params={"uploadType": "media", "name": _BUNDLE},
            data=bundle(_PROFILES, _REGION),
            timeout=_SECONDS,
        ).raise_for_status()

    def _wire(self) -> None:
        pubsub = self.local.pubsub
        pubsub.create_topic("environment-events")
        for each in self._entry_points:
            if each.topic is not None:
                topic = pubsub.create_topic(each.topic)
                endpoint = f"{self.servers[each.name].url}/{topic}"
                pubsub.subscribe(
                    topic, endpoint, name=each.name, format=WRAPPED, ack_deadline_seconds=60.0
                )
