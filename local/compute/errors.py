"""Errors of answers and of operations in Compute Engine's form.

An answer is {"error": {"code", "message", "errors": [{"message", "domain", "reason"}]}}, where
clients read `reason`; an operation has a code such as RESOURCE_NOT_FOUND. Faults, quotas and schema
checks raise the common ApiError, which is converted here. It must not know routes.
"""

from typing import Any

from starlette.responses import JSONResponse

from local.errors import ApiError

Json = dict[str, Any]

_REASONS = {
    "NOT_FOUND": "notFound",
    "ALREADY_EXISTS": "alreadyExists",
    "INVALID_ARGUMENT": "invalid",
    "OUT_OF_RANGE": "invalid",
    "FAILED_PRECONDITION": "failedPrecondition",
    "ABORTED": "resourceNotReady",
    "RESOURCE_EXHAUSTED": "rateLimitExceeded",
    "PERMISSION_DENIED": "forbidden",
    "UNAUTHENTICATED": "required",
    "UNIMPLEMENTED": "notImplemented",
}
_OPERATION_CODES = {
    "NOT_FOUND": "RESOURCE_NOT_FOUND",
    "ALREADY_EXISTS": "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_EXHAUSTED": "QUOTA_EXCEEDED",
    "ABORTED": "RESOURCE_NOT_READY",
    "INTERNAL": "INTERNAL_ERROR",
}


class ComputeError(ApiError):
    """An error whose `reason` or HTTP code differs from the default for its status."""

    def __init__(self, status: str, message: str, reason: str, http: int | None = None) -> None:
        super().__init__(status, message, http=http)
        self.reason = reason


def not_found(path: str) -> ApiError:
    return ApiError("NOT_FOUND", f"The resource '{path}' was not found")


def already_exists(path: str) -> ApiError:
    return ApiError("ALREADY_EXISTS", f"The resource '{path}' already exists")


def not_ready(path: str) -> ApiError:
    """The resource has an unfinished operation."""
    message = f"The resource '{path}' is not ready"
    return ComputeError("FAILED_PRECONDITION", message, "resourceNotReady")


def in_use(path: str, user: str) -> ApiError:
    """The disk is attached to a machine; `user`: the machine's link."""
    user = user.partition("/compute/v1/")[2]
    message = f"The disk resource '{path}' is already being used by '{user}'"
    return ComputeError("FAILED_PRECONDITION", message, "resourceInUseByAnotherResource")


def labels_changed() -> ApiError:
    """The labels were changed since the caller read them."""
    message = "Labels fingerprint either invalid or resource labels have changed"
    return ComputeError("FAILED_PRECONDITION", message, "conditionNotMet", 412)


def quota_exceeded(message: str) -> ApiError:
    """Too many resources; too many requests are a rateLimitExceeded."""
    return ComputeError("RESOURCE_EXHAUSTED", message, "quotaExceeded", 403)


def answer(error: ApiError) -> JSONResponse:
    """The HTTP answer."""
    reason = error.reason if isinstance(error, ComputeError) else _REASONS.get(error.status)
    entry = {"message": error.message, "domain": "global", "reason": reason or "backendError"}
    body: Json = {"code": error.http, "message": error.message, "errors": [entry]}
    if error.details:
        body["details"] = error.details
    return JSONResponse({"error": body}, status_code=error.http)


def operation_fields(error: ApiError) -> Json:
    """The fields of an operation that ended with `error`."""
    entry: Json = {
        "code": _OPERATION_CODES.get(error.status, error.status),
        "message": error.message,
    }
    return {
        "error": {"errors": [entry]},
        "httpErrorStatusCode": error.http,
        "httpErrorMessage": error.status.replace("_", " "),
    }
