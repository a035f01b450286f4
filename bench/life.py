"""What one person costs, from joining to being removed: messages, CPU, documents and calls.

The real entry points, called in process with the CloudEvents the framework would have made, go
minute by minute with the cloud's clock, on people who all do the same. Documents are those that
Firestore would bill: each one read, one for a query that finds none, each one written, history
included. `tools/cost` makes prices of it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from bench import events
from bench.cloud import Cloud
from bench.product import (
    Forward,
    Handler,
    Rehearsed,
    converge,
    offboard,
    onboard,
    reconcile,
    serving,
)
from bench.report import Row
from shared.bootstrap import once
from shared.domain.status import Phase
from shared.ports import EnvironmentStore, Page
from shared.settings import Settings

_MINUTE, _CONSENT, _GRACE = timedelta(minutes=1), timedelta(hours=2), timedelta(days=31)
_MOST_TICKS = 60
_PULL = 500
_HANDLERS: dict[str, Handler] = {
    "onboard": onboard,
    "offboard": offboard,
    "converge": converge,
    "reconcile": reconcile,
}


@dataclass
class Stage:
    """One stage of everybody's life. ``cpu``: seconds by function; ``ticks``: how many it took."""

    name: str
    messages: Counter[str] = field(default_factory=Counter)
    cpu: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_HANDLERS, 0.0))
    documents: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    ticks: int = 0


def measure(cloud: Cloud, directory: Path, people: int) -> list[Stage]:
    """The stages of ``people`` who join, are asked for consent, move, leave and are removed."""
    settings = cloud.settings(f"sqlite:{directory / 'life.db'}")
    clock, documents = Forward(), Counter[str]()
    with serving(settings, lambda given: _Billed(given, documents, clock)) as app:
        course = _Course(cloud, clock, documents, app.store)
        emails = [f"life-{number}@example.com" for number in range(people)]
        joins = [events.join(email) for email in emails]
        course.pass_stage("warm-up", "onboard", [events.join("warm@example.com")], _is(Phase.READY))
        return [
            course.pass_stage("join", "onboard", joins, _is(Phase.READY)),
            course.pass_stage("consent", "", [], None, wait=_CONSENT),
            course.pass_stage("repeat", "onboard", joins, None),
            course.pass_stage("move", "onboard", [_moved(body, clock) for body in joins], None, 5),
            course.pass_stage(
                "leave", "offboard", [_left(email, clock) for email in emails], _is(Phase.SUSPENDED)
            ),
            course.pass_stage("removal", "", [], _is(Phase.REMOVED), wait=_GRACE),
            course.pass_stage("idle tick", "", [], None),
        ]


def rows(stages: Sequence[Stage], people: int) -> Iterator[Row]:
    """Of each stage what one person takes; of the idle tick, what it takes altogether."""
    for stage in stages:
        count = 1 if stage.name == "idle tick" else people
        for function, messages in sorted(stage.messages.items()):
            each = stage.cpu[function] / messages * 1000
            yield Row(
                f"{stage.name}: {function}", messages / count, note=f"{each:.1f} ms of CPU each"
            )
        billed = {name: stage.documents[name] / count for name in ("read", "written")}
        yield Row(f"{stage.name}: documents read", billed["read"])
        yield Row(f"{stage.name}: documents written", billed["written"])
        by_api = Counter[str]()
        for method, calls in stage.calls.items():
            by_api[method.partition(".")[0]] += calls
        note = ", ".join(f"{calls / count:g} {api}" for api, calls in sorted(by_api.items()))
        yield Row(f"{stage.name}: calls", sum(by_api.values()) / count, note=note)


class _Course:
    """Sends events and lets minutes pass."""

    def __init__(
        self, cloud: Cloud, clock: Forward, documents: Counter[str], store: EnvironmentStore
    ) -> None:
        self._cloud = cloud
        self._clock = clock
        self._documents = documents
        self._store = store
        self._sent = 0

    def pass_stage(
        self,
        name: str,
        function: str,
        bodies: Sequence[events.Json],
        is_over: Callable[[EnvironmentStore], bool] | None,
        ticks: int = 1,
        wait: timedelta = timedelta(),
    ) -> Stage:
        """Send ``bodies`` to ``function``, then tick until ``is_over``, or ``ticks`` times."""
        stage = Stage(name)
        self._advance(wait)
        self._documents.clear()
        self._cloud.forget_calls()
        for body in bodies:
            self._handle(stage, function, body)
        while stage.ticks < (_MOST_TICKS if is_over else ticks):
            self._advance(_MINUTE)
            self._tick(stage)
            if is_over and self._unbilled(is_over):
                break
        else:
            assert is_over is None, f"{name} was not over after {_MOST_TICKS} ticks"
        stage.documents += self._documents
        stage.calls += Counter(self._cloud.calls())
        for own in ("pubsub.subscriptions.pull", "pubsub.subscriptions.acknowledge"):
            del stage.calls[own]  # the benchmark's, in the place of pushes
        return stage

    def _tick(self, stage: Stage) -> None:
        stage.ticks += 1
        self._handle(stage, "reconcile", {"scope": "due"})
        while messages := self._cloud.pull(_PULL):
            for message in messages:
                self._run(stage, "converge", events.received("converge", message))

    def _handle(self, stage: Stage, function: str, body: events.Json) -> None:
        self._sent += 1
        topic = {"onboard": "onboarding", "offboard": "offboarding"}.get(function, function)
        self._run(stage, function, events.cloud_event(topic, body, f"life-{self._sent}"))

    def _run(self, stage: Stage, function: str, event: Any) -> None:
        began = time.process_time()
        _HANDLERS[function](event)
        stage.cpu[function] += time.process_time() - began
        stage.messages[function] += 1

    def _advance(self, by: timedelta) -> None:
        self._cloud.advance(by)
        self._clock.by = self._cloud.now() - datetime.now(UTC)

    def _unbilled(self, is_over: Callable[[EnvironmentStore], bool]) -> bool:
        before = Counter(self._documents)
        found = is_over(self._store)
        self._documents.clear()
        self._documents.update(before)
        return found


class _Billed(Rehearsed):
    """The application by a clock in our hands, its state's documents counted as Firestore bills."""

    def __init__(self, settings: Settings, documents: Counter[str], clock: Forward) -> None:
        super().__init__(settings, Counter(), clock)
        self._documents = documents

    @once
    def store(self) -> EnvironmentStore:
        """The store of the settings, billed."""
        return cast(EnvironmentStore, _BilledStore(super().store, self._documents))


class _BilledStore:
    def __init__(self, store: EnvironmentStore, documents: Counter[str]) -> None:
        self._store = store
        self._documents = documents

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def billed(*args: Any, **options: Any) -> Any:
            result = method(*args, **options)
            self._documents.update(billed_documents(name, args, result))
            return result

        return billed


def billed_documents(method: str, args: Sequence[Any], result: Any) -> dict[str, int]:
    """What Firestore bills for a call of the port's ``method``, by its adapter's requests."""
    if method == "save":
        return {"written": 1 + len(args[2])}
    if method == "claim":
        # The counter, when the creation begins; and when it ends, which a ``save`` doesn't show.
        return {"written": 1 + len(args[2]) + 2}
    if method == "save_merged":
        return {"written": 2 + sum(len(entries) for entries in args[2])}
    if method == "append":
        return {"written": len(args[1])}
    if method in ("park", "report_shortage"):
        return {"written": 1}
    if method == "creating":
        return {"read": 2}  # two counts, each of up to a thousand index entries
    found = result.items if isinstance(result, Page) else result
    return {"read": max(1, len(found)) if isinstance(found, list | tuple | frozenset) else 1}


def _is(phase: Phase) -> Callable[[EnvironmentStore], bool]:
    def everybody(store: EnvironmentStore) -> bool:
        page = store.page(1000)
        living = [e for e in page.items if not e.person.email.startswith("warm@")] or page.items
        return all(environment.status.phase is phase for environment in living)

    return everybody


def _moved(body: events.Json, clock: Forward) -> events.Json:
    changed = {"event_id": f"move-{body['email']}", "occurred_at": clock.now().isoformat()}
    return body | changed | {"cost_center": "cc-4712", "team": "development"}


def _left(email: str, clock: Forward) -> events.Json:
    return {"email": email, "event_id": f"left-{email}", "occurred_at": clock.now().isoformat()}
