"""Errors as exceptions of several libraries, and the delays that errors ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import google.auth.exceptions
import pytest
import requests
from google.api_core import exceptions
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from shared.adapters.google_api.errors import from_response, from_rpc_status
from shared.adapters.google_api.fault_table import fault_of, translated
from shared.domain.faults import CloudFault, Disposition
from shared.domain.policy import Policy
from shared.domain.reconciliation.failures import fail
from tests.support.builders import NOW, a_notebook
from tests.support.error_answers import answer, caught


def refused() -> requests.ConnectionError:
    pool = HTTPConnectionPool("notebooks.example.com")
    reason = NewConnectionError(pool, "Connection refused")  # type: ignore[arg-type]
    return requests.ConnectionError(MaxRetryError(pool, "/", reason))


@pytest.mark.parametrize(
    ("error", "on_read", "on_change"),
    [
        (refused(), Disposition.TEMPORARY, Disposition.TEMPORARY),
        (requests.ConnectTimeout("late"), Disposition.TEMPORARY, Disposition.TEMPORARY),
        (requests.exceptions.ProxyError("no proxy"), Disposition.TEMPORARY, Disposition.TEMPORARY),
        (requests.ReadTimeout("late"), Disposition.TEMPORARY, Disposition.UNCERTAIN),
        (
            requests.ConnectionError(ProtocolError("aborted")),
            Disposition.TEMPORARY,
            Disposition.UNCERTAIN,
        ),
        (
            requests.exceptions.ChunkedEncodingError("cut"),
            Disposition.TEMPORARY,
            Disposition.UNCERTAIN,
        ),
        (
            requests.exceptions.JSONDecodeError("no", "x", 0),
            Disposition.TEMPORARY,
            Disposition.UNCERTAIN,
        ),
        (ConnectionResetError("reset"), Disposition.TEMPORARY, Disposition.UNCERTAIN),
        (
            google.auth.exceptions.TransportError("down"),
            Disposition.TEMPORARY,
            Disposition.TEMPORARY,
        ),
        (google.auth.exceptions.RefreshError("no"), Disposition.TEMPORARY, Disposition.TEMPORARY),
        (
            google.auth.exceptions.DefaultCredentialsError("no"),
            Disposition.TEMPORARY,
            Disposition.TEMPORARY,
        ),
        (exceptions.ServiceUnavailable("down"), Disposition.TEMPORARY, Disposition.UNCERTAIN),
        (
            exceptions.ServiceUnavailable("failed to connect to all addresses; last error: …"),
            Disposition.TEMPORARY,
            Disposition.TEMPORARY,
        ),
        (exceptions.DeadlineExceeded("late"), Disposition.TEMPORARY, Disposition.UNCERTAIN),
        (exceptions.PermissionDenied("no"), Disposition.PERMANENT, Disposition.PERMANENT),
        (exceptions.Forbidden("no"), Disposition.PERMANENT, Disposition.PERMANENT),
        (exceptions.AlreadyExists("is there"), Disposition.UNCERTAIN, Disposition.UNCERTAIN),
        (exceptions.Aborted("busy"), Disposition.TEMPORARY, Disposition.TEMPORARY),
        (exceptions.PreconditionFailed("changed"), Disposition.TEMPORARY, Disposition.TEMPORARY),
        (
            exceptions.RetryError("tried", exceptions.NotFound("no zone")),
            Disposition.PERMANENT,
            Disposition.PERMANENT,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_exception_has_a_disposition(
    error: Exception, on_read: Disposition, on_change: Disposition
) -> None:
    assert caught(error, changes=False).disposition is on_read
    assert caught(error, changes=True).disposition is on_change


def test_a_conflict_over_rest_has_the_status_in_the_body() -> None:
    response = answer(409, {"code": 409, "status": "ALREADY_EXISTS", "message": "it is there"})
    error = exceptions.Conflict("POST https://dataproc: it is there", response=response)
    fault = caught(error)
    assert (fault.code, fault.message) == ("ALREADY_EXISTS", "it is there")


def test_a_failed_precondition_is_identified_by_its_http_code() -> None:
    error = {"code": 412, "status": "FAILED_PRECONDITION", "message": "changed"}
    fault = fault_of(from_response(answer(412, error)), changes=True)
    assert (fault.code, fault.disposition) == ("CONDITION_NOT_MET", Disposition.TEMPORARY)


def test_a_delay_in_grpc_details_is_honoured() -> None:
    delay = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=7))
    fault = caught(exceptions.ResourceExhausted("slow down", details=[delay]))
    assert fault.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    "error", [KeyError("bug"), TypeError("bug"), requests.exceptions.MissingSchema("bug")]
)
def test_an_exception_that_is_a_bug_passes_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)), translated(changes=True):
        raise error


def test_a_fault_passes_through_unchanged() -> None:
    fault = CloudFault(Disposition.PERMANENT, "X", "y")
    with pytest.raises(CloudFault) as raised, translated(changes=True):
        raise fault
    assert raised.value is fault


def test_retry_after_in_seconds_is_honoured() -> None:
    error = {"code": 503, "status": "UNAVAILABLE", "message": ""}
    api_error = from_response(answer(503, error, Retry_After="42"))
    assert fault_of(api_error, changes=True).retry_after == timedelta(seconds=42)


def test_retry_after_as_a_date_is_honoured() -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = from_response(answer(429, {"code": 429}, Retry_After=moment)).retry_after
    assert found is not None
    assert timedelta(minutes=58) < found <= timedelta(hours=1)


@pytest.mark.parametrize("header", ["300000000000", "-1", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_absurd_retry_after_does_not_crash(header: str) -> None:
    error = {"code": 503, "status": "UNAVAILABLE", "message": ""}
    problem = fault_of(
        from_response(answer(503, error, Retry_After=header)), changes=True
    ).problem()
    after = fail(a_notebook(), problem, key="ana", now=NOW, policy=Policy())
    assert after.backoff.retry_at is not None
    assert NOW < after.backoff.retry_at <= NOW + timedelta(hours=1.25)


def test_a_retry_info_out_of_range_is_ignored() -> None:
    info = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=10**15))
    error = exceptions.ServiceUnavailable("busy", details=[info])
    assert caught(error).retry_after is None


@pytest.mark.parametrize("header", ["soon", "1e999", "nan", "Tue, 99 Foo"])
def test_a_retry_after_that_makes_no_sense_is_ignored(header: str) -> None:
    assert from_response(answer(503, {"code": 503}, Retry_After=header)).retry_after is None


def test_retry_info_is_honoured_over_our_own_wait() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}]
    status = {"code": 8, "message": "Quota 'X' exceeded", "details": details}
    assert fault_of(from_rpc_status(status), changes=False).retry_after == timedelta(seconds=3.5)
