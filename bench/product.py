"""The real entry points, called in this process, with the parts they work on in our hands.

What a server adds (Flask, gunicorn) is the same for every handler and left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import flask
from cloudevents.http import CloudEvent

from functions import handling, onboard
from shared import logs
from shared.bootstrap import App
from shared.settings import read_settings

Handler = Callable[[CloudEvent], None]


@contextmanager
def onboarding(
    settings: Mapping[str, str], prepare: Callable[[App], None] = lambda _: None
) -> Iterator[tuple[App, Handler]]:
    """The application of ``settings`` and its ``onboard``; ``prepare`` is run before the first use.

    Log lines are made, and written to nowhere.
    """
    app = App(read_settings(settings))
    with (
        mock.patch.dict(os.environ, settings),  # Google's clients read some of it themselves
        mock.patch.object(handling, "app", lambda: app),
        flask.Flask("bench").test_request_context(),
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
    ):
        logs.configure("INFO", nowhere)
        prepare(app)
        yield app, onboard.onboard
