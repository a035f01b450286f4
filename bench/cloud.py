"""The local cloud in a process of its own, so that its CPU is never counted as ours.

It is what production has and we do not pay for: the other end of every call. Must not know the
product.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from local.functions import base_environment
from local.server import LocalCloud

PROJECT = "bench"
REGION = "us-central1"
PROFILES_BUCKET = f"{PROJECT}-benchkeeper"
TEMPLATES_BUCKET = f"{PROJECT}-templates"
_PROFILES = Path(__file__).parent.parent / "infra" / "profiles"


@dataclass(frozen=True)
class Cloud:
    """Where it is, and what it was asked."""

    url: str
    grpc_address: str
    _http: requests.Session = field(default_factory=requests.Session)

    def calls(self) -> dict[str, int]:
        """How often each API method was called since ``forget_calls``."""
        answer = self._http.get(f"{self.url}/_admin/calls/counts", timeout=10)
        answer.raise_for_status()
        return dict(answer.json()["counts"])

    def forget_calls(self) -> None:
        """Count from nothing again."""
        self._http.delete(f"{self.url}/_admin/calls", timeout=10).raise_for_status()

    def finish_operations_at_once(self) -> None:
        """From now on every long-running operation is done by the time somebody looks."""
        self._http.put(
            f"{self.url}/_admin/settings", json={"operation_seconds": 0}, timeout=10
        ).raise_for_status()

    def settings(self, state: str) -> dict[str, str]:
        """What a function of ours needs in its environment to work on this cloud."""
        return {
            "PROJECT": PROJECT,
            "REGION": REGION,
            "ALLOWED_DOMAINS": "example.com",
            "STATE": state,
            "PROFILES": f"gs://{PROFILES_BUCKET}/profiles",
            "TEMPLATES_BUCKET": TEMPLATES_BUCKET,
            "NOTEBOOKS_ENDPOINT": self.url,
            "DATAPROC_ENDPOINT": self.url,
            "STORAGE_EMULATOR_HOST": self.url,
            "PUBSUB_EMULATOR_HOST": self.grpc_address,
        }


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
    """Serve until standard input ends, so that it never outlives whoever started it."""
    with LocalCloud(PROJECT) as local:
        local.storage.make_bucket(TEMPLATES_BUCKET)
        local.storage.make_bucket(PROFILES_BUCKET)
        local.pubsub.create_topic("converge")
        for file in sorted(_PROFILES.rglob("*.yaml")):
            name = f"profiles/{file.relative_to(_PROFILES).as_posix()}"
            requests.post(
                f"{local.url}/upload/storage/v1/b/{PROFILES_BUCKET}/o",
                params={"uploadType": "media", "name": name},
                data=file.read_bytes(),
                timeout=10,
            ).raise_for_status()
        ends = {"url": local.url, "grpc_address": local.grpc_address}
        print(json.dumps(ends), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
