"""Reads the details of errors of Google's APIs: reasons, field violations, delays, zones.

It must not know in which form an error arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any


def full_message(text: str, details: Iterable[Mapping[str, Any]]) -> str:
    """The message on one line, with the field violations in the details."""
    violations = [
        f"{violation.get('field', '')}: {violation.get('description', '')}"
        for detail in details
        for violation in as_list(detail.get("fieldViolations"))
        if isinstance(violation, Mapping)
    ]
    missing = [violation for violation in violations if violation not in text]
    return " ".join("; ".join([text, *missing]).split())


def hints_of(details: Iterable[Mapping[str, Any]]) -> str:
    """The reasons in the details, separated by spaces."""
    return " ".join(str(d["reason"]) for d in details if d.get("reason"))


def zones_available(details: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The zones with capacity in a google.rpc.ErrorInfo (``us-central1-b,…``)."""
    for detail in details:
        metadata = detail.get("metadata")
        if str(detail.get("@type", "")).endswith("google.rpc.ErrorInfo") and isinstance(
            metadata, Mapping
        ):
            zones = str(metadata.get("zonesAvailable") or "").split(",")
            return tuple(zone.strip() for zone in zones if zone.strip())
    return ()


def retry_delay(details: Iterable[Mapping[str, Any]]) -> timedelta | None:
    """The delay of a google.rpc.RetryInfo ("3.5s" in JSON)."""
    for detail in details:
        delay = detail.get("retryDelay")
        if str(detail.get("@type", "")).endswith("google.rpc.RetryInfo") and delay:
            return _seconds(str(delay).removesuffix("s"))
    return None


def retry_after(header: str | None) -> timedelta | None:
    """The delay in a header ``Retry-After`` (RFC 9110): a number of seconds, or a date."""
    if not header:
        return None
    if (seconds := _seconds(header)) is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(moment - datetime.now(UTC), timedelta())


def as_list(value: object) -> list[Any]:
    """``value`` if it is a list, else []."""
    return value if isinstance(value, list) else []


def _seconds(text: str) -> timedelta | None:
    try:
        return timedelta(seconds=max(float(text), 0.0))
    except (ValueError, OverflowError):
        return None
