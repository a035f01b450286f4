"""An event for each entry point that is real work for it, and the people whom it is about.

Somebody new joins, somebody with everything leaves, somebody is held, somebody's notebook has got
ready meanwhile, somebody is due, all are listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from bench import events
from bench.cloud import Cloud
from bench.product import Earlier, converge, onboard, serving
from bench.servers import Request
from shared.domain.names import person_key

_TOPICS = {"onboard": "onboarding", "offboard": "offboarding", "admin": "admin-events"}
_JOINED, _SETTLED = timedelta(hours=2), timedelta(hours=1)


class Work:
    """Requests to entry points that work with ``settings``; ``name`` keeps its people apart."""

    def __init__(self, cloud: Cloud, settings: Mapping[str, str], name: str) -> None:
        self._settings = settings
        self._name = name
        cloud.operations_take(0)  # done by the time somebody looks

    def prepare(self, numbers: Iterable[int]) -> None:
        """Bring the people of ``numbers`` as far as their events want them.

        Done in the past, so that what is to be looked at later is to be looked at now.
        """
        numbers = list(numbers)
        settled = [self._email(target, n) for target in ("offboard", "admin") for n in numbers]
        with serving(self._settings, lambda given: Earlier(given, _JOINED)) as app:
            for email in [*settled, *(self._email("converge", number) for number in numbers)]:
                body = events.join(email, app.clock.now())
                onboard(events.cloud_event("onboarding", body, f"before-{email}"))
        with serving(self._settings, lambda given: Earlier(given, _SETTLED)):
            for email in settled:
                body = {"key": person_key(email)}
                converge(events.cloud_event("converge", body, f"settle-{email}"))

    def request(self, target: str, number: int) -> Request:
        """What ``target`` is asked, about a person of its own for each ``number``."""
        if target == "fleet":
            return Request("/environments")
        email = self._email(target, number)
        bodies: dict[str, events.Json] = {
            "onboard": events.join(email),
            "offboard": events.leave(email),
            "admin": {"action": "hold", "email": email, "reason": "a lawsuit"},
            "converge": {"key": person_key(email)},
            "reconcile": {"scope": "due"},
        }
        return pushed(_TOPICS.get(target, target), bodies[target], f"{target}-{email}")

    def _email(self, target: str, number: int) -> str:
        return f"{target}-{self._name}-{number + 1}@example.com"


def pushed(topic: str, body: events.Json, message_id: str) -> Request:
    """The request of a push subscription whose path names ``topic``."""
    path = f"/projects/bench/topics/{topic}"
    headers = {"Content-Type": "application/json"}
    return Request(path, headers, events.envelope(body, message_id))
