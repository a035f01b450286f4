"""One outcome is one line of JSON that Cloud Logging can read."""

from __future__ import annotations

import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from shared import logs

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Lines:
    """What was written, and the loggers it was written by."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.log = logging.getLogger("shared.tests")

    def read(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.stream.getvalue().split("\n") if line]

    def only(self) -> dict[str, object]:
        [line] = self.read()
        return line


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Logging as a deployment configures it, put back afterwards."""
    root = logging.getLogger()
    ours = [logging.getLogger(name) for name in ("shared", "functions")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in (root, *ours)]
    written = Lines()
    logs.configure("INFO", written.stream)
    yield written
    for logger, level, handlers in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.mark.parametrize("severity", ["INFO", "WARNING", "ERROR", "CRITICAL"])
def test_a_line_has_severity_message_time_and_origin(lines: Lines, severity: str) -> None:
    lines.log.log(logging.getLevelName(severity), "applied")
    line = lines.only()
    assert (line["severity"], line["message"]) == (severity, "applied")
    assert line["logger"] == "shared.tests"
    time = datetime.fromisoformat(str(line["time"]))
    assert abs(datetime.now(UTC) - time).total_seconds() < 60


def test_a_line_has_the_time_of_the_applications_clock(lines: Lines) -> None:
    try:
        logs.set_clock_offset(timedelta(days=40))
        lines.log.info("applied")
    finally:
        logs.set_clock_offset(timedelta())
    time = datetime.fromisoformat(str(lines.only()["time"]))
    assert abs(datetime.now(UTC) + timedelta(days=40) - time).total_seconds() < 60


def test_variable_data_is_in_fields(lines: Lines) -> None:
    lines.log.info("applied", extra={"action": "intent.applied", "count": 3, "person": ""})
    line = lines.only()
    assert (line["action"], line["count"]) == ("intent.applied", 3)
    assert "person" not in line, "empty fields say nothing"


def test_fields_of_a_request_are_bound_once(lines: Lines) -> None:
    with logs.bound(trace="projects/demo/traces/1", message_id="m-1", topic=""):
        lines.log.info("first")
        with logs.bound(person="ana-1"):
            lines.log.info("second")
        lines.log.info("third")
    lines.log.info("fourth")
    first, second, third, fourth = lines.read()
    assert first["logging.googleapis.com/trace"] == "projects/demo/traces/1"
    assert first["message_id"] == second["message_id"] == "m-1"
    assert "topic" not in first
    assert second["person"] == "ana-1"
    assert "person" not in third
    assert not {"message_id", "logging.googleapis.com/trace", "trace"} & fourth.keys()


def test_bound_fields_end_with_a_failed_request_too(lines: Lines) -> None:
    with pytest.raises(KeyError), logs.bound(person="ana-1"):
        raise KeyError
    lines.log.info("afterwards")
    assert "person" not in lines.only()


def test_requests_on_other_threads_have_their_own_fields(lines: Lines) -> None:
    with logs.bound(person="ana-1"):
        thread = threading.Thread(target=lambda: lines.log.info("elsewhere"))
        thread.start()
        thread.join()
    assert "person" not in lines.only()


@pytest.mark.parametrize(
    "text",
    ["two\nlines", "carriage\rreturn", 'quotes " and \\', "\x1b[2J\x00", "\u5206\u6790 \U0001f989"],
)
def test_any_message_is_written_on_one_line_and_can_be_read_back(lines: Lines, text: str) -> None:
    lines.log.info("it said %s", text, extra={"reason": text})
    assert lines.stream.getvalue().count("\n") == 1
    assert lines.only()["message"] == f"it said {text}"
    assert lines.only()["reason"] == text


def test_a_lone_surrogate_does_not_lose_the_line() -> None:
    """Standard output is UTF-8, which cannot hold one; sys.stdout would raise."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    record = logging.makeLogRecord({"msg": "it said \ud800"})
    stream.write(logs.JsonFormatter().format(record))
    stream.flush()


def test_an_exception_has_its_traceback_in_one_line(lines: Lines) -> None:
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        lines.log.exception("it failed")
    line = lines.only()
    assert line["severity"] == "ERROR"
    assert "RuntimeError: first\nsecond" in str(line["stack_trace"])
    assert "test_logs.py" in str(line["stack_trace"])


def test_a_field_that_is_not_json_is_written_as_text(lines: Lines) -> None:
    lines.log.info("x", extra={"at": datetime(2026, 5, 4, tzinfo=UTC)})
    assert lines.only()["at"] == "2026-05-04 00:00:00+00:00"


def test_our_info_lines_are_written_and_those_of_libraries_are_not(lines: Lines) -> None:
    logging.getLogger("functions.onboard").info("ours")
    logging.getLogger("google.auth").info("theirs")
    logging.getLogger("google.auth").warning("theirs, but worth knowing")
    lines.log.debug("too much")
    assert [line["message"] for line in lines.read()] == ["ours", "theirs, but worth knowing"]


def test_configuring_again_does_not_write_everything_twice(lines: Lines) -> None:
    logs.configure("INFO", lines.stream)
    lines.log.info("once")
    assert lines.only()["message"] == "once"


@pytest.mark.parametrize(
    ("headers", "expected", "because"),
    [
        ({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, TRACE, "W3C"),
        ({"X-Cloud-Trace-Context": f"{TRACE}/123;o=1"}, TRACE, "Google's older one"),
        ({"X-Cloud-Trace-Context": TRACE}, TRACE, "its span is optional"),
        (
            {"traceparent": f"00-{TRACE}-b7-01", "X-Cloud-Trace-Context": f"{'1' * 32}/1"},
            TRACE,
            "the standard one counts",
        ),
        ({}, "", "there is none"),
        ({"traceparent": "rubbish"}, "", "not a trace"),
        ({"traceparent": f"00-{TRACE[:-1]}-b7ad6b7169203331-01"}, "", "too short"),
        ({"X-Cloud-Trace-Context": f"{TRACE}0/1"}, "", "too long"),
        ({"X-Cloud-Trace-Context": f"../{TRACE}"}, "", "not a trace"),
    ],
)
def test_the_trace_comes_from_the_headers(
    headers: dict[str, str], expected: str, because: str
) -> None:
    trace = f"projects/demo/traces/{expected}" if expected else ""
    assert logs.trace_of("demo", headers) == trace, because


def test_warnings_of_others_do_not_break_a_line(lines: Lines) -> None:
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old\napi", stacklevel=1)
    finally:
        logging.captureWarnings(False)
    assert "old\napi" in str(lines.only()["message"])
