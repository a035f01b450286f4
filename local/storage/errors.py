"""Errors in the form of the Cloud Storage JSON API, which is older than google.rpc.Status.

The API answers {"error": {"code", "message", "errors": [{"domain", "reason", "message", …}]}},
where clients read `reason`. Faults, quotas and schema checks raise the common ApiError; `to_json`
converts it to this form. This module must not know buckets or objects.
"""

from typing import Any

from local.errors import ApiError

_REASONS = {
    304: "notModified",
    400: "invalid",
    401: "required",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    412: "conditionNotMet",
    416: "requestedRangeNotSatisfiable",
    429: "rateLimitExceeded",
    501: "notImplemented",
    503: "backendError",
}


class StorageError(ApiError):
    """An error with its location in the request."""

    def __init__(self, status: str, message: str, http: int | None = None, **placed: str) -> None:
        """`placed`: reason, locationType and location, where the API names them."""
        super().__init__(status, message, http=http)
        self.placed = placed
        self.headers: dict[str, str] = {}  # further headers of the answer


def to_json(error: ApiError) -> dict[str, Any]:
    """The answer's body for a StorageError or any other ApiError."""
    entry = {
        "message": error.message,
        "domain": "global",
        "reason": _REASONS.get(error.http, "backendError" if error.http >= 500 else "invalid"),
    }
    if isinstance(error, StorageError):
        entry |= error.placed
    body: dict[str, Any] = {"code": error.http, "message": error.message, "errors": [entry]}
    if error.details:
        body["details"] = error.details
    return {"error": body}


def bad_range(size: int) -> StorageError:
    """416 with the size in Content-Range, by which clients see that an object is empty."""
    error = StorageError(
        "OUT_OF_RANGE",
        "The requested range cannot be satisfied.",
        http=416,
        locationType="header",
        location="Range",
    )
    error.headers["Content-Range"] = f"bytes */{size}"
    return error


def no_bucket() -> StorageError:
    return StorageError("NOT_FOUND", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> StorageError:
    return StorageError("NOT_FOUND", f"No such object: {bucket}/{name}")


def bad_parameter(name: str, message: str) -> StorageError:
    return StorageError(
        "INVALID_ARGUMENT",
        message,
        reason="invalidParameter",
        locationType="parameter",
        location=name,
    )


def bad_body(message: str) -> StorageError:
    return StorageError("INVALID_ARGUMENT", message)


def required(what: str) -> StorageError:
    return StorageError(
        "INVALID_ARGUMENT",
        f"Required parameter: {what}",
        reason="required",
        locationType="parameter",
        location=what,
    )
