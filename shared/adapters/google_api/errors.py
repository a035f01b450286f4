"""What went wrong, read out of whichever library noticed it, in one shape.

Google's errors reach us as HTTP answers, as exceptions of four libraries and as the end of a
long-running operation. This module only reads them; what becomes of an error is decided by the
table in ``errors.py``. It must not know fates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import google.auth.exceptions
import msgspec
import requests
from urllib3.exceptions import HTTPError, NewConnectionError

# google.rpc.Code (google/rpc/code.proto), as it stands in an operation's error.
_RPC_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

# For answers that carry no canonical status: Cloud Storage's JSON API, proxies, load balancers.
_HTTP_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    412: "CONDITION_NOT_MET",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Symptom(msgspec.Struct, frozen=True, kw_only=True):
    """One failure.

    ``status``: the canonical name of google.rpc.Code, or one of ours where none fits:
    ``NO_CONNECTION`` (the request never left), ``NO_ANSWER`` (it may have arrived),
    ``NO_CREDENTIALS``, ``CONDITION_NOT_MET`` (HTTP 412), ``HTTP_nnn``.
    ``hints``: machine-readable reasons from the details, to be searched, not shown.
    ``elsewhere``: the zones that are said to have what this one lacks.
    """

    status: str
    message: str
    hints: str = ""
    retry_after: timedelta | None = None
    elsewhere: tuple[str, ...] = ()


def read(error: Exception) -> Symptom | None:
    """The symptom of an exception raised by a call; None when it is no failure of a call."""
    if isinstance(error, google.auth.exceptions.TransportError):
        return Symptom(status="NO_CONNECTION", message=f"no access token: {error}")
    if isinstance(error, google.auth.exceptions.GoogleAuthError):
        return Symptom(status="NO_CREDENTIALS", message=str(error))
    if isinstance(error, requests.RequestException):
        return _of_requests(error)
    if isinstance(error, ConnectionError | TimeoutError | HTTPError):
        return Symptom(status="NO_ANSWER", message=_plain(error))
    response = getattr(error, "response", None)
    if isinstance(response, requests.Response):  # Storage's InvalidResponse, any REST transport
        return of_response(response)
    return _of_api_core(error)


def of_response(response: requests.Response) -> Symptom:
    """The symptom of an HTTP answer that is an error."""
    body = _error_body(response)
    status = str(body.get("status") or _status_of_http(response.status_code))
    if response.status_code == 412:  # no canonical status says that a condition of *ours* failed
        status = "CONDITION_NOT_MET"
    details = [d for d in _list(body.get("details")) if isinstance(d, Mapping)]
    errors = [e for e in _list(body.get("errors")) if isinstance(e, Mapping)]
    fallback = f"HTTP {response.status_code} {response.reason or ''}".rstrip()
    return Symptom(
        status=status,
        message=_message(str(body.get("message") or fallback), details),
        hints=_hints([*details, *errors]),
        retry_after=_retry_after(response.headers.get("Retry-After")) or _retry_delay(details),
        elsewhere=_elsewhere(details),
    )


def of_status(status: Mapping[str, Any]) -> Symptom:
    """The symptom of a google.rpc.Status, with which an operation ended."""
    code = status.get("code")
    known = isinstance(code, int) and 0 < code < len(_RPC_CODES)
    details = [d for d in _list(status.get("details")) if isinstance(d, Mapping)]
    return Symptom(
        status=_RPC_CODES[code] if isinstance(code, int) and known else "UNKNOWN",
        message=_message(str(status.get("message") or "the operation failed"), details),
        hints=_hints(details),
        retry_after=_retry_delay(details),
        elsewhere=_elsewhere(details),
    )


def of_compute(operation: Mapping[str, Any]) -> Symptom:
    """The symptom of a Compute Engine operation that ended in errors, in that API's own form."""
    error = operation.get("error")
    errors = _list(error.get("errors")) if isinstance(error, Mapping) else []
    entries = [e for e in errors if isinstance(e, Mapping)]
    http = operation.get("httpErrorStatusCode")
    said = " ".join(str(e["message"]) for e in entries if e.get("message"))
    return Symptom(
        status=_status_of_http(http) if isinstance(http, int) else "UNKNOWN",
        message=said or str(operation.get("httpErrorMessage") or "the operation failed"),
        hints=_hints({"reason": e.get("code")} for e in entries),
    )


def _of_requests(error: requests.RequestException) -> Symptom | None:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return of_response(error.response)
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return Symptom(status="NO_ANSWER", message=f"an answer that is not JSON: {error}")
    if isinstance(error, ValueError):  # InvalidURL, MissingSchema …: our own mistake
        return None
    never_sent = isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError)
    if never_sent or _could_not_connect(error):
        return Symptom(status="NO_CONNECTION", message=_plain(error))
    return Symptom(status="NO_ANSWER", message=_plain(error))


def _could_not_connect(error: requests.RequestException) -> bool:
    """Whether no connection was made; a *broken* one is the same requests exception."""
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)


def _of_api_core(error: Exception) -> Symptom | None:
    # Imported only when something failed: it brings gRPC with it.
    from google.api_core import exceptions

    if isinstance(error, exceptions.RetryError):
        return read(error.cause) if isinstance(error.cause, Exception) else None
    if not isinstance(error, exceptions.GoogleAPICallError):
        return None
    if error.grpc_status_code is not None:
        status = str(error.grpc_status_code.name)
    else:
        status = _status_of_http(int(error.code or 500))
    details = [_detail(d) for d in error.details]
    return Symptom(
        status=status,
        message=_message(str(error.message), details),
        hints=_hints([*details, {"reason": error.reason}]),
        retry_after=_retry_delay(details),
        elsewhere=_elsewhere(details),
    )


def _status_of_http(code: int) -> str:
    if code in _HTTP_CODES:
        return _HTTP_CODES[code]
    return "INVALID_ARGUMENT" if 400 <= code < 500 else f"HTTP_{code}"


def _error_body(response: requests.Response) -> dict[str, Any]:
    """The ``error`` object of Google's envelope; empty if this isn't one (a proxy's HTML)."""
    try:
        body = response.json()
    except requests.exceptions.InvalidJSONError:
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):  # OAuth's form: {"error": "…", "error_description": "…"}
        return {"message": f"{error}: {body.get('error_description', '')}".rstrip(": ")}
    return error if isinstance(error, dict) else {}


def _detail(detail: Any) -> dict[str, Any]:
    """A detail as JSON; gRPC hands them over as messages."""
    if isinstance(detail, dict):
        return detail
    if not hasattr(detail, "DESCRIPTOR"):
        return {}
    from google.protobuf import json_format  # type: ignore[import-untyped]  # it ships no types

    try:
        found = json_format.MessageToDict(detail)
    except json_format.Error:  # a duration or a time beyond what JSON can say
        found = {}
    return {"@type": detail.DESCRIPTOR.full_name, **found}


def _message(text: str, details: Iterable[Mapping[str, Any]]) -> str:
    """Google's sentence, with the fields it complains about, which it keeps in the details."""
    violations = [
        f"{violation.get('field', '')}: {violation.get('description', '')}"
        for detail in details
        for violation in _list(detail.get("fieldViolations"))
        if isinstance(violation, Mapping)
    ]
    missing = [violation for violation in violations if violation not in text]
    return " ".join("; ".join([text, *missing]).split())


def _hints(details: Iterable[Mapping[str, Any]]) -> str:
    return " ".join(str(d["reason"]) for d in details if d.get("reason"))


def _elsewhere(details: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The zones a google.rpc.ErrorInfo names that still have some: ``us-central1-b,…``."""
    for detail in details:
        metadata = detail.get("metadata")
        if str(detail.get("@type", "")).endswith("google.rpc.ErrorInfo") and isinstance(
            metadata, Mapping
        ):
            zones = str(metadata.get("zonesAvailable") or "").split(",")
            return tuple(zone.strip() for zone in zones if zone.strip())
    return ()


def _retry_delay(details: Iterable[Mapping[str, Any]]) -> timedelta | None:
    """The delay of a google.rpc.RetryInfo ("3.5s" in JSON)."""
    for detail in details:
        delay = detail.get("retryDelay")
        if str(detail.get("@type", "")).endswith("google.rpc.RetryInfo") and delay:
            return _seconds(str(delay).removesuffix("s"))
    return None


def _retry_after(header: str | None) -> timedelta | None:
    """RFC 9110: a number of seconds, or a date."""
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


def _seconds(text: str) -> timedelta | None:
    try:
        return timedelta(seconds=max(float(text), 0.0))
    except (ValueError, OverflowError):
        return None


def _plain(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
