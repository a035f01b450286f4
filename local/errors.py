"""Errors that a request handler raises: an error of a Google API, or a dropped connection.

`ApiError` has both forms of a Google error: the HTTP envelope, and the google.rpc.Status that ends
an operation. The codes are defined only here. It must not know HTTP libraries or gRPC.
"""

from typing import Any, Self

# Canonical status -> (HTTP code, google.rpc.Code), as google/rpc/code.proto documents them.
CODES: dict[str, tuple[int, int]] = {
    "CANCELLED": (499, 1),
    "UNKNOWN": (500, 2),
    "INVALID_ARGUMENT": (400, 3),
    "DEADLINE_EXCEEDED": (504, 4),
    "NOT_FOUND": (404, 5),
    "ALREADY_EXISTS": (409, 6),
    "PERMISSION_DENIED": (403, 7),
    "RESOURCE_EXHAUSTED": (429, 8),
    "FAILED_PRECONDITION": (400, 9),
    "ABORTED": (409, 10),
    "OUT_OF_RANGE": (400, 11),
    "UNIMPLEMENTED": (501, 12),
    "INTERNAL": (500, 13),
    "UNAVAILABLE": (503, 14),
    "DATA_LOSS": (500, 15),
    "UNAUTHENTICATED": (401, 16),
}

Detail = dict[str, Any]


class ApiError(Exception):
    """An error answer of a Google API."""

    def __init__(
        self,
        status: str,
        message: str,
        details: list[Detail] | None = None,
        http: int | None = None,
    ) -> None:
        if status not in CODES:
            raise ValueError(f"{status!r} is not a canonical status")
        super().__init__(message)
        self.status = status
        self.http = CODES[status][0] if http is None else http
        self.message = message
        self.details = details or []

    @property
    def rpc_code(self) -> int:
        """The number of google.rpc.Code."""
        return CODES[self.status][1]

    def to_json(self) -> dict[str, Any]:
        """The HTTP envelope: {"error": {"code", "message", "status", "details"}}."""
        error: dict[str, Any] = {"code": self.http, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def to_status(self) -> dict[str, Any]:
        """google.rpc.Status, as in an operation's `error`: the code is the RPC's, not HTTP's."""
        status: dict[str, Any] = {"code": self.rpc_code, "message": self.message}
        if self.details:
            status["details"] = self.details
        return status

    @classmethod
    def not_found(cls, name: str) -> Self:
        return cls("NOT_FOUND", f"Resource '{name}' was not found")

    @classmethod
    def already_exists(cls, name: str) -> Self:
        return cls("ALREADY_EXISTS", f"Resource '{name}' already exists")

    @classmethod
    def invalid(cls, message: str, violations: list[str] | None = None) -> Self:
        """400 INVALID_ARGUMENT; each violation has the form "field.path: what is wrong"."""
        return cls("INVALID_ARGUMENT", message, _bad_request(violations or []))

    @classmethod
    def failed_precondition(cls, message: str) -> Self:
        return cls("FAILED_PRECONDITION", message)

    @classmethod
    def aborted(cls, message: str) -> Self:
        return cls("ABORTED", message)

    @classmethod
    def exhausted(cls, message: str) -> Self:
        return cls("RESOURCE_EXHAUSTED", message)

    @classmethod
    def unavailable(cls, message: str) -> Self:
        return cls("UNAVAILABLE", message)

    @classmethod
    def unimplemented(cls, message: str) -> Self:
        """HTTP 405 instead of 501, because gcloud retries every 5xx for 30 seconds."""
        return cls("UNIMPLEMENTED", message, http=405)


class ConnectionDropped(Exception):
    """A scripted fault: close the connection without an answer."""


def _bad_request(violations: list[str]) -> list[Detail]:
    if not violations:
        return []
    fields = []
    for violation in violations:
        field, _, description = violation.partition(": ")
        fields.append({"field": field, "description": description})
    return [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}]
