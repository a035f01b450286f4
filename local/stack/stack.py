"""The product on a laptop: the local cloud, and the functions as real servers, connected to it.

It sets up in the local cloud what Terraform sets up in a project, from the same files: topics, push
subscriptions, buckets, the scheduler's job, the settings of the functions, and an account with its
permissions for each. The functions run unchanged.
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
from local.stack.start_check import start_errors

if TYPE_CHECKING:
    from local.cloud import Cloud
    from local.stack.firestore_proxy import FirestoreProxy

SOURCE = Path(__file__).parents[2] / "main.py"
PROFILES = Path(__file__).parents[2] / "infra" / "profiles"

_ANNOUNCEMENTS = "environment-events"
_DEAD_LETTERS = "dead-letters"
_ACK_DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class _Ports:
    """The cloud's gRPC port, one port per function, and two per function's account."""

    grpc: int
    functions: Sequence[int]
    accounts: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, first: int, names: Sequence[str]) -> Self:
        """Consecutive ports after ``first``; for 0, free ports. Raises ``CannotStart``."""
        count = len(names)
        if not first:
            return cls(0, free_ports(count), dict.fromkeys(names, (0, 0)))
        ports = fixed_ports(first, 2 + 3 * count)
        pairs = zip(ports[2 + count :: 2], ports[3 + count :: 2], strict=True)
        return cls(ports[1], ports[2 : 2 + count], dict(zip(names, pairs, strict=True)))


class Stack:
    """Start it, publish events, read ``fleet_url``, stop it.

    ``workdir``: for the state (an SQLite file) and the servers' logs.
    ``port``: the first of several fixed ports, or 0 for free ones.
    ``profiles``: a directory; the functions read it directly, so a change is in force at once.
    ``region``: the region of the site and of the zones in its profiles.
    ``tick_seconds``: the interval of the scheduler's tick, on the cloud's clock; 0 for no ticks.
    ``firestore``: address of Google's Firestore emulator, to keep the state there; '' for SQLite.
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
        self._firestore_proxy = (
            _firestore_proxy(firestore, self.local.cloud, names) if firestore else None
        )
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

    def start_errors(self) -> list[str]:
        """Errors in settings and profiles that prevent a start; [] if it can start.

        Call it before ``start``. Valid profiles are in force from then on.
        """
        self._workdir.mkdir(parents=True, exist_ok=True)
        for stale in self._workdir.glob("state.db*"):
            stale.unlink()  # the cloud starts empty, so the state must be empty too
        # Not resolved, so that messages have the path as it was given.
        found = start_errors(self._settings() | {"PROFILES": f"file:{self._profiles}"})
        self._is_checked = not found
        return found

    def start(self) -> None:
        """Start and connect everything; raises ``CannotStart`` with all errors."""
        if not self._is_checked and (found := self.start_errors()):
            raise CannotStart("; ".join(found))
        self.local.start()
        if self._firestore_proxy is not None:
            self._firestore_proxy.start()
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
        """Stop the cloud first, so that no function is called while it ends."""
        self.local.stop()
        self._functions.stop()
        if self._firestore_proxy is not None:
            self._firestore_proxy.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def fleet_url(self) -> str:
        """URL of the ``fleet`` function."""
        return self._targets["fleet"].url

    @property
    def log_directory(self) -> Path:
        """One log file per function, in JSON lines."""
        return self._workdir / "logs"

    def environment(self, function: str) -> dict[str, str]:
        """The environment variables of a function, the same as in a deployment.

        The endpoints are those of the function's account.
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
        if self._firestore_proxy is not None:
            environ["STATE"] = "firestore:(default)"
            environ["FIRESTORE_EMULATOR_HOST"] = self._firestore_proxy.addresses[function]
        return environ

    def _grant(self, function: str) -> None:
        """Grant the account of a function what `infra/grants.yaml` says."""
        environ = self.environment(function)
        on = {"older_kinds"} if environ.get("OLDER_KINDS", "").lower() in ("on", "true") else set()
        places = {f"bucket/{environ['TEMPLATES_BUCKET']}": "templates"}
        profiles = environ["PROFILES"].removeprefix("gs://")
        if profiles != environ["PROFILES"]:
            places[f"bucket/{profiles.partition('/')[0]}"] = "profiles"
        self.local.cloud.accounts.grant(function, permitted(function, grants(), on), places)

    def _settings(self) -> dict[str, str]:
        """The variables without the endpoints, which are known only after the cloud has started."""
        environ = base_environment() | {
            "PROJECT": self._project,
            "REGION": self._region,
            "ALLOWED_DOMAINS": self._domains,
            "STATE": f"sqlite:{self._workdir / 'state.db'}",
            "PROFILES": f"file:{self._profiles.resolve()}",
            "TEMPLATES_BUCKET": f"{self._project}-templates",
        }
        endpoints = ("_ENDPOINT", "_EMULATOR_HOST")
        return {name: value for name, value in environ.items() if not name.endswith(endpoints)}

    def gcloud_environment(self) -> dict[str, str]:
        """Variables that point ``gcloud``, Google's clients and a shell at this stack."""
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
        # Announcements have no consumer here; a pull subscription keeps them.
        pubsub.create_topic(_ANNOUNCEMENTS)
        pubsub.subscribe(_ANNOUNCEMENTS, name=_ANNOUNCEMENTS)
        pubsub.create_topic(_DEAD_LETTERS)
        pubsub.subscribe(_DEAD_LETTERS, name=_DEAD_LETTERS)
        for entry in self._entries:
            if entry.topic is None:
                continue
            topic = pubsub.create_topic(entry.topic)
            # As deployed: a wrapped push whose path has the topic's name.
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


def _firestore_proxy(firestore: str, cloud: Cloud, accounts: Sequence[str]) -> FirestoreProxy:
    # Imported only if the state is in Firestore: the import is slow.
    from local.stack.firestore_proxy import FirestoreProxy

    return FirestoreProxy(firestore, cloud, accounts)
