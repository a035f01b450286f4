"""One JSON line an outcome on standard output, in the shape Cloud Logging reads.

The framework's own logging drops INFO and maps no severity, so the handler is ours. The message is
literal; what varies travels in fields. What all lines of one request share (its trace, its event)
is bound once. A line's time is that of the application's clock, so that logs and records agree on a
rehearsal whose clock has been moved.

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


class _Ahead:
    """The last known difference between the application's clock and the machine's."""

    by = timedelta()


class Headers(Protocol):
    """HTTP headers; the implementation ignores the case of names."""

    def get(self, key: str, default: str) -> str:
        """The header's value, or ``default``."""


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Add ``fields`` (empty ones are left out) to every line logged inside."""
    token = _bound.set({**(_bound.get() or {}), **{k: v for k, v in fields.items() if v}})
    try:
        yield
    finally:
        _bound.reset(token)


def clock_is_ahead(by: timedelta) -> None:
    """Add ``by`` to the machine's time in all further lines."""
    _Ahead.by = by


def trace_of(project: str, headers: Headers) -> str:
    """The request's trace as Cloud Logging wants it, or ''."""
    parent = re.match(r"[0-9a-f]{2}-([0-9a-f]{32})-", headers.get("traceparent", ""))
    legacy = re.match(r"([0-9a-f]{32})\b", headers.get("X-Cloud-Trace-Context", ""))
    found = parent or legacy
    return f"projects/{project}/traces/{found[1]}" if found else ""


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Severity, message, time, what is bound, what the call added, and the traceback."""
        line: dict[str, object] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "time": (datetime.fromtimestamp(record.created, UTC) + _Ahead.by).isoformat(),
            "logger": record.name,
        }
        for name, value in (_bound.get() or {}).items():
            line["logging.googleapis.com/trace" if name == "trace" else name] = value
        extras = {k: v for k, v in vars(record).items() if k not in _STANDARD and v != ""}
        line.update(extras)
        if record.exc_info:
            line["stack_trace"] = self.formatException(record.exc_info)
        # ASCII only: half a surrogate pair, which JSON input may hold, can't be written as UTF-8.
        return json.dumps(line, default=str)


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send our own log lines (and warnings of others) to ``stream``, standard output by default."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # google-api-core keeps its loggers from the root unless somebody has set them up.
    google = logging.getLogger("google")
    google.handlers[:] = [handler]
    google.propagate = False
    for name in ("shared", "functions"):
        logging.getLogger(name).setLevel(level.upper())
