"""From the start of a server's process to its first event done, against a function without a body.

Both are deployed and started as the buildpack does it, their byte code compiled; every entry point
gets an event that is real work for it (``bench/work.py``). A first start, which brings the files
into the machine's memory, isn't counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench import events
from bench.cloud import Cloud
from bench.deployment import Deployment
from bench.ratios import median_ratio, spread
from bench.report import TIMES, Row
from bench.servers import Function, Request, Started, start_cold
from bench.work import Work, pushed

_BUDGET = 2.5


@dataclass(frozen=True)
class Pair:
    """An entry point's starts and, round by round beside them, the trivial function's."""

    ours: list[Started] = field(default_factory=list)
    trivial: list[Started] = field(default_factory=list)


class ColdStarts:
    """Cold starts with the state that ``settings`` name; made for ``rounds`` rounds at most."""

    def __init__(
        self,
        cloud: Cloud,
        deployment: Deployment,
        settings: Mapping[str, str],
        *,
        name: str,
        rounds: int,
    ) -> None:
        self._deployment = deployment
        self._threads = {each.name: each.concurrency for each in deployment.entry_points}
        self._settings = settings
        self._work = Work(cloud, settings, name)
        self._work.prepare(range(-1, rounds))  # -1: the warm-up

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

    def _start(self, target: str, number: int) -> Started:
        where = self._deployment
        function = Function(where.source, target, where.environment, self._threads[target])
        return start_cold(function, self._work.request(target, number), self._settings)

    def _start_trivial(self, beside: str) -> Started:
        where = self._deployment
        target = "http" if beside == "fleet" else "cloudevent"
        function = Function(where.trivial, target, where.environment, self._threads[beside])
        request = pushed("onboarding", events.join("nobody@example.com"), "trivial")
        return start_cold(function, Request() if target == "http" else request, {})


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
