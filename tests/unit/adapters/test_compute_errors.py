"""Failed operations of Compute Engine, whose errors have a form of their own."""

from __future__ import annotations

from typing import Any

import pytest

from shared.adapters.google_api.errors import from_compute_operation, from_rpc_status
from shared.adapters.google_api.fault_table import fault_of, operation_fault
from shared.domain.faults import Disposition


def compute_operation(http: int | None, code: str, message: str = "") -> dict[str, Any]:
    return {
        "httpErrorStatusCode": http,
        "httpErrorMessage": "SAID SO",
        "error": {"errors": [{"code": code, "message": message}]},
    }


@pytest.mark.parametrize(
    ("http", "reason", "code", "disposition"),
    [
        (404, "RESOURCE_NOT_FOUND", "NOT_FOUND", Disposition.PERMANENT),
        (403, "QUOTA_EXCEEDED", "QUOTA_EXCEEDED", Disposition.TEMPORARY),
        (400, "RESOURCE_NOT_READY", "NOT_READY", Disposition.TEMPORARY),
        (503, "ZONE_RESOURCE_POOL_EXHAUSTED", "STOCK_OUT", Disposition.STOCK_OUT),
        (500, "INTERNAL_ERROR", "INTERNAL", Disposition.TEMPORARY),
        (None, "SOMETHING_NEW", "UNKNOWN", Disposition.TEMPORARY),
    ],
)
def test_every_failed_compute_operation_has_a_disposition(
    http: int | None, reason: str, code: str, disposition: Disposition
) -> None:
    fault = fault_of(
        from_compute_operation(compute_operation(http, reason, "It failed")), changes=False
    )
    assert (fault.code, fault.disposition) == (code, disposition)
    assert fault.message.startswith("It failed")


@pytest.mark.parametrize("http", [400, 403, 412, 429, None])
def test_a_compute_rate_limit_is_temporary_with_any_status(http: int | None) -> None:
    message = "Operation rate exceeded for resource 'projects/p/zones/z/disks/d'."
    operation = compute_operation(http, "RESOURCE_OPERATION_RATE_EXCEEDED", message)
    fault = operation_fault(from_compute_operation(operation))
    assert fault.disposition is Disposition.TEMPORARY
    assert "Grant" not in fault.message


@pytest.mark.parametrize("code", range(1, 17))
def test_an_ended_operation_is_never_uncertain(code: int) -> None:
    assert (
        operation_fault(from_rpc_status({"code": code, "message": "it ended"})).disposition
        is not Disposition.UNCERTAIN
    )


def test_a_compute_operation_that_found_the_name_taken_is_temporary() -> None:
    operation = compute_operation(409, "RESOURCE_ALREADY_EXISTS", "disks/d already exists")
    fault = operation_fault(from_compute_operation(operation))
    assert (fault.disposition, fault.message) == (Disposition.TEMPORARY, "disks/d already exists")


@pytest.mark.parametrize("error", [None, {}, {"errors": [1, {"code": "X"}]}, {"errors": "x"}])
def test_an_incomplete_compute_error_can_be_read(error: Any) -> None:
    api_error = from_compute_operation({"error": error, "httpErrorMessage": "NOT FOUND"})
    assert (api_error.status, api_error.message) == ("UNKNOWN", "NOT FOUND")
