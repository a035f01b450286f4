"""Errors of Google's APIs in one shape, whichever library reports them.

They arrive as HTTP responses, as exceptions of four libraries and as the result of a long-running
operation. This module only reads them; ``fault_table`` decides how each is handled. It must not
know dispositions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import google.auth.exceptions
import msgspec
import requests
from urllib3.exceptions import HTTPError, NewConnectionError

from shared.adapters.google_api.error_details import (
    as_list,
    full_message,
    hints_of,
    retry_after,
    retry_delay,
    zones_available,
)

# google.rpc.Code (google/rpc/code.proto) by number, as in the error of an operation.
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

# For responses without a canonical status: Cloud Storage's JSON API, proxies, load balancers.
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


class ApiError(msgspec.Struct, frozen=True, kw_only=True):
    """One error of one call or operation.

    ``status``: the name of a google.rpc.Code, or one of these where none fits:
    ``NO_CONNECTION`` (the request was not sent), ``NO_ANSWER`` (it may have arrived),
    ``NO_CREDENTIALS``, ``CONDITION_NOT_MET`` (HTTP 412), ``HTTP_nnn``.
    ``hints``: machine-readable reasons from the details; searched, never shown.
    ``zones_available``: the zones that have what this one lacks, as the error names them.
    """

    status: str
    message: str
    hints: str = ""
    retry_after: timedelta | None = None
    zones_available: tuple[str, ...] = ()


def from_exception(error: Exception) -> ApiError | None:
    """The error that an exception reports; None if the exception is not about a failed call."""
    if isinstance(error, google.auth.exceptions.TransportError):
        return ApiError(status="NO_CONNECTION", message=f"no access token: {error}")
    if isinstance(error, google.auth.exceptions.GoogleAuthError):
        return ApiError(status="NO_CREDENTIALS", message=str(error))
    if isinstance(error, requests.RequestException):
        return _from_requests(error)
    if isinstance(error, ConnectionError | TimeoutError | HTTPError):
        return ApiError(status="NO_ANSWER", message=_type_and_text(error))
    response = getattr(error, "response", None)
    if isinstance(response, requests.Response):  # Storage's InvalidResponse, any REST transport
        return from_response(response)
    return _from_api_core(error)


def from_response(response: requests.Response) -> ApiError:
    """The error in an HTTP response whose status is not 2xx."""
    body = _error_body(response)
    status = str(body.get("status") or _http_status(response.status_code))
    if response.status_code == 412:  # no canonical status means: a precondition we sent failed
        status = "CONDITION_NOT_MET"
    details = [d for d in as_list(body.get("details")) if isinstance(d, Mapping)]
    errors = [e for e in as_list(body.get("errors")) if isinstance(e, Mapping)]
    fallback = f"HTTP {response.status_code} {response.reason or ''}".rstrip()
    return ApiError(
        status=status,
        message=full_message(str(body.get("message") or fallback), details),
        hints=hints_of([*details, *errors]),
        retry_after=retry_after(response.headers.get("Retry-After")) or retry_delay(details),
        zones_available=zones_available(details),
    )


def from_rpc_status(status: Mapping[str, Any]) -> ApiError:
    """The error in a google.rpc.Status as JSON, the result of a failed operation."""
    code = status.get("code")
    known = isinstance(code, int) and 0 < code < len(_RPC_CODES)
    details = [d for d in as_list(status.get("details")) if isinstance(d, Mapping)]
    return ApiError(
        status=_RPC_CODES[code] if isinstance(code, int) and known else "UNKNOWN",
        message=full_message(str(status.get("message") or "the operation failed"), details),
        hints=hints_of(details),
        retry_after=retry_delay(details),
        zones_available=zones_available(details),
    )


def from_compute_operation(operation: Mapping[str, Any]) -> ApiError:
    """The error of a failed Compute Engine operation, which has a form of its own."""
    error = operation.get("error")
    errors = as_list(error.get("errors")) if isinstance(error, Mapping) else []
    entries = [e for e in errors if isinstance(e, Mapping)]
    http = operation.get("httpErrorStatusCode")
    messages = " ".join(str(e["message"]) for e in entries if e.get("message"))
    return ApiError(
        status=_http_status(http) if isinstance(http, int) else "UNKNOWN",
        message=messages or str(operation.get("httpErrorMessage") or "the operation failed"),
        hints=hints_of({"reason": e.get("code")} for e in entries),
    )


def _from_requests(error: requests.RequestException) -> ApiError | None:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return from_response(error.response)
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return ApiError(status="NO_ANSWER", message=f"an answer that is not JSON: {error}")
    if isinstance(error, ValueError):  # InvalidURL, MissingSchema …: a bug of ours
        return None
    never_sent = isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError)
    if never_sent or _could_not_connect(error):
        return ApiError(status="NO_CONNECTION", message=_type_and_text(error))
    return ApiError(status="NO_ANSWER", message=_type_and_text(error))


def _could_not_connect(error: requests.RequestException) -> bool:
    """Whether no connection was made; ``requests`` raises the same type for a broken one."""
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)


def _from_api_core(error: Exception) -> ApiError | None:
    # Imported only after a failure: it imports gRPC.
    from google.api_core import exceptions

    if isinstance(error, exceptions.RetryError):
        return from_exception(error.cause) if isinstance(error.cause, Exception) else None
    if not isinstance(error, exceptions.GoogleAPICallError):
        return None
    if error.grpc_status_code is not None:
        status = str(error.grpc_status_code.name)
    else:
        status = _http_status(int(error.code or 500))
    details = [_detail(d) for d in error.details]
    return ApiError(
        status=status,
        message=full_message(str(error.message), details),
        hints=hints_of([*details, {"reason": error.reason}]),
        retry_after=retry_delay(details),
        zones_available=zones_available(details),
    )


def _http_status(code: int) -> str:
    if code in _HTTP_CODES:
        return _HTTP_CODES[code]
    return "INVALID_ARGUMENT" if 400 <= code < 500 else f"HTTP_{code}"


def _error_body(response: requests.Response) -> dict[str, Any]:
    """The ``error`` object of Google's JSON; empty for anything else, such as a proxy's HTML."""
    try:
        body = response.json()
    except requests.exceptions.InvalidJSONError:
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):  # OAuth's form: {"error": "…", "error_description": "…"}
        return {"message": f"{error}: {body.get('error_description', '')}".rstrip(": ")}
    return error if isinstance(error, dict) else {}


def _detail(detail: Any) -> dict[str, Any]:
    """A detail as JSON; with gRPC it is a protobuf message."""
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


def _type_and_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
