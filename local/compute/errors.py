"""Errors in Compute Engine's form, of an answer and of an operation.

An answer is {"error": {"code", "message", "errors": [{"message", "domain", "reason"}]}} and clients
look at `reason`; an operation names a code such as RESOURCE_NOT_FOUND. Faults, quotas and the
schema checks raise the common ApiError; both forms of it are made here. It must not know routes.
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
    """A refusal whose `reason` or HTTP code does not follow from its canonical status."""

    def __init__(self, status: str, message: str, reason: str, http: int | None = None) -> None:
        super().__init__(status, message, http=http)
        self.reason = reason


def not_found(path: str) -> ApiError:
    return ApiError("NOT_FOUND", f"The resource '{path}' was not found")


def already_exists(path: str) -> ApiError:
    return ApiError("ALREADY_EXISTS", f"The resource '{path}' already exists")


def not_ready(path: str) -> ApiError:
    """Another operation is under way on it."""
    message = f"The resource '{path}' is not ready"
    return ComputeError("FAILED_PRECONDITION", message, "resourceNotReady")


def in_use(path: str, user: str) -> ApiError:
    """The disk is attached; `user` is the link to the machine."""
    user = user.partition("/compute/v1/")[2]
    message = f"The disk resource '{path}' is already being used by '{user}'"
    return ComputeError("FAILED_PRECONDITION", message, "resourceInUseByAnotherResource")


def labels_changed() -> ApiError:
    """Somebody else's labels came first; the caller has to read again."""
    message = "Labels fingerprint either invalid or resource labels have changed"
    return ComputeError("FAILED_PRECONDITION", message, "conditionNotMet", 412)


def quota_exceeded(message: str) -> ApiError:
    """Of what may live; too many requests are a rateLimitExceeded."""
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
    """What an operation says that ended in `error`."""
    entry: Json = {
        "code": _OPERATION_CODES.get(error.status, error.status),
        "message": error.message,
    }
    return {
        "error": {"errors": [entry]},
        "httpErrorStatusCode": error.http,
        "httpErrorMessage": error.status.replace("_", " "),
    }
