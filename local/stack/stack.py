"""The product on a laptop: the local cloud, the functions as real servers, and the wiring.

What Terraform does for a project (topics, push subscriptions, buckets, the scheduler's job, the
settings of the functions, an account for each and what it may do), this does for the local cloud,
from the same files. The functions run unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from local.iam.needs import Needs
from local.pubsub.model import WRAPPED
from local.server import LocalCloud
from local.stack.deployment import functions, grants, permitted
from local.stack.function_servers import FunctionServers, Target, base_environment
from local.stack.gcloud_endpoints import gcloud_endpoints
from local.stack.ports import CannotStart, fixed_ports, free_ports
from local.stack.start_check import faults_at_start

if TYPE_CHECKING:
    from local.cloud import Cloud
    from local.stack.firestore_proxy import FirestoreGate

SOURCE = Path(__file__).parents[2] / "main.py"
PROFILES = Path(__file__).parents[2] / "infra" / "profiles"

_ANNOUNCEMENTS = "environment-events"
_DEAD_LETTERS = "dead-letters"
_ACK_DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class _Ports:
    """Beside the port of the cloud: its gRPC, one a function, and two a function's account."""

    grpc: int
    functions: Sequence[int]
    accounts: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, first: int, names: Sequence[str]) -> Self:
        """Fixed ones in a row after ``first``; for 0 free ones. Raises ``CannotStart``."""
        count = len(names)
        if not first:
            return cls(0, free_ports(count), dict.fromkeys(names, (0, 0)))
        ports = fixed_ports(first, 2 + 3 * count)
        pairs = zip(ports[2 + count :: 2], ports[3 + count :: 2], strict=True)
        return cls(ports[1], ports[2 : 2 + count], dict(zip(names, pairs, strict=True)))


class Stack:
    """Start it, publish events, ask ``fleet_url``; stop it.

    ``workdir`` gets the state (an SQLite file), the servers' logs and nothing else.
    ``port``: the first of a run of fixed ports, or 0 for free ones; a taken one is ``CannotStart``.
    ``profiles``: a directory; the functions read it as it is, so a change is in force at once.
    ``region``: where the site is, with the zones of its profiles.
    ``tick_seconds``: how often the scheduler publishes the tick, on the cloud's clock; 0 for never.
    ``firestore``: where Google's emulator of it answers, to keep the state there; '' for SQLite.
    """

    def __init__(  # noqa: PLR0913 - what a deployment can choose, each with its default
        self,
        workdir: Path,
        *,
        project: str = "demo",
        domains: str = "example.com",
        port: int = 0,
        tick_seconds: float = 60.0,
        max_delivery_attempts: int = 10,
        profiles: Path = PROFILES,
        region: str = "us-central1",
        firestore: str = "",
    ) -> None:
        self._entries = functions()
        names = [entry.name for entry in self._entries]
        ports = _Ports.of(port, names)
        self.local = LocalCloud(project, port=port, grpc_port=ports.grpc, accounts=ports.accounts)
        self.local.cloud.accounts.needs = Needs.of_environment()
        self._gate = _gate(firestore, self.local.cloud, names) if firestore else None
        self._workdir = workdir
        self._project = project
        self._domains = domains
        self._tick_seconds = tick_seconds
        self._max_delivery_attempts = max_delivery_attempts
        self._profiles = profiles
        self._region = region
        self._is_checked = False
        self._targets = {
            entry.name: Target(entry.name, "cloudevent" if entry.topic else "http", number)
            for entry, number in zip(self._entries, ports.functions, strict=True)
        }

    def faults(self) -> list[str]:
        """What keeps it from starting, settings and profiles alike; [] if it can start.

        The profiles that were found right are in force from now on. To be asked before ``start``.
        """
        self._workdir.mkdir(parents=True, exist_ok=True)
        for stale in self._workdir.glob("state.db*"):
            stale.unlink()  # the cloud starts empty, so the state must be empty too
        # As it was given, so that messages name it so; relative to where this process runs, too.
        found = faults_at_start(self._settings() | {"PROFILES": f"file:{self._profiles}"})
        self._is_checked = not found
        return found

    def start(self) -> None:
        """Start and connect everything; raises ``CannotStart`` with all that is wrong."""
        if not self._is_checked and (found := self.faults()):
            raise CannotStart("; ".join(found))
        self.local.start()
        if self._gate is not None:
            self._gate.start()
        self.local.storage.make_bucket(f"{self._project}-templates")
        for name in self._targets:
            self._grant(name)
        self._functions = FunctionServers(
            SOURCE, list(self._targets.values()), self.environment, self._workdir / "logs"
        )
        try:
            self._functions.start()
        except BaseException:
            self.stop()
            raise
        self._wire_pubsub()

    def stop(self) -> None:
        """Stop the cloud's deliveries first, so that no server is asked while it ends."""
        self.local.stop()
        self._functions.stop()
        if self._gate is not None:
            self._gate.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def fleet_url(self) -> str:
        """Where the ``fleet`` function answers."""
        return self._targets["fleet"].url

    @property
    def log_directory(self) -> Path:
        """One log a function, JSON lines."""
        return self._workdir / "logs"

    def environment(self, function: str) -> dict[str, str]:
        """The environment of a function; a deployment sets the same names.

        Its endpoints are those of its own account.
        """
        url, grpc = self.local.url_of(function), self.local.grpc_address_of(function)
        environ = self._settings() | {
            "COMPUTE_ENDPOINT": url,
            "NOTEBOOKS_ENDPOINT": url,
            "NOTEBOOKS_V1_ENDPOINT": f"http://{grpc}",
            "DATAPROC_ENDPOINT": url,
            "CLOCK_ENDPOINT": f"{self.local.url}/_admin/clock",
            "STORAGE_EMULATOR_HOST": url,
            "PUBSUB_EMULATOR_HOST": grpc,
        }
        if self._gate is not None:
            environ["STATE"] = "firestore:(default)"
            environ["FIRESTORE_EMULATOR_HOST"] = self._gate.addresses[function]
        return environ

    def _grant(self, function: str) -> None:
        """Give the account of a function what `infra/grants.yaml` says, and nothing else."""
        environ = self.environment(function)
        on = {"older_kinds"} if environ.get("OLDER_KINDS", "").lower() in ("on", "true") else set()
        places = {f"bucket/{environ['TEMPLATES_BUCKET']}": "templates"}
        profiles = environ["PROFILES"].removeprefix("gs://")
        if profiles != environ["PROFILES"]:
            places[f"bucket/{profiles.partition('/')[0]}"] = "profiles"
        self.local.cloud.accounts.grant(function, permitted(function, grants(), on), places)

    def _settings(self) -> dict[str, str]:
        """The environment without the endpoints, which are known when the cloud has started."""
        environ = base_environment() | {
            "PROJECT": self._project,
            "REGION": self._region,
            "ALLOWED_DOMAINS": self._domains,
            "STATE": f"sqlite:{self._workdir / 'state.db'}",
            "PROFILES": f"file:{self._profiles.resolve()}",
            "TEMPLATES_BUCKET": f"{self._project}-templates",
        }
        ours = ("_ENDPOINT", "_EMULATOR_HOST")
        return {name: value for name, value in environ.items() if not name.endswith(ours)}

    def gcloud_environment(self) -> dict[str, str]:
        """What points ``gcloud``, Google's clients and a person's shell at this stack."""
        return gcloud_endpoints(self.local.url) | {
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "True",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "True",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "True",
            "CLOUDSDK_CORE_PROJECT": self._project,
            "FLEET_URL": self.fleet_url,
            "LOCAL_CLOUD_URL": self.local.url,
            "NOTEBOOKS_ENDPOINT": self.local.url,
            "PUBSUB_EMULATOR_HOST": self.local.grpc_address,
        }

    def _wire_pubsub(self) -> None:
        pubsub = self.local.pubsub
        # Announcements are for others to act on; here they wait to be read.
        pubsub.create_topic(_ANNOUNCEMENTS)
        pubsub.subscribe(_ANNOUNCEMENTS, name=_ANNOUNCEMENTS)
        pubsub.create_topic(_DEAD_LETTERS)
        pubsub.subscribe(_DEAD_LETTERS, name=_DEAD_LETTERS)
        for entry in self._entries:
            if entry.topic is None:
                continue
            topic = pubsub.create_topic(entry.topic)
            # As it is deployed: a plain push, whose path names the topic.
            pubsub.subscribe(
                entry.topic,
                f"{self._targets[entry.name].url}/{topic}",
                name=entry.name,
                format=WRAPPED,
                ack_deadline_seconds=_ACK_DEADLINE_SECONDS,
                dead_letter_topic=_DEAD_LETTERS,
                max_delivery_attempts=self._max_delivery_attempts,
            )
        if self._tick_seconds:
            self.local.scheduler.every(
                self._tick_seconds, "reconcile", b'{"scope": "due"}', name="minute-tick"
            )


def _gate(firestore: str, cloud: Cloud, accounts: Sequence[str]) -> FirestoreGate:
    # Imports that only those pay whose state is there.
    from local.stack.firestore_proxy import FirestoreGate

    return FirestoreGate(firestore, cloud, accounts)
