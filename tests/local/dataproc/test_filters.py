"""The filters of Dataproc's list methods."""

from typing import Any

import pytest

from local.dataproc.filters import cluster_filter, session_filter
from local.errors import ApiError

SESSION: dict[str, Any] = {
    "name": "projects/demo/locations/us-central1/sessions/s-ana",
    "uuid": "0f6c",
    "state": "ACTIVE",
    "createTime": "2026-11-22T08:00:00.000000Z",
    "labels": {"team": "core", "env": "dev"},
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("state = ACTIVE", True),
        ("state != ACTIVE", False),
        ("state=ACTIVE and labels.team=core", True),
        ('state = "ACTIVE" AND labels.team = "data"', False),
        ("labels.team = *", True),
        ("labels.team:core", True),
        ("labels.owner:*", False),
        ("labels.owner != ana", True),
        ("state = ACTIVE labels.env = prod", False),
        ("session_id = s-ana", True),
        ("session_uuid = 0f6d", False),
        ('create_time < "2026-11-22T08:00:01Z"', True),
        ('create_time > "2026-11-22T10:00:00+02:00"', False),
        ('create_time >= "2026-11-22T10:00:00+02:00"', True),
        # By AIP-160 OR binds tighter than AND; the team is not "data".
        ("labels.team = data AND state = FAILED OR state = ACTIVE", False),
        ("(labels.team = data AND state = FAILED) OR state = ACTIVE", True),
    ],
)
def test_sessions_by_expression(text: str, fits: bool) -> None:
    assert session_filter(text)(SESSION) is fits


@pytest.mark.parametrize(
    "text",
    [
        "state = RUNNING",  # a cluster's
        "state > ACTIVE",
        "user = ana@example.com",
        "creator = ana",
        "labels = core",
        "labels.team < core",
        "create_time < yesterday",
        'create_time : "2026-11-22T08:00:00Z"',
        'create_time < "2026-11-22T08:00:00"',
        "state",
        "state =",
        "state = ACTIVE AND",
        "(state = ACTIVE",
        "state = ACTIVE)",
        "NOT state = ACTIVE",
        'state = "ACTIVE',
    ],
)
def test_sessions_by_anything_else_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="Invalid request"):
        session_filter(text)


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("status.state = ACTIVE", {"CREATING", "RUNNING", "UPDATING"}),
        ("status.state = INACTIVE", {"DELETING", "ERROR", "STOPPING", "STOPPED"}),
        ("status.state = STOPPED", {"STOPPED"}),
        # STARTING is in neither group, by the description.
        ("status.state = *", {"STARTING", "RUNNING", "STOPPED", "ERROR"}),
    ],
)
def test_clusters_by_state_or_group_of_states(text: str, states: set[str]) -> None:
    everything = states | {"CREATING", "RUNNING", "STOPPED", "STARTING", "DELETING", "ERROR"}
    wanted = cluster_filter(text)
    found = {state for state in everything if wanted({"status": {"state": state}})}
    assert found == (everything if "*" in text else states)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("clusterName = c1 AND labels.team = core", True),
        ('labels.team = "core" labels.env = *', True),
        ("labels.env = *", True),
        ("labels.owner = *", False),
        ("clusterName = c2", False),
    ],
)
def test_clusters_by_name_and_label(text: str, fits: bool) -> None:
    assert cluster_filter(text)({"clusterName": "c1", "labels": SESSION["labels"]}) is fits


@pytest.mark.parametrize(
    "text",
    [
        "status.state = FLYING",
        "clusterName = c1 OR clusterName = c2",
        "clusterName != c1",
        "(clusterName = c1)",
        "projectId = demo",
    ],
)
def test_clusters_by_anything_else_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="Invalid request"):
        cluster_filter(text)
