"""The invariants of the design, checked after everything that happens in a simulated life.

Each checks only what has happened since the last check. ``ending.py`` checks how a life must end.
"""

from __future__ import annotations

from datetime import timedelta

from shared.domain.manifests.snapshot import data_disk
from shared.domain.resources.kinds import Kind, State
from tests.support.fake_cloud import Happening, Thing
from tests.support.simulation.simulated import CREATIONS, SimulatedLife

SLOW = (Kind.WORKBENCH, Kind.SNAPSHOT)
# An operation begun in the last moment before a hold can't be called back.
IN_FLIGHT = timedelta(minutes=5)
# A snapshot is kept for so long from when it was begun, which may be before it is complete.
_BEFORE_READY = timedelta(days=1)

_USABLE = ("created", "ready", "started", "stopped", "halted", "deleted", "deleted_by_others")


def check(life: SimulatedLife) -> None:
    """Everything that must hold at any time."""
    cloud = life.world.cloud
    cloud.settle()
    life.record_split_people()
    for index in range(life.checked, len(cloud.happenings)):
        happening = cloud.happenings[index]
        _CHECKS.get(happening.what, _nothing)(life, happening)
        if happening.what in _USABLE:
            _one_usable_notebook_a_person(life, happening)
    if len(cloud.happenings) > life.checked:
        life.checked = len(cloud.happenings)
        _nothing_foreign_is_touched(life)
        _resources_and_data_are_the_persons_own(life)
    _announcements_are_true(life)
    records = life.records()
    for record in records:
        life.outcomes[f"phase:{record.status.phase}"] = 1
        life.outcomes[f"health:{record.status.health}"] = 1
    # A crashed worker has saved its claim, and nobody counts before the next claim.
    # Two notebooks of records that are merged are counted as one from then on.
    most = CREATIONS + life.outcomes["trap:crash"] + len(life.split_until)
    lost = bool(life.model.lost)
    assert not cloud.overwritten, f"a restore overwrote work: {cloud.overwritten}"
    assert cloud.most_creating <= most or lost, (
        f"{cloud.most_creating} notebooks are created at once"
    )


def _one_resource_per_person_kind_and_slot(life: SimulatedLife, made: Happening) -> None:
    """Invariant 1: it was created while there was no other, in any zone."""
    life.seen_ready.pop((made.kind, made.name), None)
    if not made.key or made.kind.is_workload or made.kind is Kind.DISK:
        return
    if life.who(made.key) in life.model.lost:
        return
    if made.kind is Kind.WORKBENCH:
        return  # a successor has the same slot; see ``_one_usable_notebook_a_person``
    same = [
        t
        for t in life.world.cloud.ever
        if (t.key, t.kind, t.slot) == (made.key, made.kind, made.slot)
        and t.born is not None
        and t.born <= made.at
        and (t.died is None or t.died > made.at)
    ]
    assert len(same) <= 1, f"two at once: {', '.join(t.name for t in same)}"


def _one_usable_notebook_a_person(life: SimulatedLife, happening: Happening) -> None:
    """A notebook to be replaced is stopped before its successor is created."""
    if happening.kind is not Kind.WORKBENCH or not happening.key:
        return
    who = life.who(happening.key)
    if happening.what in ("stopped", "halted", "deleted", "deleted_by_others"):
        life.running.get(who, set()).discard(happening.name)
        return
    running = life.running.setdefault(who, set())
    things = life.world.cloud.things
    others = {
        name
        for name in running - {happening.name}
        if (thing := things.get((Kind.WORKBENCH, name))) and thing.state is State.READY
    }
    apart = who in life.split_until
    excused = apart or who in life.model.lost or _may_have_landed_late(life)
    assert excused or not others, f"{happening.name} was {happening.what} while {others} run"
    if happening.what in ("ready", "started"):  # not one that somebody started by hand
        running.add(happening.name)


def _nothing_foreign_is_touched(life: SimulatedLife) -> None:
    """Invariant 3: a foreign resource was only created."""
    for kind, name in life.foreign:
        thing = life.world.cloud.things[kind, name]
        assert (thing.key, thing.state) == ("", State.READY)
        happened = [h.what for h in life.world.cloud.happenings if h.name == name]
        assert set(happened) <= {"created"}, f"somebody else's {name} was {happened}"


def _resources_and_data_are_the_persons_own(life: SimulatedLife) -> None:
    """Invariants 4 and 12: no resource and no data of another person."""
    for thing in life.world.cloud.things.values():
        if not thing.key:
            continue
        who = life.who(thing.key)
        if thing.kind is Kind.WORKBENCH:
            addresses = life.model.individuals[who].addresses
            assert thing.email in addresses, f"{thing.name} of {who} is for {thing.email}"
        for text in filter(None, thing.data.split(";")):
            author = text.partition(":")[0]
            assert author == f"person {who}", f"{thing.name} of {who} holds data of {author}"


def _deleted(life: SimulatedLife, gone: Happening) -> None:
    """Invariant 7: nothing is deleted too early, under a hold, or unsaved."""
    cloud = life.world.cloud
    if not gone.key:
        return
    who = life.who(gone.key)
    ready_at = life.seen_ready.pop((gone.kind, gone.name), None)
    # A session is ended, not deleted; a failed creation holds no work.
    if gone.kind is not Kind.SESSION and (ready_at or gone.kind not in SLOW):
        held = life.model.held(who, gone.began, for_at_least=IN_FLIGHT)
        assert not held or life.is_split(who, gone.began), (
            f"{gone.kind} {gone.name} was deleted while its owner was held"
        )
    if gone.kind is Kind.SNAPSHOT and ready_at:
        kept_until = ready_at + life.model.shortest_keep(who) - _BEFORE_READY
        assert gone.began >= kept_until, f"snapshot {gone.name} was deleted before its time"
        life.model.expired.add(who)
    if gone.kind is Kind.WORKBENCH and ready_at:
        in_time = gone.began + life.spread
        dead = [
            t for t in cloud.ever if (t.kind, t.name, t.died) == (gone.kind, gone.name, gone.at)
        ]
        replaced = not life.model.may_remove(who, in_time)
        if replaced:
            assert life.model.was_replaced(who), f"{gone.name} was deleted too early"
            assert _successor_has_the_data(life, who, dead[-1]), (
                f"{gone.name} was deleted before its successor has its data"
            )
        saved = _is_saved(life, who, dead[-1], always=replaced)
        assert saved, f"{gone.name} was deleted without a snapshot of its data"


def _successor_has_the_data(life: SimulatedLife, who: int, notebook: Thing) -> bool:
    """Whether a superseded notebook has a successor with its data."""
    if not notebook.data or who in life.split_until:
        return True
    if life.lost_snapshot(who) or (who, Kind.WORKBENCH) in life.deleted_by_others:
        return True
    # Its successor may have been deleted since, when the person left.
    others = [
        t
        for t in life.world.cloud.ever
        if t.kind is Kind.WORKBENCH
        and t.key
        and life.who(t.key) == who
        and (t.died is None or notebook.died is None or t.died > notebook.died)
    ]
    return any(t.data.startswith(notebook.data) and t.was_ready for t in others)


def _is_saved(life: SimulatedLife, who: int, notebook: Thing, *, always: bool) -> bool:
    """Whether the work in a deleted notebook is in a snapshot, if one was required."""
    if not notebook.data or not (always or life.model.always_kept(who)):
        return True
    snapshots = [t for t in life.world.cloud.ever if t.kind is Kind.SNAPSHOT and t.was_ready]
    # Also the one that it was restored from, as long as nobody has worked in it since.
    same = [t for t in snapshots if t.source == data_disk(notebook.name) or t.key == notebook.key]
    copies = [t for t in same if t.data == notebook.data]
    whole = [t for t in copies if t.died is None or (notebook.died and t.died > notebook.died)]
    # One that others deleted at the last moment existed when it was observed.
    return bool(whole) or (bool(copies) and life.lost_snapshot(who))


def _ready(life: SimulatedLife, ready: Happening) -> None:
    life.seen_ready.setdefault((ready.kind, ready.name), ready.at)


def _started(life: SimulatedLife, started: Happening) -> None:
    """Only a return after a leave starts a notebook that its owner or idle shutdown stopped."""
    thing = life.world.cloud.things.get((started.kind, started.name))
    if thing is None or thing.halted_at is None:
        return
    halted_at, thing.halted_at = thing.halted_at, None
    who = life.who(started.key)
    if started.began < halted_at or who in life.model.lost:
        return
    left = any(
        leave.verb == "leave"
        and leave.who == who
        # An event whose worker crashed takes effect at its next delivery, a scheduled one at the
        # next tick or event.
        and (
            leave.effective_at is not None
            or max(leave.acked_at or leave.tried_at, leave.starts()) >= halted_at - IN_FLIGHT
        )
        for leave in life.model.sent
        if leave.tried_at is not None
    )
    # For a replacement it is stopped by us, and started again if it is called off.
    moved = any(
        join.who == who and bool(join.previous)
        for join in life.model.sent
        if join.tried_at is not None and (join.acked_at or life.now) >= halted_at - IN_FLIGHT
    )
    left = left or moved
    message = f"{started.name} was started although its owner had stopped it"
    assert left or _may_have_landed_late(life), message


def _may_have_landed_late(life: SimulatedLife) -> bool:
    """Whether a start or a stop may have been carried out later than observed."""
    return any(delay.hits for delay in life.world.cloud.delays)


def _announcements_are_true(life: SimulatedLife) -> None:
    untrue, life.untrue_announcements = life.untrue_announcements, []
    assert not untrue, untrue[0]


def _nothing(life: SimulatedLife, happening: Happening) -> None:
    """Ignore an event that no invariant is about."""


_CHECKS = {
    "created": _one_resource_per_person_kind_and_slot,
    "ready": _ready,
    "deleted": _deleted,
    "started": _started,
}
