"""The one table from errors of Google's APIs to how they are handled.

Every adapter that calls Google's resource APIs uses ``translated``, or ``operation_fault`` for an
operation that failed; no other module decides the disposition of an error. The first row that
matches applies, so rows that match by text come before those that match by status alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from shared.adapters.google_api.errors import ApiError, from_exception
from shared.domain.faults import CloudFault, Disposition

_MOST_SHOWN = 500  # characters of a fault's message; it is stored in records and histories


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of error and its disposition.

    Matches when ``statuses`` is empty or contains the error's status, and ``text`` (a regular
    expression, '' for any) is found in its message or hints. ``on_change``: the disposition if the
    call changes something; None: the same. ``wait``: the least time before a retry, unless Google
    names one. ``code``: replaces the status in the fault. ``advice``: what the reader of the
    message should do.
    """

    why: str
    disposition: Disposition
    statuses: tuple[str, ...] = ()
    text: str = ""
    on_change: Disposition | None = None
    wait: timedelta | None = None
    code: str = ""
    advice: str = ""


# The event itself must not be sent again: its id is recorded, so it would count as a duplicate.
_RETRY = 'then publish {"action":"retry", …} on topic admin-events.'

TABLE = (
    Row(
        why="Compute has no such machine left in this zone; it comes as 429, 503, UNKNOWN and as "
        "the result of an operation, so only the text identifies it",
        text=r"ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources available"
        r"|resource_availability|insufficientCapacity|state:\s*STOCKOUT"
        r"|is currently unavailable in the \S+ zone",
        disposition=Disposition.STOCK_OUT,
        code="STOCK_OUT",
        advice="The next zone of the profile is tried; add zones if this happens often.",
    ),
    Row(
        why="Notebooks v1 creates nothing since 2025-01-30",
        text=r"have been deprecated and new instances cannot be created",
        disposition=Disposition.PERMANENT,
        advice="Use the kind workbench in the profile.",
    ),
    Row(
        why="the API is disabled in the project; retries cannot succeed",
        text=r"SERVICE_DISABLED|accessNotConfigured|has not been used in project \S+ before or it"
        r" is disabled",
        disposition=Disposition.PERMANENT,
        advice=f"Enable the API with gcloud services enable, {_RETRY}",
    ),
    Row(
        why="a rate limit is identified by its text: Compute reports it with 400, 403, 412 and "
        "429, and operations end in it under several codes",
        text=r"rate.?(limits?)?.?(of \w+ )?((is|was|has been) )?(exceeded|reached)|throttled"
        r"|exceed(s|ed|ing)? (the |your )?rate.?limit|(concurrent|daily)\b.{0,40}limit.?exceeded"
        r"|(concurrent|daily)LimitExceeded"
        r"|too (many|frequent) (concurrent )?(requests|operations)"
        r"|quota\b.*\bper (minute|second|100 seconds)\b",
        disposition=Disposition.TEMPORARY,
        wait=timedelta(minutes=1),
    ),
    Row(
        why="too many requests in this minute, or too many at once; older APIs report it with 403",
        statuses=("RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "UNAVAILABLE"),
        text=r"per minute|per 100 seconds|per second",
        disposition=Disposition.TEMPORARY,
        wait=timedelta(minutes=1),
    ),
    Row(
        why="a quota of the project is used up: an administrator or a departure frees some, so "
        "frequent retries are useless; Compute reports it with 403, others with 400 or 413",
        text=r"quota\b.*\bexceeded|quota_?exceeded|exceed(s|ed|ing)?\b.*\bquota",
        disposition=Disposition.TEMPORARY,
        wait=timedelta(minutes=30),
        code="QUOTA_EXCEEDED",
        advice="Ask for more quota (IAM & Admin > Quotas) or remove what nobody uses.",
    ),
    Row(
        why="429 that names no quota: the request was rejected under load, before it was processed",
        statuses=("RESOURCE_EXHAUSTED",),
        disposition=Disposition.TEMPORARY,
        wait=timedelta(minutes=1),
    ),
    Row(
        why="another operation is in progress on the same resource; ours was not started",
        statuses=("ABORTED",),
        disposition=Disposition.TEMPORARY,
    ),
    Row(
        why="the same in Compute, with 400 in responses and as the result of an operation",
        text=r"resourceNotReady|RESOURCE_NOT_READY",
        disposition=Disposition.TEMPORARY,
        code="NOT_READY",
    ),
    Row(
        why="it changed between our read and our write, so the write was not made",
        statuses=("CONDITION_NOT_MET",),
        disposition=Disposition.TEMPORARY,
    ),
    Row(
        why="the name is taken; whose resource it is must be read",
        statuses=("ALREADY_EXISTS",),
        disposition=Disposition.UNCERTAIN,
    ),
    Row(
        why="drivers treat NotFound of the resource itself as an observation; what remains is a "
        "parent (project, zone, region, bucket) that does not exist",
        statuses=("NOT_FOUND",),
        disposition=Disposition.PERMANENT,
        advice="Check the project, zones, region and bucket in the profile and the settings.",
    ),
    Row(
        why="the request was not processed; a token may have expired or the metadata server may be "
        "busy, and a short outage must not quarantine everybody",
        statuses=("UNAUTHENTICATED", "NO_CREDENTIALS"),
        disposition=Disposition.TEMPORARY,
        wait=timedelta(minutes=1),
        advice="If this lasts, check the service account this function runs as.",
    ),
    Row(
        why="a missing permission, or an organisation policy; only an administrator can change it",
        statuses=("PERMISSION_DENIED",),
        disposition=Disposition.PERMANENT,
        advice="Grant the permission named here to the service account this function runs as, "
        + _RETRY,
    ),
    Row(
        why="the request is invalid, so the profile is wrong or the API has changed",
        statuses=("INVALID_ARGUMENT", "OUT_OF_RANGE", "UNIMPLEMENTED"),
        disposition=Disposition.PERMANENT,
        advice=f"Correct the profile, {_RETRY}",
    ),
    Row(
        why="AIP-193: not to be retried until the state of the system has been fixed; drivers "
        "check first whether the state is the wanted one",
        statuses=("FAILED_PRECONDITION",),
        disposition=Disposition.PERMANENT,
        advice=f"Fix what it names, {_RETRY}",
    ),
    Row(
        why="no connection was made, so no request was sent",
        statuses=("NO_CONNECTION",),
        disposition=Disposition.TEMPORARY,
    ),
    Row(
        why="the same from gRPC",
        statuses=("UNAVAILABLE",),
        text=r"failed to connect to all addresses",
        disposition=Disposition.TEMPORARY,
    ),
    Row(
        why="the answer is lost or unclear: a change may have been made",
        statuses=(
            "UNAVAILABLE",
            "INTERNAL",
            "UNKNOWN",
            "DATA_LOSS",
            "DEADLINE_EXCEEDED",
            "CANCELLED",
            "NO_ANSWER",
        ),
        disposition=Disposition.TEMPORARY,
        on_change=Disposition.UNCERTAIN,
    ),
    Row(
        why="an unknown error: assume that a change may have been made",
        disposition=Disposition.TEMPORARY,
        on_change=Disposition.UNCERTAIN,
    ),
)


def fault_of(error: ApiError, *, changes: bool) -> CloudFault:
    """The fault for ``error``; ``changes``: whether the call that failed changes something."""
    row = next(row for row in TABLE if _matches(row, error))
    disposition = row.on_change if changes and row.on_change is not None else row.disposition
    return CloudFault(
        disposition,
        row.code or error.status,
        _shown(error.message, row.advice),
        retry_after=error.retry_after if error.retry_after is not None else row.wait,
        elsewhere=error.zones_available,
    )


def operation_fault(error: ApiError) -> CloudFault:
    """The fault of an operation that ended with ``error``; never UNCERTAIN, since it has ended."""
    fault = fault_of(error, changes=False)
    if fault.disposition is Disposition.UNCERTAIN:
        fault.disposition = Disposition.TEMPORARY
    return fault


@contextmanager
def translated(*, changes: bool) -> Iterator[None]:
    """Raise the failure of the remote call in the block as ``CloudFault``, chained.

    One call per block. Exceptions that are not about a failed call (bugs) pass unchanged.
    """
    try:
        yield
    except CloudFault:
        raise
    except Exception as error:
        api_error = from_exception(error)
        if api_error is None:
            raise
        raise fault_of(api_error, changes=changes) from error


def _matches(row: Row, error: ApiError) -> bool:
    if row.statuses and error.status not in row.statuses:
        return False
    searched = f"{error.message} {error.hints}"
    return not row.text or re.search(row.text, searched, re.IGNORECASE) is not None


def _shown(message: str, advice: str) -> str:
    """Google's message on one line, cut so that the advice still fits."""
    plain = "".join(c if c.isprintable() else " " for c in " ".join(message.split()))
    room = _MOST_SHOWN - len(advice) - 1
    if len(plain) > room:
        plain = plain[: room - 1].rstrip() + "…"
    if plain and advice and plain[-1] not in ".!?…":
        plain += "."
    return f"{plain} {advice}".strip()[:_MOST_SHOWN]
