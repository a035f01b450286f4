"""The real entry points, called in this process, with the parts they work on in our hands.

What a server adds (Flask, gunicorn) is the same for every handler and left out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import flask
from cloudevents.http import CloudEvent
from flask.ctx import RequestContext

from bench.counting import counting
from functions import pubsub_request
from functions.converge import converge
from functions.offboard import offboard
from functions.onboard import onboard
from functions.reconcile import reconcile
from shared import logs
from shared.bootstrap import App, once
from shared.ports import Clock, EnvironmentStore
from shared.settings import Settings, read_settings

__all__ = [
    "Counted",
    "Earlier",
    "Forward",
    "Handler",
    "Rehearsed",
    "converge",
    "in_a_request",
    "offboard",
    "onboard",
    "reconcile",
    "serving",
]

Handler = Callable[[CloudEvent], None]


class Counted(App):
    """The application with the calls to its state counted, by the port's methods."""

    def __init__(self, settings: Settings, counts: Counter[str]) -> None:
        super().__init__(settings)
        self._counts = counts

    @once
    def store(self) -> EnvironmentStore:
        """The store of the settings, counted."""
        return counting(super().store, self._counts)


class Rehearsed(Counted):
    """That, by a clock that is put forward while it runs."""

    def __init__(self, settings: Settings, counts: Counter[str], clock: Forward) -> None:
        super().__init__(settings, counts)
        self._forward = clock

    @once
    def clock(self) -> Clock:
        """The one given."""
        return self._forward


class Forward:
    """The machine's clock, put forward ``by`` that much."""

    def __init__(self, by: timedelta = timedelta()) -> None:
        self.by = by

    def now(self) -> datetime:
        """The time it believes it is."""
        return datetime.now(UTC) + self.by


class Earlier(App):
    """The application, in the belief that it is that much earlier: what it plans is due by now."""

    def __init__(self, settings: Settings, by: timedelta) -> None:
        super().__init__(settings)
        self._by = by

    @once
    def clock(self) -> Clock:
        """The machine's clock, put back."""
        return Forward(-self._by)


def in_a_request() -> RequestContext:
    """What the framework puts around an event; every thread that calls a handler needs its own."""
    return flask.Flask("bench").test_request_context()


@contextmanager
def serving(settings: Mapping[str, str], make: Callable[[Settings], App] = App) -> Iterator[App]:
    """While it lasts, the entry points work on the application that ``make`` makes, given here.

    Log lines are made, and written to nowhere.
    """
    with (
        mock.patch.dict(os.environ, settings),  # Google's clients read some of it themselves
        in_a_request(),
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
    ):
        logs.configure("INFO", nowhere)
        app = make(read_settings(settings))
        with mock.patch.object(pubsub_request, "app", return_value=app):
            yield app
