"""Reads the times in Google's answers."""

from __future__ import annotations

from datetime import UTC, datetime


def parsed_time(text: object) -> datetime | None:
    """The time in JSON (RFC 3339) or of a client's message, aware; None if there is none."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
