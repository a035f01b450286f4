"""From the start of a server's process to its first event done, against a function without a body.

Every entry point gets an event that is real work for it: somebody new joins, somebody with
everything leaves, somebody's notebook has got ready meanwhile, somebody is due, all are listed. The
trivial function is served by the same framework on the same kind of event. Byte code is compiled
by a first start that isn't counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import events
from bench.cloud import Cloud
from bench.product import converge, onboard, serving
from bench.servers import Function, Request, Started, start_cold
from local.functions import base_environment

_MAIN = Path(__file__).parent.parent / "main.py"
ENTRY_POINTS = ("onboard", "offboard", "converge", "reconcile", "fleet")
_TRIVIAL = '''\
"""Does nothing, so that what remains is the server's."""

import functions_framework


@functions_framework.cloud_event
def cloudevent(event):
    """An event done."""


@functions_framework.http
def http(request):
    """A request answered."""
    return "{}"
'''


@dataclass(frozen=True)
class Pair:
    """An entry point's starts and, round by round beside them, the trivial function's."""

    ours: list[Started] = field(default_factory=list)
    trivial: list[Started] = field(default_factory=list)


class ColdStarts:
    """Cold starts with the state that ``settings`` name; made for ``rounds`` rounds at most."""

    def __init__(
        self, cloud: Cloud, settings: Mapping[str, str], directory: Path, *, name: str, rounds: int
    ) -> None:
        self._environ = base_environment() | settings
        self._name = name
        self._trivial = directory / "trivial.py"
        self._trivial.write_text(_TRIVIAL, encoding="utf-8")
        cloud.finish_operations_at_once()
        with serving(settings):
            for number in range(-1, rounds):  # -1: the warm-up
                self._prepare(number)

    def measure(self, targets: tuple[str, ...], rounds: int) -> dict[str, Pair]:
        """``rounds`` starts of each of ``targets``, beside as many of the trivial function."""
        pairs = {target: Pair() for target in targets}
        for target in targets:
            self._start(target, -1)
        for number in range(rounds):
            trivial = {s: self._start_trivial(s) for s in {_signature(t) for t in targets}}
            for target, pair in pairs.items():
                pair.ours.append(self._start(target, number))
                pair.trivial.append(trivial[_signature(target)])
        return pairs

    def _prepare(self, number: int) -> None:
        """The people this round will meet, each as far as their event wants them."""
        for target in ("offboard", "converge"):
            email = self._email(target, number)
            onboard(events.cloud_event("onboarding", events.join(email), f"before-{email}"))
        leaver = self._email("offboard", number)
        converge(events.cloud_event("converge", {"email": leaver}, f"settle-{leaver}"))

    def _start(self, target: str, number: int) -> Started:
        email = self._email(target, number)
        bodies: dict[str, events.Json] = {
            "onboard": events.join(email),
            "offboard": events.leave(email),
            "converge": {"email": email},
            "reconcile": {"scope": "due"},
        }
        topics = {"onboard": "onboarding", "offboard": "offboarding"}
        function = Function(_MAIN, target, _signature(target))
        if target == "fleet":
            return start_cold(function, Request("/environments"), self._environ)
        request = _request(topics.get(target, target), bodies[target], f"{target}-{email}")
        return start_cold(function, request, self._environ)

    def _start_trivial(self, signature: str) -> Started:
        function = Function(self._trivial, signature, signature)
        if signature == "http":
            return start_cold(function, Request(), self._environ)
        request = _request("onboarding", events.join("nobody@example.com"), "trivial")
        return start_cold(function, request, self._environ)

    def _email(self, target: str, number: int) -> str:
        return f"{target}-{self._name}-{number + 1}@example.com"


def _request(topic: str, body: events.Json, message_id: str) -> Request:
    headers = events.headers(topic, message_id)
    return Request("/", headers, events.envelope(body, message_id))


def _signature(target: str) -> str:
    return "http" if target == "fleet" else "cloudevent"
