"""The canary's hands: Pub/Sub, ``fleet`` and the Notebooks API, through Google's own clients.

``PUBSUB_EMULATOR_HOST`` is Google's own variable; an endpoint with ``http://`` is asked without
credentials, one with ``https://`` with those of the environment.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import google.auth
import requests
from google.api_core.exceptions import DeadlineExceeded, ServiceUnavailable
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import pubsub_v1
from google.oauth2 import id_token
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tools.canary.advice import ABOUT_FLEET
from tools.canary.course import Failed

Json = dict[str, Any]

FLEET_IS_MUTE = "fleet does not answer as it should"
_SECONDS = 30.0  # of one request
_CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


class PubSub:
    """Publishes, and reads announcements through a subscription that ends with the ``with`` body.

    A run that is killed leaves its subscription behind: it expires after a day without a reader.
    """

    def __init__(self, project: str, announcements: str, run_id: str) -> None:
        self._project = project
        self._publisher = pubsub_v1.PublisherClient()
        self._subscriber = pubsub_v1.SubscriberClient()
        self._topic = f"projects/{project}/topics/{announcements}"
        self._subscription = f"projects/{project}/subscriptions/canary-{run_id}"

    def __enter__(self) -> Self:
        request = {
            "name": self._subscription,
            "topic": self._topic,
            "ack_deadline_seconds": 30,
            "message_retention_duration": timedelta(hours=1),
            "expiration_policy": {"ttl": timedelta(days=1)},
        }
        self._subscriber.create_subscription(request=request, timeout=_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            name = self._subscription
            self._subscriber.delete_subscription(subscription=name, timeout=_SECONDS)
        finally:
            self._subscriber.close()
            self._publisher.stop()

    def publish(self, topic: str, event: Json) -> None:
        """Publish one event; returns when Pub/Sub has taken it."""
        path = f"projects/{self._project}/topics/{topic}"
        self._publisher.publish(path, json.dumps(event).encode()).result(timeout=_SECONDS)

    def receive(self, seconds: float) -> Sequence[Json]:
        """The announcements that came since the last call; waits at most so long for one."""
        name = self._subscription
        try:
            answer = self._subscriber.pull(
                subscription=name, max_messages=100, timeout=seconds, retry=None
            )
        except (DeadlineExceeded, ServiceUnavailable):
            return []
        if ids := [received.ack_id for received in answer.received_messages]:
            self._subscriber.acknowledge(subscription=name, ack_ids=ids, timeout=_SECONDS)
        return [json.loads(received.message.data) for received in answer.received_messages]


class Fleet:
    """Asks the ``fleet`` function at ``url``.

    ``token`` is an identity token for it, if the environment's credentials can't get one: those of
    a person can't.
    """

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url.rstrip("/")
        if token or not url.startswith("https://"):
            self._session = requests.Session()
            self._session.headers.update({"Authorization": f"Bearer {token}"} if token else {})
        else:
            make: Any = id_token.fetch_id_token_credentials  # google-auth has types, not here
            self._session = _authorized(make(self._url, Request()))
        # A cold start, or no instance free just now.
        again = Retry(total=4, backoff_factor=1, status_forcelist=(429, 500, 502, 503, 504))
        self._session.mount(self._url, HTTPAdapter(max_retries=again))

    def environment(self, email: str) -> Json | None:
        """The person's record; None if there is none."""
        return self._ask(f"/environments/{quote(email, safe='')}")

    def leaving(self, email: str) -> Json | None:
        """The newest leaving record; None if there is none."""
        answer = self._ask(f"/environments/{quote(email, safe='')}/leaving")
        return dict(answer["leavings"][0]) if answer and answer["leavings"] else None

    def refusal(self, event_id: str) -> str:
        """Why the event was parked; '' if it is not among the newest that were."""
        answer = self._ask("/parked?limit=100") or {"parked": []}
        return next((str(p["reason"]) for p in answer["parked"] if event_id in p["sample"]), "")

    def _ask(self, path: str) -> Json | None:
        json_please = {"Accept": "application/json"}
        try:
            answer = self._session.get(self._url + path, timeout=_SECONDS, headers=json_please)
            # A 404 that is not fleet's own JSON is of the platform: a wrong URL, or no way in.
            is_own = answer.headers.get("Content-Type", "").startswith("application/json")
            if answer.status_code == 404 and is_own:
                return None
            answer.raise_for_status()
            return dict(answer.json())
        except requests.RequestException as error:
            raise Failed(f"{FLEET_IS_MUTE}: {error}\n  look at: {ABOUT_FLEET}") from error


def fetch_identity_token(audience: str) -> str:
    """A token for ``audience``; raises ``GoogleAuthError`` if the credentials can't get one."""
    fetch: Any = id_token.fetch_id_token  # as above
    return str(fetch(Request(), audience))


class Notebooks:
    """Lists notebooks through Notebooks v2, in all zones of ``project``."""

    def __init__(self, endpoint: str, project: str) -> None:
        self._url = f"{endpoint.rstrip('/')}/v2/projects/{project}/locations/-/instances"
        if endpoint.startswith("https://"):
            credentials, _ = google.auth.default(scopes=[_CLOUD_PLATFORM])
            self._session = _authorized(credentials)
        else:
            self._session = requests.Session()

    def notebooks_of(self, key: str) -> Sequence[str]:
        """The names of the notebooks whose label says they are this person's."""
        names: list[str] = []
        token = ""
        while True:
            answer = self._session.get(self._url, params={"pageToken": token}, timeout=_SECONDS)
            answer.raise_for_status()
            page = answer.json()
            for one in page.get("instances", []):
                if one.get("labels", {}).get("benchkeeper-person") == key:
                    names.append(str(one["name"]))
            token = page.get("nextPageToken", "")
            if not token:
                return names


def _authorized(credentials: Any) -> requests.Session:
    make: Any = AuthorizedSession  # as above
    session: requests.Session = make(credentials)
    return session
