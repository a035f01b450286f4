"""What everybody must have, or must no longer have, once faults have stopped."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.domain.environment import Entry, Phase, Verb
from shared.domain.names import person_key
from shared.domain.resources import Kind, State
from tests.stateful import expected
from tests.stateful.expected import FOREIGN
from tests.stateful.invariants import check
from tests.stateful.model import Sent
from tests.stateful.simulated import SimulatedLife
from tests.stateful.world import GRACE
from tests.support.fake_cloud import Thing


def everyone_is_where_they_should_be(life: SimulatedLife, *, at_last: bool = False) -> None:
    """Invariants 2 and 6: the newest event rules, whatever order they came in.

    ``at_last``: whatever is to be removed is removed by now.
    """
    check(life)
    for email in life.people:
        newest = life.model.newest(email, life.now)
        alive = [t for t in life.world.cloud.alive() if t.key == person_key(email)]
        alive = [t for t in alive if t.kind not in (Kind.SNAPSHOT, Kind.DISK)]
        if newest is None:
            assert not alive, f"{email} never came, and has {[t.name for t in alive]}"
        elif newest.verb is Verb.JOIN:
            _all_is_there(life, email, newest, [t for t in alive if not t.kind.is_use])
        else:
            if person_key(email) in life.model.partial and not _is_removed(life, email):
                continue  # what their record doesn't know of is found by the last look everywhere
            _all_is_stopped_or_gone(life, email, alive)
            if at_last:
                _no_disk_is_forgotten(life, email)


def _all_is_there(life: SimulatedLife, email: str, newest: Sent, alive: list[Thing]) -> None:
    wanted = expected.wanted(email, newest.profile, newest.cost_center)
    there = {f"{t.kind}/{t.slot}": t for t in alive}
    excess = there.keys() - wanted.keys()
    assert not excess, f"{email} has {sorted(excess)} beyond the profile {newest.profile}"
    for id, want in wanted.items():
        thing = there.get(id)
        if thing is None:
            assert _may_be_missing(life, email, want.kind, newest), f"{email} has no {id}"
        elif thing.kind is Kind.WORKBENCH:
            _the_notebook_is_right(life, email, newest, thing)
        else:
            assert thing.digest == want.digest, f"{id} of {email} is not as the newest event says"


def _may_be_missing(life: SimulatedLife, email: str, kind: Kind, newest: Sent) -> bool:
    """Whether the name is taken, or somebody else deleted it and no event came since."""
    if email == FOREIGN and life.foreign and kind is Kind.WORKBENCH:
        return True
    deleted_at = life.vandalised.get((person_key(email), kind))
    landed = newest.landed()
    return deleted_at is not None and (landed is None or landed <= deleted_at)


def _the_notebook_is_right(life: SimulatedLife, email: str, newest: Sent, notebook: Thing) -> None:
    if notebook.state is State.BROKEN:
        assert _is_for_people(life, notebook), f"the notebook of {email} is broken"
        return
    idle = notebook.halted_at is not None and not _has_returned_since(life, email, notebook)
    right = (State.READY, State.STOPPED) if idle else (State.READY,)
    assert notebook.state in right, f"the notebook of {email} is {notebook.state}"
    if _lost_its_labels_since(life, notebook, newest):
        return
    wrong = expected.difference(email, newest.profile, newest.cost_center, notebook)
    assert not wrong, f"the notebook of {email} has {wrong}"
    _the_work_is_there(life, email, notebook)


def _lost_its_labels_since(life: SimulatedLife, notebook: Thing, newest: Sent) -> bool:
    """Whether its labels were taken off, and no event came since to notice it."""
    unlabelled_at, landed = life.unlabelled.get(notebook.name), newest.landed()
    return unlabelled_at is not None and (landed is None or landed <= unlabelled_at)


def _has_returned_since(life: SimulatedLife, email: str, notebook: Thing) -> bool:
    """Whether they left, and came back, after their notebook was stopped by hand."""
    return any(
        e.action == "intent.applied" and e.text.startswith("leave") and e.at > _halted(notebook)
        for e in history_of(life, email)
    )


def _halted(notebook: Thing) -> datetime:
    assert notebook.halted_at is not None
    return notebook.halted_at


def _the_work_is_there(life: SimulatedLife, email: str, notebook: Thing) -> None:
    if life.broken or life.model.was_moved(email) or not life.model.always_kept(email):
        return
    if notebook.key in life.model.expired or life.lost_snapshot(email):
        return
    if (notebook.key, Kind.WORKBENCH) in life.vandalised:
        return
    written = life.written.get(email, "")
    assert notebook.data == written, f"{email} wrote {written!r}, and finds {notebook.data!r}"


def _all_is_stopped_or_gone(life: SimulatedLife, email: str, alive: list[Thing]) -> None:
    record = life.world.environment(email)
    others = [t.name for t in alive if t.kind is not Kind.WORKBENCH]
    assert not others, f"{email} has left, and still has {others}"
    longest = max(GRACE, timedelta(days=14))
    for notebook in alive:
        assert notebook.state in (State.STOPPED, State.DELETING, State.BROKEN), (
            f"{email} has left, and their notebook is {notebook.state}; "
            f"the record says {record.phase if record else 'nothing'}"
        )
        if notebook.state is State.BROKEN and _is_for_people(life, notebook):
            continue
        if notebook.key in life.model.lost:
            continue  # stopped, at least: nobody knows how long it was to be kept
        gone = life.model.must_be_gone(email, life.now, longest)
        assert not gone, f"{email} left long ago, and {notebook.name} is still there"


def _is_removed(life: SimulatedLife, email: str) -> bool:
    record = life.world.environment(email)
    return record is not None and record.phase is Phase.REMOVED


def _no_disk_is_forgotten(life: SimulatedLife, email: str) -> None:
    """A disk that outlived its notebook is deleted, or listed as a leftover."""
    record = life.world.environment(email)
    scans = [leaving.scan for leaving in record.leavings if leaving.scan] if record else []
    listed = " ".join(text for scan in scans for text in (*scan.leftovers, *scan.kept))
    for disk in life.world.cloud.alive(Kind.DISK):
        mine = disk.key == person_key(email)
        assert not mine or disk.name in listed, f"{email} left, and {disk.name} is forgotten"


def _is_for_people(life: SimulatedLife, thing: Thing) -> bool:
    """Whether ``thing`` is broken in a way that we must not repair by deleting it.

    It was used, or its creation failed but the answer that named the operation was lost, so
    that nobody can know whether it was.
    """
    return thing.name in life.broken or life.lost_an_answer


def history_of(life: SimulatedLife, email: str) -> tuple[Entry, ...]:
    """The history of somebody, newest first."""
    return life.world.store.history(person_key(email), 100_000)
