"""The course of a canary's life: clear away, join, leave, look at what is left.

Pure of Google: messages, records, time and ids are handed in. Every wait has a limit, and a failure
says what was waited for, what was seen last and where to look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from tools.canary.advice import advice, described, state

Json = dict[str, Any]

_PULL_SECONDS = 5.0  # between two looks at what else may have happened
_NEWS_OF_FAILURE = frozenset({"quarantined"})  # `failed` is tried again by itself
_SKEW = timedelta(minutes=1)  # of our clock and Google's; less than a run takes


class Messages(Protocol):
    """The topics of the deployment."""

    def publish(self, topic: str, event: Json) -> None:
        """Publish one event; returns when it is taken."""

    def receive(self, seconds: float) -> Sequence[Json]:
        """The announcements that came since the last call; waits at most so long for one."""


class Records(Protocol):
    """What the deployment says of its people."""

    def environment(self, email: str) -> Json | None:
        """The person's record as ``fleet`` shows it; None if there is none."""

    def leaving(self, email: str) -> Json | None:
        """The newest leaving record; None if there is none."""

    def refusal(self, event_id: str) -> str:
        """Why the event was parked; '' if it was not."""


class Listing(Protocol):
    """What is in the project, asked past the deployment."""

    def notebooks_of(self, key: str) -> Sequence[str]:
        """The names of the notebooks with the label of this person."""


@dataclass(frozen=True)
class Limits:
    """How long each wait may last, in seconds.

    ``fleet``: until it answers at all; a grant of a deployment just made takes minutes to be in
    force. ``settle``: for a leftover that can't be seen, because ``fleet`` is not asked.
    """

    ready: float = 1200.0
    removed: float = 1200.0
    settle: float = 60.0
    fleet: float = 300.0


class Failed(Exception):
    """A check failed; the message is whole, and may have several lines."""


class Refused(Failed):
    """An event was parked, so it had no effect that could be undone."""


@dataclass
class Course:
    """One run with one canary. ``records`` and ``listing`` are None where they can't be asked.

    ``begun_at``: the time of day at which the run began; what was announced before is not its own.
    """

    email: str
    run_id: str
    messages: Messages
    records: Records | None
    listing: Listing | None
    clock: Callable[[], float]
    begun_at: datetime
    say: Callable[[str], None]
    limits: Limits = Limits()
    profile: str = ""
    _is_known: bool = False  # something was announced of it
    _newest: int = 0  # the number of the announcement that was waited for last

    def run(self) -> bool:
        """Whether all went well; what happened was said."""
        begun = self.clock()
        undo: Callable[[], None] | None = None
        try:
            self._clear_away()
            undo = self._clean_up
            self._join()
            undo = None
            self._leave()
        except Failed as failure:
            self.say(f"FAILED: {failure}")
            if undo and not isinstance(failure, Refused):
                undo()
            return False
        except BaseException:  # interrupted, or an API refused: the leave may still be taken
            self._clean_up(wait=False)
            raise
        self.say(f"ok: all of it in {self.clock() - begun:.0f} s")
        return True

    def _clear_away(self) -> None:
        """Let the canary of an earlier run that did not end leave first."""
        if self.records is None:
            event_id = self._publish_leave("before")
            self.say(f"in case one is left over: leave {event_id}; {self.limits.settle:.0f} s")
            self._found("removed", event_id, self.limits.settle)
            return
        record = self._first_answer(self.records)
        if record is None or record["phase"] == "removed":
            return
        self.say(f"left over from an earlier run: {self.email} is {record['phase']}; it leaves")
        self._await("removed", self._publish_leave("before"), self.limits.removed)

    def _first_answer(self, records: Records) -> Json | None:
        end = self.clock() + self.limits.fleet
        while True:
            try:
                return records.environment(self.email)
            except Failed:
                if self.clock() >= end:
                    raise
            self.messages.receive(_PULL_SECONDS)  # a pause

    def _join(self) -> None:
        event_id = f"canary-join-{self.run_id}"
        event: Json = {"email": self.email, "event_id": event_id, "source": "canary"}
        if self.profile:
            event["profile"] = self.profile
        self.messages.publish("onboarding", event)
        self.say(f"join published: {event_id}")
        news = self._await("ready", event_id, self.limits.ready)
        self.say(f"ready is announced: {news.get('notebook') or 'a profile without a notebook'}")
        if self.records is not None:
            self._check_present(self.records, event_id)

    def _leave(self) -> None:
        event_id = self._publish_leave("leave")
        self.say(f"leave published: {event_id}, immediate")
        news = self._await("removed", event_id, self.limits.removed)
        kept = f"; kept as its profile says: {news['snapshot']}" if news.get("snapshot") else ""
        self.say(f"removed is announced{kept}")
        if self.records is not None:
            self._check_absent(self.records, event_id)
        if self.listing is not None:
            self._check_listing(self.listing, str(news["key"]))

    def _clean_up(self, *, wait: bool = True) -> None:
        """Let the canary leave after a failed join, whatever its state."""
        try:
            event_id = self._publish_leave("cleanup")
            # Nothing is announced of the leave of somebody who had nothing.
            if not (wait and self._has_something()):
                self.say(f"clean-up: leave published: {event_id}")
            elif self._found("removed", event_id, self.limits.removed):
                self.say(f"clean-up: removed, by leave {event_id}")
            else:
                self.say(f"clean-up: leave {event_id} is published, 'removed' did not come")
        except Exception as error:  # noqa: BLE001 - the failure before this one is what counts
            self.say(f"clean-up: not possible ({error}); {self.email} may have a notebook")

    def _has_something(self) -> bool:
        if self._is_known or self.records is None:
            return self._is_known
        record = self.records.environment(self.email)
        return record is not None and record["phase"] != "removed"

    def _publish_leave(self, purpose: str) -> str:
        event_id = f"canary-{purpose}-{self.run_id}"
        reason = "the canary of a deployment"
        event = {"email": self.email, "event_id": event_id, "source": "canary"}
        self.messages.publish("offboarding", event | {"immediate": True, "reason": reason})
        return event_id

    # Waiting

    def _await(self, wanted: str, event_id: str, seconds: float) -> Json:
        """The data of the announcement ``wanted``; ``Failed`` if it does not come in time."""
        seen: list[str] = []
        found = self._found(wanted, event_id, seconds, seen)
        if found is None:
            raise self._failure(
                f"{wanted!r} of event {event_id}, for {seconds:.0f} s", wanted, seen
            )
        return found

    def _found(
        self, wanted: str, event_id: str, seconds: float, seen: list[str] | None = None
    ) -> Json | None:
        """As ``_await``, but None if it does not come; ``seen`` gets what came instead."""
        seen = [] if seen is None else seen
        end = self.clock() + seconds
        while (left := end - self.clock()) > 0:
            for announcement in self.messages.receive(min(_PULL_SECONDS, left)):
                data = announcement["data"]
                if data["email"] != self.email or not self._is_own(announcement):
                    continue
                self._is_known = True
                if data["news"] == wanted:
                    self._newest = _number(announcement)
                    return dict(data)
                seen.append(f"{data['news']}: {data.get('reason', '')}".rstrip(": "))
                if data["news"] in _NEWS_OF_FAILURE:
                    raise self._failure(f"{wanted!r} of event {event_id}", wanted, seen)
            if self.records is not None and (reason := self.records.refusal(event_id)):
                raise Refused(f"event {event_id} was refused and parked: {reason}")
        return None

    def _is_own(self, announcement: Json) -> bool:
        """Whether it tells of this run and of what came last: announcements are made at least once.

        One may come again, much later, and out of order; only few name the event they tell of. The
        number in its id counts up for each person (docs/announcements.md).
        """
        is_of_this_run = datetime.fromisoformat(announcement["time"]) >= self.begun_at - _SKEW
        return is_of_this_run and _number(announcement) > self._newest

    def _failure(self, what: str, wanted: str, seen: Sequence[str]) -> Failed:
        record: Json | None = None
        shown = "not asked, for no FLEET_URL is given"
        if self.records is not None:
            record = self.records.environment(self.email)
            shown = described(record)
        lines = [
            f"waited for {what}",
            f"  announced last: {seen[-1] if seen else 'nothing about ' + self.email}",
            f"  fleet: {shown}",
            *(f"  look at: {line}" for line in advice(wanted, record, self.records is not None)),
        ]
        return Failed("\n".join(lines))

    # Checks

    def _check_present(self, records: Records, event_id: str) -> None:
        record = records.environment(self.email)
        if record is None or not _is_sound(record, "ready"):
            raise Failed(f"'ready' was announced, but fleet: {described(record)}")
        if (in_force := (record["event"] or {}).get("event_id")) != event_id:
            raise Failed(f"'ready' was announced, but event {in_force} is in force, not {event_id}")
        things = [r for r in record["resources"] if r["desired"] == "present"]
        if wrong := [state(r) for r in things if r["observed"] != "ready"]:
            raise Failed(f"'ready' was announced, but not all is there: {', '.join(wrong)}")
        self.say(f"fleet: {', '.join(map(state, things))}")

    def _check_absent(self, records: Records, event_id: str) -> None:
        record, leaving = records.environment(self.email), records.leaving(self.email)
        if record is None or not _is_sound(record, "removed"):
            raise Failed(f"'removed' was announced, but fleet: {described(record)}")
        things = [r for r in record["resources"] if r["kind"] != "snapshot"]
        if left := [state(r) for r in things if r["observed"] != "absent"]:
            raise Failed(f"'removed' was announced, but something is left: {', '.join(left)}")
        if leaving is None or leaving["event_id"] != event_id:
            raise Failed(f"there is no leaving record of event {event_id}")
        scan = leaving["scan"] or {}
        if not leaving["completed_at"] or scan.get("leftovers") != []:
            raise Failed(f"the leaving record of {event_id} is not complete: {scan}")
        self.say(f"fleet: all is absent; kept: {', '.join(scan['kept']) or 'nothing'}")

    def _check_listing(self, listing: Listing, key: str) -> None:
        if names := listing.notebooks_of(key):
            raise Failed(f"'removed' was announced, but the project has {', '.join(names)}")
        self.say("listing: no notebook has the canary's label")


def _number(announcement: Json) -> int:
    return int(announcement["id"].rpartition("-")[2])


def _is_sound(record: Json, phase: str) -> bool:
    return bool(record["phase"] == phase and record["health"] == "ok")
