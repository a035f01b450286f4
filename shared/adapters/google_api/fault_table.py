"""The one table from Google's errors to what we do about them.

Every adapter that calls Google's resource APIs goes through ``translated`` (or ``fault_of`` for an
operation that failed); nowhere else is an error's fate decided. The first row that fits wins, so
the rows known by their text stand before those known by their status alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from shared.adapters.google_api.errors import Symptom, read
from shared.domain.faults import CloudFault, Fate

_MOST_SHOWN = 500  # characters of a fault's message; it stands in records and histories


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of error and its fate.

    Fits when ``statuses`` is empty or holds the symptom's, and ``text`` (a regular expression) is
    found in its message or hints. ``on_change``: the fate when a call that changes something
    failed so; None: the same. ``wait``: how long to wait at least, unless Google says.
    ``advice``: what the reader of the message should do next.
    """

    why: str
    fate: Fate
    statuses: tuple[str, ...] = ()
    text: str = ""
    on_change: Fate | None = None
    wait: timedelta | None = None
    code: str = ""
    advice: str = ""


# The event that led here was recorded under its id: sent again, it would be a duplicate.
_RETRY = 'then publish {"action":"retry", …} on topic admin-events.'

TABLE = (
    Row(
        why="Compute has no such machine left in this zone; seen as 429, 503, UNKNOWN and as the "
        "end of an operation, so only the text tells",
        text=r"ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources available"
        r"|resource_availability|insufficientCapacity|state:\s*STOCKOUT"
        r"|is currently unavailable in the \S+ zone",
        fate=Fate.STOCK_OUT,
        code="STOCK_OUT",
        advice="The next zone of the profile is tried; add zones if this happens often.",
    ),
    Row(
        why="creation in Notebooks v1 ended for good on 2025-01-30",
        text=r"have been deprecated and new instances cannot be created",
        fate=Fate.PERMANENT,
        advice="Use the kind workbench in the profile.",
    ),
    Row(
        why="the API is off in the project; no repeat turns it on",
        text=r"SERVICE_DISABLED|accessNotConfigured|has not been used in project \S+ before or it"
        r" is disabled",
        fate=Fate.PERMANENT,
        advice=f"Enable the API with gcloud services enable, {_RETRY}",
    ),
    Row(
        why="a rate limit is known by its words, whatever carries them: Compute says it with 400, "
        "403, 412 and 429, and operations end in it under several codes",
        text=r"rate.?(limits?)?.?(of \w+ )?((is|was|has been) )?(exceeded|reached)|throttled"
        r"|exceed(s|ed|ing)? (the |your )?rate.?limit|(concurrent|daily)\b.{0,40}limit.?exceeded"
        r"|(concurrent|daily)LimitExceeded"
        r"|too (many|frequent) (concurrent )?(requests|operations)"
        r"|quota\b.*\bper (minute|second|100 seconds)\b",
        fate=Fate.TEMPORARY,
        wait=timedelta(minutes=1),
    ),
    Row(
        why="too many requests in this minute, or too many at once; older APIs say it with 403",
        statuses=("RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "UNAVAILABLE"),
        text=r"per minute|per 100 seconds|per second",
        fate=Fate.TEMPORARY,
        wait=timedelta(minutes=1),
    ),
    Row(
        why="the project's share of something is used up: it takes a person or a departure to free "
        "some, so asking often is useless; Compute says it with 403, some with 400 or 413",
        text=r"quota\b.*\bexceeded|quota_?exceeded|exceed(s|ed|ing)?\b.*\bquota",
        fate=Fate.TEMPORARY,
        wait=timedelta(minutes=30),
        code="QUOTA_EXCEEDED",
        advice="Ask for more quota (IAM & Admin > Quotas) or remove what nobody uses.",
    ),
    Row(
        why="429 without a word on quotas: load was shed before the request was looked at",
        statuses=("RESOURCE_EXHAUSTED",),
        fate=Fate.TEMPORARY,
        wait=timedelta(minutes=1),
    ),
    Row(
        why="another operation is at work on the same thing; ours was not begun",
        statuses=("ABORTED",),
        fate=Fate.TEMPORARY,
    ),
    Row(
        why="Compute's words for the same, with 400 in answers and as the end of an operation",
        text=r"resourceNotReady|RESOURCE_NOT_READY",
        fate=Fate.TEMPORARY,
        code="NOT_READY",
    ),
    Row(
        why="it changed between our look and our write, which therefore was not made",
        statuses=("CONDITION_NOT_MET",),
        fate=Fate.TEMPORARY,
    ),
    Row(
        why="something has the name; only a look tells whose it is",
        statuses=("ALREADY_EXISTS",),
        fate=Fate.UNCERTAIN,
    ),
    Row(
        why="drivers take NotFound of the thing itself as an observation; what remains is a parent "
        "(project, zone, region, bucket) that is not there",
        statuses=("NOT_FOUND",),
        fate=Fate.PERMANENT,
        advice="Check the project, zones, region and bucket in the profile and the settings.",
    ),
    Row(
        why="the request was refused unread; a token may be stale or the metadata server busy, and "
        "one bad minute must not quarantine everybody",
        statuses=("UNAUTHENTICATED", "NO_CREDENTIALS"),
        fate=Fate.TEMPORARY,
        wait=timedelta(minutes=1),
        advice="If it stays, check the service account this function runs as.",
    ),
    Row(
        why="a missing grant, or an organisation policy; only an admin changes either",
        statuses=("PERMISSION_DENIED",),
        fate=Fate.PERMANENT,
        advice="Grant the permission named here to the service account this function runs as, "
        + _RETRY,
    ),
    Row(
        why="the request itself is wrong, so the profile is (or the API has moved on)",
        statuses=("INVALID_ARGUMENT", "OUT_OF_RANGE", "UNIMPLEMENTED"),
        fate=Fate.PERMANENT,
        advice=f"Correct the profile, {_RETRY}",
    ),
    Row(
        why="AIP-193: not to be repeated until the state of the system has been fixed; drivers "
        "look first whether the state is what we wanted anyway",
        statuses=("FAILED_PRECONDITION",),
        fate=Fate.PERMANENT,
        advice=f"Fix what it names, {_RETRY}",
    ),
    Row(
        why="no connection was made, so nothing was asked",
        statuses=("NO_CONNECTION",),
        fate=Fate.TEMPORARY,
    ),
    Row(
        why="gRPC's words for the same",
        statuses=("UNAVAILABLE",),
        text=r"failed to connect to all addresses",
        fate=Fate.TEMPORARY,
    ),
    Row(
        why="the answer is lost or says nothing: a change may have been made all the same",
        statuses=(
            "UNAVAILABLE",
            "INTERNAL",
            "UNKNOWN",
            "DATA_LOSS",
            "DEADLINE_EXCEEDED",
            "CANCELLED",
            "NO_ANSWER",
        ),
        fate=Fate.TEMPORARY,
        on_change=Fate.UNCERTAIN,
    ),
    Row(
        why="nothing we know: assume the worst, a change that may have been made",
        fate=Fate.TEMPORARY,
        on_change=Fate.UNCERTAIN,
    ),
)


def fault_of(symptom: Symptom, *, changes: bool) -> CloudFault:
    """The fault for a symptom; ``changes``: whether the call that failed changes something."""
    row = next(row for row in TABLE if _fits(row, symptom))
    fate = row.on_change if changes and row.on_change is not None else row.fate
    return CloudFault(
        fate,
        row.code or symptom.status,
        _shown(symptom.message, row.advice),
        retry_after=symptom.retry_after if symptom.retry_after is not None else row.wait,
        elsewhere=symptom.elsewhere,
    )


def end_of(symptom: Symptom) -> CloudFault:
    """The fault of an operation that ended with an error; since it has ended, never UNCERTAIN."""
    fault = fault_of(symptom, changes=False)
    if fault.fate is Fate.UNCERTAIN:
        fault.fate = Fate.TEMPORARY
    return fault


@contextmanager
def translated(*, changes: bool) -> Iterator[None]:
    """Raise what goes wrong with a remote call in the block as ``CloudFault``, chained.

    Put one call in a block. What isn't a failure of a call (a bug of ours) passes as it is.
    """
    try:
        yield
    except CloudFault:
        raise
    except Exception as error:
        symptom = read(error)
        if symptom is None:
            raise
        raise fault_of(symptom, changes=changes) from error


def _fits(row: Row, symptom: Symptom) -> bool:
    if row.statuses and symptom.status not in row.statuses:
        return False
    searched = f"{symptom.message} {symptom.hints}"
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
