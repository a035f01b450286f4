"""The conclusions of a canary; the deployment is a script of announcements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tools.canary.advice import advice
from tools.canary.course import Course, Failed, Limits

Json = dict[str, Any]
EMAIL = "canary@example.com"
BEGUN = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
READY = [("workbench", "present", "ready"), ("cluster-template", "present", "ready")]
GONE = [("workbench", "absent", "absent"), ("snapshot", "present", "ready")]


class Deployment:
    """Answers each published event with the announcements of the script; each wait takes a second.

    It is messages, records, listing and clock in one.
    """

    def __init__(self, **script: Sequence[str]) -> None:
        self.script = {
            "before": [],
            "join": ["ready"],
            "leave": ["removed"],
            "cleanup": ["removed"],
        }
        self.script |= script
        self.published: list[tuple[str, Json]] = []
        self.record: Json | None = None
        self.record_leaving: Json | None = None
        self.notebooks: list[str] = []
        self.mute_until = 0.0
        self.refused: dict[str, str] = {}
        self.after: Callable[[str], None] = lambda _: None
        self.now = 0.0
        self._number = 6  # of the last announcement of an earlier run
        self._waiting: list[Json] = []

    def announce(self, news: str, number: int, at: datetime = BEGUN) -> None:
        """Announce it of the canary, and of somebody else."""
        for email in ("ana@example.com", EMAIL):
            data = {"email": email, "key": "canary-key", "news": news, "reason": "because"}
            announcement = {"id": f"canary-key-{number}", "time": at.isoformat(), "data": data}
            self._waiting.append(announcement)

    def publish(self, topic: str, event: Json) -> None:
        self.published.append((topic, event))
        purpose = event["event_id"].split("-")[1]
        for news in self.script[purpose]:
            self._number += 1
            self.announce(news, self._number)
        joins = topic == "onboarding"
        self.record = record(
            "ready" if joins else "removed", event["event_id"], READY if joins else GONE
        )
        if not joins:
            self.record_leaving = leaving(event["event_id"])
        self.after(purpose)

    def receive(self, seconds: float) -> list[Json]:
        self.now += 0 if self._waiting else seconds
        came, self._waiting = self._waiting, []
        return came

    def environment(self, email: str) -> Json | None:
        assert email == EMAIL
        if self.now < self.mute_until:
            raise Failed("403")
        return self.record

    def leaving(self, _: str) -> Json | None:
        return self.record_leaving

    def refusal(self, event_id: str) -> str:
        return self.refused.get(event_id.split("-")[1], "")

    def notebooks_of(self, key: str) -> list[str]:
        assert key == "canary-key"
        return self.notebooks

    def run(self, *, fleet: bool = True) -> tuple[bool, str]:
        """Whether a canary found it sound, and what it said."""
        said: list[str] = []
        course = Course(
            email=EMAIL,
            run_id="1",
            messages=self,
            records=self if fleet else None,
            listing=self,
            clock=lambda: self.now,
            begun_at=BEGUN,
            say=said.append,
            limits=Limits(ready=60, removed=40, settle=10, fleet=30),
            profile="analyst",
        )
        return course.run(), "\n".join(said)

    @property
    def events(self) -> list[str]:
        return [event["event_id"] for _, event in self.published]


def record(phase: str, event_id: str, things: Sequence[tuple[str, str, str]]) -> Json:
    return {
        "phase": phase,
        "health": "ok",
        "event": {"event_id": event_id, "verb": "join" if "join" in event_id else "leave"},
        "problem": "",
        "held": False,
        "next_look_at": "2026-11-27T01:00:00Z",
        "resources": [
            {"kind": kind, "slot": "main", "desired": desired, "observed": observed}
            for kind, desired, observed in things
        ],
    }


def leaving(event_id: str) -> Json:
    scan = {"leftovers": [], "kept": []}
    return {"event_id": event_id, "completed_at": "2026-11-27T01:00:00Z", "scan": scan}


def test_a_working_deployment_gets_a_join_and_an_immediate_leave_with_unique_ids() -> None:
    deployment = Deployment()
    sound, said = deployment.run()
    assert sound, said
    join, leave = deployment.published
    assert join == (
        "onboarding",
        {
            "email": EMAIL,
            "event_id": "canary-join-1",
            "source": "canary",
            "profile": "analyst",
        },
    )
    assert leave[0] == "offboarding"
    assert (leave[1]["event_id"], leave[1]["immediate"]) == ("canary-leave-1", True)


def test_without_fleet_a_possible_leftover_leaves_first() -> None:
    deployment = Deployment()
    sound, said = deployment.run(fleet=False)
    assert sound, said
    assert deployment.events == ["canary-before-1", "canary-join-1", "canary-leave-1"]
    assert deployment.now >= 10, "the leave had time to take effect"


def test_a_leftover_that_does_not_leave_fails_the_run_before_it_joins() -> None:
    deployment = Deployment(before=[])
    deployment.record = record("ready", "canary-join-0", READY)
    sound, said = deployment.run()
    assert (sound, deployment.events) == (False, ["canary-before-1"])
    assert "waited for 'removed' of event canary-before-1, for 40 s" in said


@pytest.mark.parametrize("fleet", [True, False])
def test_a_join_that_is_never_announced_ends_in_time_and_is_cleaned_up(fleet: bool) -> None:
    deployment = Deployment(join=["failed"])
    sound, said = deployment.run(fleet=fleet)
    assert not sound
    assert deployment.now <= 60 + 40 + 10 + 2
    assert deployment.events[-1] == "canary-cleanup-1"
    assert "announced last: failed: because" in said
    assert "clean-up: removed" in said


def test_an_environment_that_was_never_seen_is_not_awaited_when_cleaning_up() -> None:
    deployment = Deployment(join=[], cleanup=[])
    sound, said = deployment.run(fleet=False)
    assert (sound, deployment.now) == (False, 10 + 60)
    assert "announced last: nothing about canary@example.com" in said
    assert "clean-up: leave published: canary-cleanup-1" in said


def test_a_quarantine_ends_the_wait() -> None:
    deployment = Deployment(join=["quarantined"])
    sound, said = deployment.run()
    assert (sound, deployment.now) == (False, 0)
    assert "announced last: quarantined: because" in said


def test_a_rejected_event_is_not_awaited() -> None:
    deployment = Deployment(join=[])
    deployment.refused = {"join": "email: is bad"}
    sound, said = deployment.run()
    assert not sound
    assert deployment.now <= 5
    assert "event canary-join-1 was refused and parked: email: is bad" in said
    assert deployment.events == ["canary-join-1"], "a leave would be parked, too"


def test_a_repeated_announcement_of_an_earlier_run_ends_no_wait() -> None:
    deployment = Deployment(join=[], leave=[])
    before = BEGUN - timedelta(minutes=5)
    deployment.after = lambda _: deployment.announce("ready", 5, before)
    sound, said = deployment.run(fleet=False)
    assert not sound
    assert "waited for 'ready' of event canary-join-1, for 60 s" in said
    assert "announced last: nothing about canary@example.com" in said


def test_a_repeated_announcement_of_this_run_ends_no_wait() -> None:
    deployment = Deployment(before=["removed"], leave=[])  # number 7; then `ready` is number 8
    deployment.after = lambda purpose: (
        deployment.announce("removed", 7) if purpose == "leave" else None
    )
    sound, said = deployment.run(fleet=False)
    assert not sound
    assert "waited for 'removed' of event canary-leave-1, for 40 s" in said


@pytest.mark.parametrize(("mute_until", "sound"), [(25, True), (1000, False)])
def test_a_fleet_without_permission_yet_is_awaited(mute_until: float, sound: bool) -> None:
    deployment = Deployment()
    deployment.mute_until = mute_until
    assert deployment.run()[0] is sound
    assert len(deployment.events) == (2 if sound else 0)


def broken(deployment: Deployment, purpose: str, change: Callable[[], None]) -> None:
    deployment.after = lambda published: change() if published == purpose else None


def wrong_record(deployment: Deployment, **changes: Any) -> Callable[[], None]:
    def change() -> None:
        assert deployment.record is not None
        deployment.record |= changes

    return change


@pytest.mark.parametrize(
    ("purpose", "changes", "why"),
    [
        ("join", {"phase": "provisioning"}, "'ready' was announced, but fleet: phase provisioning"),
        (
            "join",
            {"health": "retrying", "problem": "quota"},
            "'ready' was announced, but fleet: phase ready, health retrying",
        ),
        ("join", {"event": {"event_id": "other"}}, "event other is in force"),
        (
            "join",
            {"resources": record("", "", [("workbench", "present", "creating")])["resources"]},
            "not all is there: workbench/main creating",
        ),
        ("leave", {"phase": "removing"}, "'removed' was announced, but fleet: phase removing"),
        (
            "leave",
            {"health": "quarantined", "problem": "denied"},
            "'removed' was announced, but fleet: phase removed, health quarantined",
        ),
        (
            "leave",
            {"resources": record("", "", [("workbench", "absent", "stopped")])["resources"]},
            "something is left: workbench/main stopped",
        ),
    ],
)
def test_an_announcement_that_contradicts_the_record_fails_the_run(
    purpose: str, changes: Json, why: str
) -> None:
    deployment = Deployment()
    broken(deployment, purpose, wrong_record(deployment, **changes))
    sound, said = deployment.run()
    assert not sound
    assert why in said


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"event_id": "canary-leave-0"}, "no leaving record of event canary-leave-1"),
        ({"completed_at": None}, "is not complete"),
        ({"scan": None}, "is not complete"),
        ({"scan": {"leftovers": ["notebook"], "kept": []}}, "is not complete"),
    ],
)
def test_an_incomplete_leaving_record_fails_the_run(changes: Json, why: str) -> None:
    deployment = Deployment()

    def change() -> None:
        assert deployment.record_leaving is not None
        deployment.record_leaving |= changes

    broken(deployment, "leave", change)
    sound, said = deployment.run()
    assert not sound
    assert why in said


def test_a_notebook_that_the_project_still_has_fails_the_run() -> None:
    deployment = Deployment()
    deployment.notebooks = ["projects/p/locations/z/instances/nb-canary"]
    sound, said = deployment.run()
    assert not sound
    assert "but the project has projects/p/locations/z/instances/nb-canary" in said


def test_an_interrupt_lets_the_canary_leave_without_waiting() -> None:
    deployment = Deployment(join=[])

    def interrupt() -> None:
        deployment.after = lambda _: None
        raise KeyboardInterrupt

    broken(deployment, "join", interrupt)
    with pytest.raises(KeyboardInterrupt):
        deployment.run()
    assert deployment.events == ["canary-join-1", "canary-cleanup-1"]
    assert deployment.now == 0


@pytest.mark.parametrize(
    ("wanted", "changes", "first"),
    [
        ("ready", {"phase": "provisioning"}, "the minute tick"),
        ("ready", {"phase": "ready"}, "announcing"),
        (
            "ready",
            {"phase": "provisioning", "health": "retrying", "problem": "quota"},
            "what the problem names",
        ),
        (
            "ready",
            {"phase": "ready", "health": "quarantined", "problem": "no label"},
            "what the problem names",
        ),
        ("ready", {"phase": "removed", "event": {"verb": "leave"}}, "function onboard"),
        ("removed", {"phase": "ready"}, "function offboard"),
        ("removed", {"phase": "removing", "event": {"verb": "leave"}}, "the minute tick"),
        ("removed", {"phase": "removing", "held": True}, "a hold"),
    ],
)
def test_advice_starts_with_the_most_likely_cause(wanted: str, changes: Json, first: str) -> None:
    shown = record("", "canary-join-1", READY) | changes
    assert advice(wanted, shown, True)[0].startswith(first)


@pytest.mark.parametrize("is_fleet_asked", [True, False])
def test_advice_about_an_unknown_person_starts_with_the_intake(is_fleet_asked: bool) -> None:
    assert advice("ready", None, is_fleet_asked)[0].startswith("function onboard")
