"""Log lines as our code writes them: one of all that metrics, alerts and pages are about.

Every line comes out of the code that runs in a deployment and through its own formatter; nothing
here is written by hand.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import functions_framework
import pytest

import functions.pubsub_request
from shared.adapters.profiles.last_good import LastGoodProfiles
from shared.adapters.state import documents
from shared.bootstrap import check_settings
from shared.domain.commands.intent import Verb
from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind
from shared.logs import JsonFormatter
from tests.support.builders import (
    ANA,
    KEY,
    an_app,
    hold_lease,
    minutes,
    published,
    ready_world,
)
from tests.support.fleet import fleet_of
from tests.support.log_filters import Entry, entry_of
from tests.support.simulation.world import MASTERS, PROFILES, World

MAIN = Path(__file__).parents[2] / "main.py"
HEADERS = {
    "ce-id": "ce-1",
    "ce-specversion": "1.0",
    "ce-source": "//pubsub.googleapis.com/projects/demo/topics/of-ours",
    "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
    "content-type": "application/json",
}


class StateDown(Exception):
    """Whatever the store's client raises when the state can't be reached."""


class Written(logging.Handler):
    """Collects what is logged, as entries of ``function``."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.function = ""
        self.entries: list[Entry] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line as the entry that Cloud Logging makes of it."""
        line = json.loads(self.format(record))
        self.entries.append(entry_of(line, f"benchkeeper-{self.function}"))


@contextmanager
def written() -> Iterator[Written]:
    """What is logged inside, from INFO on, as in a deployment."""
    lines = Written()
    root = logging.getLogger()
    ours = [logging.getLogger(name) for name in ("shared", "functions")]
    before = [logger.level for logger in ours]
    root.addHandler(lines)
    for logger in ours:
        logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        root.removeHandler(lines)
        for logger, level in zip(ours, before, strict=True):
            logger.setLevel(level)


def everything_logged(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """The entries of one of everything."""
    with written() as lines:
        lines.function = "converge"
        _a_life()
        _a_slow_life()
        _work_lost()
        _a_leaver_at_work()
        _nothing_but_refusals()
        _state_unreadable()
        _profiles_in_trouble()
        _a_worker_at_work(monkeypatch)
        lines.function = "fleet"
        _a_question_without_an_answer()
        lines.function = "onboard"
        _a_request_that_fails(monkeypatch)
        _a_start_that_is_refused(monkeypatch)
    return lines.entries


def _a_life() -> None:
    """Join, repeats, a scheduled event, an admin command, a rejected event, and a whole leave."""
    world = World()
    world.join(ANA, event_id="e1")
    world.run_for(minutes(5))
    world.join(ANA, event_id="e1")
    world.join(ANA, occurred_at=world.clock.now() - timedelta(days=1))
    world.join(ANA, effective_at=world.clock.now() + timedelta(days=900))
    world.command("retry", ANA)
    world.join("ana@evil.example")
    world.leave(ANA)
    world.run_for(timedelta(days=20))


def _a_slow_life() -> None:
    """Stored, ready and without access later than the objectives allow; a search that fails."""
    world = World()
    message = world.message(Verb.JOIN, email=ANA)
    world.pass_time(timedelta(seconds=30))
    world.trap = lambda point: _refuse(point, "before:workbench.create")
    world.deliver(message)
    world.run_for(minutes(30))
    world.trap = None
    world.run_for(minutes(40))
    world.trap = lambda point: _refuse(point, "before:session-template.delete")
    world.leave(ANA, immediate=True)
    world.run_for(minutes(30))
    world.trap = lambda point: _refuse(point, "before:search.everything")
    world.run_for(minutes(90))


def _work_lost() -> None:
    """Somebody else deletes the notebook."""
    world = ready_world()
    notebook = world.cloud.alive(Kind.WORKBENCH)[0]
    world.cloud.remove(notebook, world.clock.now(), what="deleted_by_others")
    world.join(ANA)


def _a_leaver_at_work() -> None:
    """A leaver's notebook is started by hand, and seen."""
    world = ready_world()
    world.leave(ANA)
    world.run_for(minutes(10))
    world.cloud.start_by_hand(world.cloud.alive(Kind.WORKBENCH)[0])
    world.command("retry", ANA)


def _nothing_but_refusals() -> None:
    """Quarantine, and announcements that Pub/Sub refuses."""
    world = World()
    world.trap = lambda point: _refuse(point, "before:workbench.create", Disposition.PERMANENT)
    world.topics.refuses = True
    world.join(ANA)
    world.run_for(minutes(3))


def _state_unreadable() -> None:
    document = documents.encode_environment(ready_world().record(ANA)) | {"schema": 99}
    assert documents.readable([document], documents.decode_environment) == ()


def _profiles_in_trouble() -> None:
    profiles = LastGoodProfiles("gs://demo/profiles/", None)
    masters = {f"masters/{name}": data for name, data in MASTERS.items()}
    profiles.refresh(1, lambda: {"profiles.yaml": PROFILES, **masters})
    profiles.refresh(2, lambda: {"profiles.yaml": b"version: 1"})
    profiles.read_failed(OSError("no route to host"))


def _a_worker_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ready_world()
    hold_lease(world)
    assert _answer("converge", world, {"key": KEY}, monkeypatch) == 200


def _a_question_without_an_answer() -> None:
    world = ready_world()
    world.trap = lambda _: _state_is_down()
    with fleet_of(world) as client:
        assert client.get(f"/environments/{ANA}").status_code == 500


def _a_request_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.trap = lambda _: _state_is_down()
    assert _answer("onboard", world, {"email": ANA}, monkeypatch) == 500


def _answer(name: str, world: World, payload: object, monkeypatch: pytest.MonkeyPatch) -> int:
    """The status with which the function answers a message."""
    monkeypatch.setattr(functions.pubsub_request, "app", lambda: an_app(world))
    served = functions_framework.create_app(name, str(MAIN), "cloudevent")  # type: ignore[no-untyped-call]
    body = json.dumps(published(payload))
    return served.test_client().post("/", headers=HEADERS, data=body).status_code


def _a_start_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.bootstrap.logs.configure", lambda level: None)
    monkeypatch.delenv("PROFILES", raising=False)
    with pytest.raises(SystemExit):
        check_settings()


def _refuse(point: str, which: str, disposition: Disposition = Disposition.TEMPORARY) -> None:
    if point == which:
        raise CloudFault(disposition, "REFUSED", "not now")


def _state_is_down() -> None:
    raise StateDown
