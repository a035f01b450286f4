"""The invariants of the design, checked after everything that happens in a simulated life.

Each looks only at what has happened since it looked last. How a life must end is ``ending.py``'s.
"""

from __future__ import annotations

from datetime import timedelta

from shared.domain.names import person_key
from shared.domain.resources import Kind, State
from shared.domain.wants.snapshot import data_disk
from tests.stateful.simulated import CREATIONS, SimulatedLife
from tests.support.fake_cloud import Happening, Thing

SLOW = (Kind.WORKBENCH, Kind.SNAPSHOT)
# An operation begun in the last moment before a hold can't be called back.
IN_FLIGHT = timedelta(minutes=5)
# A snapshot is kept for so long from when it was begun, which may be before it is complete.
_BEFORE_READY = timedelta(days=1)


def check(life: SimulatedLife) -> None:
    """Everything that must hold all the while."""
    cloud = life.world.cloud
    cloud.settle()
    for index in range(life.checked, len(cloud.happenings)):
        happening = cloud.happenings[index]
        _CHECKS.get(happening.what, _nothing)(life, happening)
    if len(cloud.happenings) > life.checked:
        life.checked = len(cloud.happenings)
        _nothing_foreign_is_touched(life)
        _nobody_has_what_is_not_theirs(life)
    _what_is_announced_is_so(life)
    for record in life.records():
        life.outcomes[f"phase:{record.phase}"] = 1
        life.outcomes[f"health:{record.health}"] = 1
    # A worker that crashes has claimed its place, and nobody counts again before it is taken.
    most = CREATIONS + life.outcomes["trap:crash"]
    lost = bool(life.model.lost)
    assert cloud.most_creating <= most or lost, f"{cloud.most_creating} are made at once"


def _one_resource_per_person_kind_and_slot(life: SimulatedLife, made: Happening) -> None:
    """Invariant 1: at any time, in whatever zone; it was made while there was none."""
    life.seen_ready.pop((made.kind, made.name), None)
    if not made.key or made.kind.is_use or made.kind is Kind.DISK or made.key in life.model.lost:
        return
    same = [
        t
        for t in life.world.cloud.ever
        if (t.key, t.kind, t.slot) == (made.key, made.kind, made.slot)
        and t.born is not None
        and t.born <= made.at
        and (t.died is None or t.died > made.at)
    ]
    assert len(same) <= 1, f"two at once: {', '.join(t.name for t in same)}"


def _nothing_foreign_is_touched(life: SimulatedLife) -> None:
    """Invariant 3."""
    for kind, name in life.foreign:
        thing = life.world.cloud.things[kind, name]
        assert (thing.key, thing.state) == ("", State.READY)
        told = [h.what for h in life.world.cloud.happenings if h.name == name]
        assert set(told) <= {"created"}, f"somebody else's {name} was {told}"


def _nobody_has_what_is_not_theirs(life: SimulatedLife) -> None:
    """Invariants 4 and 12: neither another's resource nor another's data."""
    for thing in life.world.cloud.things.values():
        if thing.kind is Kind.WORKBENCH:
            assert not thing.key or thing.key == person_key(thing.email)
        for text in filter(None, thing.data.split(";") if thing.data and thing.key else ()):
            author = text.partition(":")[0]
            assert person_key(author) == thing.key, f"{thing.name} holds data of {author}"


def _gone(life: SimulatedLife, gone: Happening) -> None:
    """Invariant 7: nothing goes too early, or while it is held, or unsaved."""
    cloud = life.world.cloud
    if not gone.key:
        return
    ready_at = life.seen_ready.pop((gone.kind, gone.name), None)
    # A session is ended, not deleted; what failed to be made holds nothing of anybody's.
    if gone.kind is not Kind.SESSION and (ready_at or gone.kind not in SLOW):
        held = life.model.held(gone.key, gone.began, for_at_least=IN_FLIGHT)
        assert not held, f"{gone.kind} {gone.name} was deleted while its owner was held"
    if gone.kind is Kind.SNAPSHOT and ready_at:
        kept_until = ready_at + life.model.shortest_keep(gone.key) - _BEFORE_READY
        assert gone.began >= kept_until, f"snapshot {gone.name} was deleted before its time"
        life.model.expired.add(gone.key)
    if gone.kind is Kind.WORKBENCH and ready_at:
        in_time = gone.began + life.spread
        assert life.model.may_remove(gone.key, in_time), f"{gone.name} was deleted too early"
        dead = [
            t for t in cloud.ever if (t.kind, t.name, t.died) == (gone.kind, gone.name, gone.at)
        ]
        assert _is_saved(life, dead[-1]), f"{gone.name} was deleted without a snapshot of its data"


def _is_saved(life: SimulatedLife, notebook: Thing) -> bool:
    """Whether the work in a notebook that went is in a snapshot, if anybody asked for one."""
    if not notebook.data or not life.model.always_kept(notebook.email):
        return True
    disk = data_disk(notebook.name)
    snapshots = [t for t in life.world.cloud.ever if t.kind is Kind.SNAPSHOT and t.was_ready]
    copies = [t for t in snapshots if t.source == disk and t.data == notebook.data]
    whole = [t for t in copies if t.died is None or (notebook.died and t.died > notebook.died)]
    # One that others deleted in the last moment was there when it was looked at.
    return bool(whole) or (bool(copies) and life.lost_snapshot(notebook.email))


def _ready(life: SimulatedLife, ready: Happening) -> None:
    life.seen_ready.setdefault((ready.kind, ready.name), ready.at)


def _started(life: SimulatedLife, started: Happening) -> None:
    """Only a return from leaving starts a notebook that its owner or idle shutdown has stopped."""
    thing = life.world.cloud.things.get((started.kind, started.name))
    if thing is None or thing.halted_at is None:
        return
    halted_at, thing.halted_at = thing.halted_at, None
    if started.began < halted_at or started.key in life.model.lost:
        return
    left = any(
        leave.verb == "leave"
        and person_key(leave.email) == started.key
        # One whose worker crashed takes effect when it is delivered again.
        and max(leave.acked_at or leave.tried_at, leave.starts()) >= halted_at - IN_FLIGHT
        for leave in life.model.sent
        if leave.tried_at is not None
    )
    woken = f"{started.name} was started although its owner had stopped it"
    assert left or _may_have_landed_late(life), woken


def _may_have_landed_late(life: SimulatedLife) -> bool:
    """Whether a start or a stop may have been under way for longer than was observed."""
    return any(delay.hits for delay in life.world.cloud.delays)


def _what_is_announced_is_so(life: SimulatedLife) -> None:
    lies, life.lies = life.lies, []
    assert not lies, lies[0]


def _nothing(life: SimulatedLife, happening: Happening) -> None:
    """Ignore an event that no invariant is about."""


_CHECKS = {
    "created": _one_resource_per_person_kind_and_slot,
    "ready": _ready,
    "deleted": _gone,
    "started": _started,
}
