"""From the start of a server's process to its first event done, against a function without a body.

Every entry point gets an event that is real work for it: somebody new joins, somebody with
everything leaves, somebody's notebook has got ready meanwhile, somebody is due, all are listed. The
trivial function is served by the same framework on the same kind of event. Byte code is compiled
by a first start that isn't counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median

from bench import events
from bench.cloud import Cloud
from bench.product import Earlier, converge, onboard, serving
from bench.ratios import median_ratio, spread
from bench.report import TIMES, Row
from bench.servers import Function, Request, Started, start_cold
from local.functions import base_environment
from shared.domain.names import person_key

_MAIN = Path(__file__).parent.parent / "main.py"
ENTRY_POINTS = ("onboard", "offboard", "converge", "reconcile", "fleet")
_BUDGET = 2.5
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
        self._environ = {**base_environment(), **settings}
        self._name = name
        self._trivial = directory / "trivial.py"
        self._trivial.write_text(_TRIVIAL, encoding="utf-8")
        cloud.operations_take(0)  # done by the time somebody looks
        self._prepare(settings, range(-1, rounds))  # -1: the warm-up

    def measure(self, targets: Sequence[str], rounds: int) -> dict[str, Pair]:
        """``rounds`` starts of each of ``targets``, each right beside one of the trivial function.

        Whichever went first in one round goes second in the next.
        """
        pairs = {target: Pair() for target in targets}
        for number in range(-1, rounds):
            for target, pair in pairs.items():
                if number % 2:
                    trivial, ours = self._start_trivial(target), self._start(target, number)
                else:
                    ours, trivial = self._start(target, number), self._start_trivial(target)
                if number >= 0:
                    pair.ours.append(ours)
                    pair.trivial.append(trivial)
        return pairs

    def _prepare(self, settings: Mapping[str, str], numbers: Iterable[int]) -> None:
        """The people the rounds will meet, each as far as their event wants them.

        Done in the past, so that what is to be looked at later is to be looked at now.
        """
        joined, settled = timedelta(hours=2), timedelta(hours=1)
        numbers = list(numbers)
        leavers = [self._email("offboard", number) for number in numbers]
        with serving(settings, lambda given: Earlier(given, joined)) as app:
            for email in [*leavers, *(self._email("converge", number) for number in numbers)]:
                body = events.join(email, app.clock.now())
                onboard(events.cloud_event("onboarding", body, f"before-{email}"))
        with serving(settings, lambda given: Earlier(given, settled)):
            for email in leavers:
                converge(
                    events.cloud_event("converge", {"key": person_key(email)}, f"settle-{email}")
                )

    def _start(self, target: str, number: int) -> Started:
        email = self._email(target, number)
        bodies: dict[str, events.Json] = {
            "onboard": events.join(email),
            "offboard": events.leave(email),
            "converge": {"key": person_key(email)},
            "reconcile": {"scope": "due"},
        }
        topics = {"onboard": "onboarding", "offboard": "offboarding"}
        function = Function(_MAIN, target, _signature(target))
        if target == "fleet":
            return start_cold(function, Request("/environments"), self._environ)
        request = _request(topics.get(target, target), bodies[target], f"{target}-{email}")
        return start_cold(function, request, self._environ)

    def _start_trivial(self, beside: str) -> Started:
        signature = _signature(beside)
        function = Function(self._trivial, signature, signature)
        if signature == "http":
            return start_cold(function, Request(), self._environ)
        request = _request("onboarding", events.join("nobody@example.com"), "trivial")
        return start_cold(function, request, self._environ)

    def _email(self, target: str, number: int) -> str:
        return f"{target}-{self._name}-{number + 1}@example.com"


def rows(pairs: Mapping[str, Pair], where: str) -> list[Row]:
    """The ratios against their budget; ``where`` says what kept the state."""
    return [_row(f"{target} ({where})", pair) for target, pair in pairs.items()]


def _row(what: str, pair: Pair) -> Row:
    ours, trivial = ([start.total for start in starts] for starts in (pair.ours, pair.trivial))
    cpu = median_ratio([s.cpu for s in pair.ours], [s.cpu for s in pair.trivial])
    server = median(start.server / start.total for start in pair.ours)
    least, most = spread(ours, trivial)
    note = (
        f"{least:.1f} to {most:.1f}; of this server start {server:.0%}, first request"
        f" {1 - server:.0%}; CPU {cpu:.1f} {TIMES}; {median(ours):.2f} s"
    )
    return Row(what, median_ratio(ours, trivial), _BUDGET, TIMES, note)


def _request(topic: str, body: events.Json, message_id: str) -> Request:
    headers = events.headers(topic, message_id)
    return Request("/", headers, events.envelope(body, message_id))


def _signature(target: str) -> str:
    return "http" if target == "fleet" else "cloudevent"
