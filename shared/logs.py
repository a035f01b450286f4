"""One JSON line per outcome on standard output, in the format of Cloud Logging.

We install our own handler, because the framework's drops INFO and sets no severity. Messages are
literals; variable data is in fields. Fields common to all lines of a request (trace, event) are
bound once. The time of a line is that of the application's clock, so that logs and records agree in
tests in which the clock is set forward.

Source of the special fields: Cloud Logging, "Structured logging" (severity, message, time,
logging.googleapis.com/trace).
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Protocol, TextIO

_bound: ContextVar[Mapping[str, str] | None] = ContextVar("bound", default=None)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _ClockOffset:
    """The last known difference between the application's clock and the machine's."""

    value = timedelta()


class Headers(Protocol):
    """HTTP headers; the implementation ignores the case of names."""

    def get(self, key: str, default: str) -> str:
        """The header's value, or ``default``."""


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Add ``fields`` (except empty ones) to every line logged in the block."""
    token = _bound.set({**(_bound.get() or {}), **{k: v for k, v in fields.items() if v}})
    try:
        yield
    finally:
        _bound.reset(token)


def set_clock_offset(offset: timedelta) -> None:
    """Add ``offset`` to the machine's time in all further lines."""
    _ClockOffset.value = offset


def trace_of(project: str, headers: Headers) -> str:
    """The request's trace in the form of Cloud Logging; '' if it has none."""
    parent = re.match(r"[0-9a-f]{2}-([0-9a-f]{32})-", headers.get("traceparent", ""))
    legacy = re.match(r"([0-9a-f]{32})\b", headers.get("X-Cloud-Trace-Context", ""))
    found = parent or legacy
    return f"projects/{project}/traces/{found[1]}" if found else ""


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Severity, message, time, the bound fields, the fields of the call, and the traceback."""
        line: dict[str, object] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "time": (datetime.fromtimestamp(record.created, UTC) + _ClockOffset.value).isoformat(),
            "logger": record.name,
        }
        for name, value in (_bound.get() or {}).items():
            line["logging.googleapis.com/trace" if name == "trace" else name] = value
        extras = {k: v for k, v in vars(record).items() if k not in _STANDARD and v != ""}
        line.update(extras)
        if record.exc_info:
            line["stack_trace"] = self.formatException(record.exc_info)
        # ASCII only: JSON input may contain a lone surrogate, which can't be encoded as UTF-8.
        return json.dumps(line, default=str)


def configure(level: str, stream: TextIO | None = None) -> None:
    """Write our log lines, and warnings of libraries, to ``stream`` (default: standard output)."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # google-api-core disables propagation to the root logger unless its logger has a handler.
    google = logging.getLogger("google")
    google.handlers[:] = [handler]
    google.propagate = False
    for name in ("shared", "functions"):
        logging.getLogger(name).setLevel(level.upper())
