"""The product on a laptop: the local cloud, the functions as real servers, and the wiring.

What Terraform does for a project (topics, push subscriptions, buckets, the scheduler's job, the
settings of the functions), this does for the local cloud. The functions run unchanged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from local.functions import FunctionServers, Target, base_environment
from local.server import LocalCloud
from local.start_check import faults_at_start
from local.starting import CannotStart, fixed_ports, free_ports

SOURCE = Path(__file__).parent.parent / "main.py"
PROFILES = Path(__file__).parent.parent / "infra" / "profiles"

# Each topic has one function behind it, as in the cloud.
_TOPICS = {
    "onboarding": "onboard",
    "offboarding": "offboard",
    "admin-events": "admin",
    "converge": "converge",
    "reconcile": "reconcile",
}
_ANNOUNCEMENTS = "environment-events"
_DEAD_LETTERS = "dead-letters"
_ACK_DEADLINE_SECONDS = 60.0


# Where gcloud's override of an API's endpoint has to point, below the local cloud's URL.
_SERVED = {
    "COMPUTE": "compute/v1/",
    "DATAPROC": "",
    "NOTEBOOKS": "",
    "PUBSUB": "",
    "STORAGE": "storage/v1/",
}
# APIs that a newcomer may try and that are not served: refused here, rather than asked at Google.
_NOT_SERVED = (
    "AIPLATFORM",
    "APPENGINE",
    "ARTIFACTREGISTRY",
    "BATCH",
    "BIGQUERY",
    "BIGTABLEADMIN",
    "CLOUDBILLING",
    "CLOUDBUILD",
    "CLOUDFUNCTIONS",
    "CLOUDKMS",
    "CLOUDRESOURCEMANAGER",
    "CLOUDSCHEDULER",
    "CLOUDTASKS",
    "COMPOSER",
    "CONTAINER",
    "DATAFLOW",
    "DATAPLEX",
    "DNS",
    "EVENTARC",
    "FILE",
    "FIRESTORE",
    "IAM",
    "LOGGING",
    "METASTORE",
    "MONITORING",
    "ORGPOLICY",
    "REDIS",
    "RUN",
    "SECRETMANAGER",
    "SERVICEUSAGE",
    "SPANNER",
    "SQL",
    "VPCACCESS",
    "WORKFLOWS",
)


def gcloud_endpoints(url: str) -> dict[str, str]:
    """The variables by which gcloud sends its requests to the local cloud at ``url``."""
    paths = _SERVED | {api: f"not-served/{api.lower()}/" for api in _NOT_SERVED}
    return {
        f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"{url}/{paths[api]}" for api in sorted(paths)
    }


class Stack:
    """Start it, publish events, ask ``fleet_url``; stop it.

    ``workdir`` gets the state (an SQLite file), the servers' logs and nothing else.
    ``port``: the first of a run of fixed ports, or 0 for free ones; a taken one is ``CannotStart``.
    ``profiles``: a directory; the functions read it as it is, so a change is in force at once.
    ``region``: where the site is, with the zones of its profiles.
    ``tick_seconds``: how often the scheduler publishes the tick, on the cloud's clock; 0 for never.
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
    ) -> None:
        names = [*_TOPICS.values(), "fleet"]
        ports = fixed_ports(port, 2 + len(names))[2:] if port else free_ports(len(names))
        self.local = LocalCloud(project, port=port, grpc_port=port + 1 if port else 0)
        self._workdir = workdir
        self._project = project
        self._domains = domains
        self._tick_seconds = tick_seconds
        self._max_delivery_attempts = max_delivery_attempts
        self._profiles = profiles
        self._region = region
        self._is_checked = False
        self._targets = {
            name: Target(name, "http" if name == "fleet" else "cloudevent", number)
            for name, number in zip(names, ports, strict=True)
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
        self.local.storage.make_bucket(f"{self._project}-templates")
        self._functions = FunctionServers(
            SOURCE, list(self._targets.values()), self.environment(), self._workdir / "logs"
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

    def environment(self) -> dict[str, str]:
        """The environment of the functions; a deployment sets the same names."""
        return self._settings() | {
            "COMPUTE_ENDPOINT": self.local.url,
            "NOTEBOOKS_ENDPOINT": self.local.url,
            "NOTEBOOKS_V1_ENDPOINT": f"http://{self.local.grpc_address}",
            "DATAPROC_ENDPOINT": self.local.url,
            "CLOCK_ENDPOINT": f"{self.local.url}/_admin/clock",
            "STORAGE_EMULATOR_HOST": self.local.url,
            "PUBSUB_EMULATOR_HOST": self.local.grpc_address,
        }

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
        for topic, function in _TOPICS.items():
            pubsub.create_topic(topic)
            pubsub.subscribe(
                topic,
                self._targets[function].url,
                name=function,
                ack_deadline_seconds=_ACK_DEADLINE_SECONDS,
                dead_letter_topic=_DEAD_LETTERS,
                max_delivery_attempts=self._max_delivery_attempts,
            )
        if self._tick_seconds:
            self.local.scheduler.every(
                self._tick_seconds, "reconcile", b'{"scope": "due"}', name="minute-tick"
            )
