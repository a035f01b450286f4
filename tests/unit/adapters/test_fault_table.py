"""The fault table: each error of Google's APIs and its fate."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.rpc import error_details_pb2

from shared.adapters.google_api.errors import from_response, from_rpc_status
from shared.adapters.google_api.fault_table import TABLE, fault_of
from shared.domain.faults import Disposition
from tests.support.error_answers import answer, caught

STOCK_OUTS = [
    "ZONE_RESOURCE_POOL_EXHAUSTED: The zone 'projects/p/zones/z' is out of stock",
    "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS: see the details",
    "The zone 'projects/p/zones/z' does not have enough resources available to fulfill the request",
    "A n1-standard-4 VM instance is currently unavailable in the us-central1-b zone. Consider …",
]


def fate_of(http: int, status: str, message: str = "", *, changes: bool = True) -> Disposition:
    error = {"code": http, "status": status, "message": message}
    return fault_of(from_response(answer(http, error)), changes=changes).disposition


@pytest.mark.parametrize(
    ("http", "status", "on_read", "on_change"),
    [
        (400, "INVALID_ARGUMENT", Disposition.PERMANENT, Disposition.PERMANENT),
        (400, "FAILED_PRECONDITION", Disposition.PERMANENT, Disposition.PERMANENT),
        (400, "OUT_OF_RANGE", Disposition.PERMANENT, Disposition.PERMANENT),
        (401, "UNAUTHENTICATED", Disposition.TEMPORARY, Disposition.TEMPORARY),
        (403, "PERMISSION_DENIED", Disposition.PERMANENT, Disposition.PERMANENT),
        (404, "NOT_FOUND", Disposition.PERMANENT, Disposition.PERMANENT),
        (409, "ABORTED", Disposition.TEMPORARY, Disposition.TEMPORARY),
        (409, "ALREADY_EXISTS", Disposition.UNCERTAIN, Disposition.UNCERTAIN),
        (429, "RESOURCE_EXHAUSTED", Disposition.TEMPORARY, Disposition.TEMPORARY),
        (499, "CANCELLED", Disposition.TEMPORARY, Disposition.UNCERTAIN),
        (500, "INTERNAL", Disposition.TEMPORARY, Disposition.UNCERTAIN),
        (500, "UNKNOWN", Disposition.TEMPORARY, Disposition.UNCERTAIN),
        (500, "DATA_LOSS", Disposition.TEMPORARY, Disposition.UNCERTAIN),
        (501, "UNIMPLEMENTED", Disposition.PERMANENT, Disposition.PERMANENT),
        (503, "UNAVAILABLE", Disposition.TEMPORARY, Disposition.UNCERTAIN),
        (504, "DEADLINE_EXCEEDED", Disposition.TEMPORARY, Disposition.UNCERTAIN),
        (520, "SOMETHING_NEW", Disposition.TEMPORARY, Disposition.UNCERTAIN),
    ],
)
def test_every_status_has_a_disposition(
    http: int, status: str, on_read: Disposition, on_change: Disposition
) -> None:
    assert fate_of(http, status, changes=False) is on_read
    assert fate_of(http, status, changes=True) is on_change


@pytest.mark.parametrize(
    ("http", "code", "on_change"),
    [
        (301, "HTTP_301", Disposition.UNCERTAIN),
        (400, "INVALID_ARGUMENT", Disposition.PERMANENT),
        (401, "UNAUTHENTICATED", Disposition.TEMPORARY),
        (403, "PERMISSION_DENIED", Disposition.PERMANENT),
        (404, "NOT_FOUND", Disposition.PERMANENT),
        (408, "DEADLINE_EXCEEDED", Disposition.UNCERTAIN),
        (409, "ABORTED", Disposition.TEMPORARY),
        (412, "CONDITION_NOT_MET", Disposition.TEMPORARY),
        (418, "INVALID_ARGUMENT", Disposition.PERMANENT),
        (429, "RESOURCE_EXHAUSTED", Disposition.TEMPORARY),
        (500, "INTERNAL", Disposition.UNCERTAIN),
        (502, "UNAVAILABLE", Disposition.UNCERTAIN),
        (503, "UNAVAILABLE", Disposition.UNCERTAIN),
        (504, "DEADLINE_EXCEEDED", Disposition.UNCERTAIN),
    ],
)
def test_an_answer_not_from_google_is_read_by_its_http_code(
    http: int, code: str, on_change: Disposition
) -> None:
    fault = fault_of(from_response(answer(http, text="<html>Bad</html>")), changes=True)
    assert (fault.code, fault.disposition) == (code, on_change)
    assert f"HTTP {http} Because" in fault.message
    assert "<html>" not in fault.message


@pytest.mark.parametrize("message", STOCK_OUTS)
@pytest.mark.parametrize("http", [400, 429, 500, 503])
def test_a_stock_out_is_identified_by_text_with_any_code(http: int, message: str) -> None:
    assert fate_of(http, "UNKNOWN", message) is Disposition.STOCK_OUT
    assert (
        fault_of(from_rpc_status({"code": 8, "message": message}), changes=False).code
        == "STOCK_OUT"
    )


def test_a_stock_out_is_identified_by_the_reason_in_its_details() -> None:
    details = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "resource_availability"}
    ]
    status = {"code": 14, "message": "Try again later", "details": details}
    assert fault_of(from_rpc_status(status), changes=False).disposition is Disposition.STOCK_OUT


ZONES = {"zonesAvailable": "us-central1-b, us-central1-c,", "zone": "us-central1-a"}


@pytest.mark.parametrize(
    ("metadata", "elsewhere"),
    [
        (ZONES, ("us-central1-b", "us-central1-c")),
        ({"zonesAvailable": ""}, ()),
        ({"zone": "us-central1-a"}, ()),
        (None, ()),
        ("us-central1-b", ()),
    ],
)
def test_a_stock_out_names_the_zones_that_google_names(
    metadata: Any, elsewhere: tuple[str, ...]
) -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "metadata": metadata}
    error = {"code": 8, "message": STOCK_OUTS[1], "details": [{"reason": "x"}, info]}
    for api_error in (from_rpc_status(error), from_response(answer(429, error))):
        problem = fault_of(api_error, changes=False).problem()
        assert (problem.disposition, problem.elsewhere) == (Disposition.STOCK_OUT, elsewhere)


def test_a_stock_out_over_grpc_names_them_too() -> None:
    info = error_details_pb2.ErrorInfo(reason="ZONE_RESOURCE_POOL_EXHAUSTED", metadata=ZONES)
    fault = caught(exceptions.ResourceExhausted("none left", details=[info]))
    assert (fault.disposition, fault.elsewhere) == (
        Disposition.STOCK_OUT,
        ("us-central1-b", "us-central1-c"),
    )


def test_a_busy_compute_resource_is_temporary() -> None:
    entry = {"reason": "resourceNotReady", "message": "The resource 'x' is not ready"}
    error = {"code": 400, "message": entry["message"], "errors": [entry]}
    assert (
        fault_of(from_response(answer(400, error)), changes=True).disposition
        is Disposition.TEMPORARY
    )


@pytest.mark.parametrize(
    ("http", "status", "message", "minutes"),
    [
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'",
            1,
        ),
        (403, "PERMISSION_DENIED", "Rate Limit Exceeded", 1),
        (429, "RESOURCE_EXHAUSTED", "Too many", 1),
        (403, "PERMISSION_DENIED", "Quota 'CPUS' exceeded. Limit: 24.0 in region us-central1.", 30),
        (400, "FAILED_PRECONDITION", "QUOTA_EXCEEDED: GPUS_ALL_REGIONS", 30),
        (429, "RESOURCE_EXHAUSTED", "The following quota metrics exceed quota limits: x", 30),
    ],
)
def test_an_exceeded_quota_waits_half_an_hour(
    http: int, status: str, message: str, minutes: int
) -> None:
    error = {"code": http, "status": status, "message": message}
    fault = fault_of(from_response(answer(http, error)), changes=True)
    assert fault.disposition is Disposition.TEMPORARY
    assert fault.retry_after == timedelta(minutes=minutes)


RATE = "Operation rate exceeded for resource 'projects/p/zones/z/disks/d'. Too frequent operations."


@pytest.mark.parametrize(
    ("http", "status"),
    [
        (400, "INVALID_ARGUMENT"),
        (400, "FAILED_PRECONDITION"),
        (403, "PERMISSION_DENIED"),
        (412, "FAILED_PRECONDITION"),
        (429, "RESOURCE_EXHAUSTED"),
    ],
)
@pytest.mark.parametrize(
    "message",
    [
        RATE,
        "rateLimitExceeded",
        "Rate Limit Exceeded",
        "RATE_LIMIT_EXCEEDED",
        "You have exceeded your rate limit",
        "Too many concurrent operations",
        "Quota exceeded for quota metric 'Reads' and limit 'Reads per minute' of service 'x'",
    ],
)
def test_a_rate_limit_is_identified_by_text_with_any_status(
    http: int, status: str, message: str
) -> None:
    error = {"code": http, "status": status, "message": message}
    fault = fault_of(from_response(answer(http, error)), changes=True)
    assert (fault.disposition, fault.retry_after) == (Disposition.TEMPORARY, timedelta(minutes=1))
    assert "Grant" not in fault.message


@pytest.mark.parametrize("code", [3, 7, 8, 9])
def test_a_rate_limit_in_which_an_operation_ended_is_temporary(code: int) -> None:
    assert fault_of(
        from_rpc_status({"code": code, "message": RATE}), changes=False
    ).disposition is (Disposition.TEMPORARY)


def test_v1_creation_is_permanent_and_names_the_alternative() -> None:
    message = "Managed notebooks have been deprecated and new instances cannot be created."
    error = {"code": 400, "status": "FAILED_PRECONDITION", "message": message}
    fault = fault_of(from_response(answer(400, error)), changes=True)
    assert fault.disposition is Disposition.PERMANENT
    assert "workbench" in fault.message


def test_a_disabled_api_says_how_to_enable_it() -> None:
    details = [{"reason": "SERVICE_DISABLED"}]
    error = {"code": 403, "status": "PERMISSION_DENIED", "message": "It is off", "details": details}
    fault = fault_of(from_response(answer(403, error)), changes=True)
    assert fault.disposition is Disposition.PERMANENT
    assert "gcloud services enable" in fault.message


@pytest.mark.parametrize(
    ("code", "name", "disposition"),
    [
        (1, "CANCELLED", Disposition.TEMPORARY),
        (3, "INVALID_ARGUMENT", Disposition.PERMANENT),
        (4, "DEADLINE_EXCEEDED", Disposition.TEMPORARY),
        (7, "PERMISSION_DENIED", Disposition.PERMANENT),
        (9, "FAILED_PRECONDITION", Disposition.PERMANENT),
        (13, "INTERNAL", Disposition.TEMPORARY),
        (14, "UNAVAILABLE", Disposition.TEMPORARY),
        (99, "UNKNOWN", Disposition.TEMPORARY),
    ],
)
def test_a_failed_operation_is_never_uncertain(
    code: int, name: str, disposition: Disposition
) -> None:
    fault = fault_of(from_rpc_status({"code": code, "message": "It failed"}), changes=False)
    assert (fault.code, fault.disposition) == (name, disposition)


def test_the_message_names_the_fields_google_complains_about() -> None:
    violation = {"field": "gceSetup.foo", "description": "unknown"}
    error = {
        "code": 400,
        "status": "INVALID_ARGUMENT",
        "message": "Bad request",
        "details": [{"fieldViolations": [violation]}],
    }
    message = fault_of(from_response(answer(400, error)), changes=True).message
    assert "Bad request; gceSetup.foo: unknown" in message
    assert "profile" in message


def test_a_missing_permission_says_what_to_grant() -> None:
    error = {
        "code": 403,
        "status": "PERMISSION_DENIED",
        "message": "Permission 'notebooks.instances.create' denied",
    }
    message = fault_of(from_response(answer(403, error)), changes=True).message
    assert message.startswith("Permission 'notebooks.instances.create' denied. Grant")


def test_a_long_message_is_cut_on_one_line_and_keeps_its_advice() -> None:
    error = {"code": 403, "status": "PERMISSION_DENIED", "message": "no\n\x1b[31m " * 400}
    message = fault_of(from_response(answer(403, error)), changes=True).message
    assert len(message) <= 500
    assert message.isprintable()
    assert "… Grant the permission" in message


@pytest.mark.parametrize("body", ["", "[]", '"x"', '{"error": null}', '{"error": [1]}', "{"])
def test_any_body_of_an_error_can_be_read(body: str) -> None:
    assert from_response(answer(503, text=body)).status == "UNAVAILABLE"


def test_an_oauth_error_can_be_read() -> None:
    body = '{"error": "invalid_grant", "error_description": "Token expired"}'
    assert from_response(answer(401, text=body)).message == "invalid_grant: Token expired"


def test_every_row_has_a_reason_and_the_last_one_matches_everything() -> None:
    assert all(row.why for row in TABLE)
    assert not TABLE[-1].statuses
    assert not TABLE[-1].text
