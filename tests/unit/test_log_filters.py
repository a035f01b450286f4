"""The evaluator of log filters that other tests rely on is right itself."""

from __future__ import annotations

import pytest

from tests.support.log_filters import NotUnderstood, compiled, entry_of

LINE = {
    "severity": "ERROR",
    "message": "no answer",
    "time": "2026-05-04T12:00:00+00:00",
    "action": "fleet.failed",
    "seconds": 12.5,
    "logging.googleapis.com/trace": "projects/demo/traces/1",
}
ENTRY = entry_of(LINE, "benchkeeper-fleet")


@pytest.mark.parametrize(
    ("filter", "matches"),
    [
        ('jsonPayload.action="fleet.failed"', True),
        ('jsonPayload.action="fleet"', False),
        ('jsonPayload.action=~"^fleet[.]"', True),
        ('jsonPayload.action=~"failed"', True),
        ('jsonPayload.action=~"^failed"', False),
        ("jsonPayload.seconds>12", True),
        ("jsonPayload.seconds>=12.5", True),
        ("jsonPayload.seconds<12.5", False),
        ("jsonPayload.seconds=12.5", True),
        ("severity>=WARNING", True),
        ("severity>ERROR", False),
        ("severity=ERROR", True),
        ("jsonPayload.action:*", True),
        ("jsonPayload.phase:*", False),
        ("jsonPayload.phase>=0", False),
        ('NOT jsonPayload.phase="ready"', True),
        ("severity=ERROR AND jsonPayload.seconds>20", False),
        ("severity=ERROR AND NOT jsonPayload.seconds>20", True),
        ("severity=INFO OR jsonPayload.seconds>2", True),
        ("(severity=INFO OR severity=DEBUG) AND jsonPayload.seconds>2", False),
        ('resource.type="cloud_run_revision"', True),
        ('resource.labels.service_name=~"^benchkeeper-"', True),
        ("jsonPayload.severity:*", False),
        ('jsonPayload.message="no answer"', True),
    ],
)
def test_a_filter_matches(filter: str, matches: bool) -> None:
    assert compiled(filter)(ENTRY) is matches


@pytest.mark.parametrize(
    "filter",
    [
        "",
        "fleet",
        'jsonPayload.action:"fleet"',
        'jsonPayload.action!="fleet"',
        "(severity=ERROR",
        "severity=ERROR)",
        "severity=ERROR AND",
        "severity=ERROR severity=INFO",
        "severity=INFO OR severity=ERROR AND severity=DEBUG",
        r'jsonPayload.action=~"^fleet\."',
    ],
)
def test_unknown_syntax_is_refused(filter: str) -> None:
    with pytest.raises(NotUnderstood):
        compiled(filter)
