"""The real entry points, called in this process, with the parts they work on in our hands.

What a server adds (Flask, gunicorn) is the same for every handler and left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import flask
from cloudevents.http import CloudEvent

from functions import handling
from functions.converge import converge
from functions.onboard import onboard
from shared import logs
from shared.bootstrap import App, once
from shared.ports import Clock
from shared.settings import Settings, read_settings

__all__ = ["Earlier", "Handler", "converge", "onboard", "serving"]

Handler = Callable[[CloudEvent], None]


class Earlier(App):
    """The application, in the belief that it is that much earlier: what it plans is due by now."""

    def __init__(self, settings: Settings, by: timedelta) -> None:
        super().__init__(settings)
        self._by = by

    @once
    def clock(self) -> Clock:
        """The machine's clock, put back."""
        return _PutBack(self._by)


class _PutBack:
    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) - self._by


@contextmanager
def serving(settings: Mapping[str, str], make: Callable[[Settings], App] = App) -> Iterator[App]:
    """While it lasts, the entry points work on the application that ``make`` makes, given here.

    Log lines are made, and written to nowhere.
    """
    with (
        mock.patch.dict(os.environ, settings),  # Google's clients read some of it themselves
        flask.Flask("bench").test_request_context(),
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
    ):
        logs.configure("INFO", nowhere)
        app = make(read_settings(settings))
        with mock.patch.object(handling, "app", return_value=app):
            yield app
