"""What everybody must have, or must not have any more, after faults have stopped."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.names import person_key
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from tests.support.fake_cloud import Thing
from tests.support.simulation import expected
from tests.support.simulation.expected import FOREIGN
from tests.support.simulation.invariants import check
from tests.support.simulation.model import Sent
from tests.support.simulation.simulated import SimulatedLife
from tests.support.simulation.world import GRACE


def everyone_is_where_they_should_be(life: SimulatedLife, *, at_last: bool = False) -> None:
    """Invariants 2 and 6: the newest event decides, in any order of arrival.

    ``at_last``: everything that is to be removed must be removed.
    """
    check(life)
    for individual in life.model.individuals:
        who = individual.number
        newest = life.model.newest(who, life.now)
        alive = [t for t in life.world.cloud.alive() if t.key and life.who(t.key) == who]
        alive = [t for t in alive if t.kind not in (Kind.SNAPSHOT, Kind.DISK)]
        if newest is None:
            assert not alive, f"{individual} never joined, and has {[t.name for t in alive]}"
            continue
        record = _the_only_record(life, who)
        if newest.verb is Verb.JOIN:
            assert record is not None, f"{individual} has no record"
            _all_is_there(life, record, newest, [t for t in alive if not t.kind.is_workload])
        else:
            if who in life.model.partial and not _is_removed(record):
                continue  # the final search finds what the record doesn't know
            _all_is_stopped_or_gone(life, who, record, alive)
            if at_last:
                _no_disk_is_forgotten(life, who, record)


def _the_only_record(life: SimulatedLife, who: int) -> Environment | None:
    """The only record of a person, found by each address that only they have."""
    records = [r for r in life.records() if life.who(r.key) == who]
    if who in life.model.lost:
        return records[0] if records else None
    email = life.model.email_of(who, life.now)
    assert len(records) <= 1, f"person {who} has {[r.key for r in records]}"
    for address in life.model.individuals[who].addresses:
        found = life.world.environment(address)
        if life.model.holder(address) == who and found is not None and records:
            assert found.key == records[0].key, f"{address} of person {who} is that of {found.key}"
    if records:
        assert life.world.record(email).key == records[0].key
        newest = life.model.newest(who, life.now)
        left = newest is not None and newest.verb is Verb.LEAVE
        assert left or records[0].person.email == email, (
            f"{records[0].person.email}, and not {email}"
        )
    return records[0] if records else None


def _all_is_there(
    life: SimulatedLife, record: Environment, newest: Sent, alive: list[Thing]
) -> None:
    wanted = expected.manifests(record.key, newest.email, newest.profile, newest.cost_center)
    if any(t.kind is Kind.WORKBENCH and _needs_a_person(life, t) for t in alive):
        # The superseded notebook stays for its data.
        alive = [t for t in alive if not life.is_superseded(t)]
    notebooks = [t.name for t in alive if t.kind is Kind.WORKBENCH]
    assert len(notebooks) <= 1, f"{newest.email} has {notebooks}"
    there = {f"{t.kind}/{t.slot}": t for t in alive}
    excess = there.keys() - wanted.keys()
    assert not excess, f"{newest.email} has {sorted(excess)} beyond the profile {newest.profile}"
    for id, manifest in wanted.items():
        thing = there.get(id)
        if thing is None:
            assert _may_be_missing(life, record, manifest.kind, newest), (
                f"{newest.email} has no {id}"
            )
        elif thing.kind is Kind.WORKBENCH:
            _the_notebook_is_right(life, record, newest, thing)
        else:
            right = thing.digest == manifest.digest
            assert right, f"{id} of {newest.email} is not as the newest event says"


def _may_be_missing(life: SimulatedLife, record: Environment, kind: Kind, newest: Sent) -> bool:
    """Whether the name is taken, or somebody else deleted it and no event came since."""
    if record.key == person_key(FOREIGN) and life.foreign and kind is Kind.WORKBENCH:
        return True
    deleted_at = life.deleted_by_others.get((newest.who, kind))
    landed = newest.landed()
    # By a clock that is ahead, a scheduled event takes effect before its time.
    return deleted_at is not None and (landed is None or landed - life.spread <= deleted_at)


def _the_notebook_is_right(
    life: SimulatedLife, record: Environment, newest: Sent, notebook: Thing
) -> None:
    email = newest.email
    if notebook.state is State.BROKEN:
        assert _needs_a_person(life, notebook), f"the notebook of {email} is broken"
        return
    idle = notebook.halted_at is not None and not _has_returned_since(life, newest.who, notebook)
    right = (State.READY, State.STOPPED) if idle else (State.READY,)
    assert notebook.state in right, f"the notebook of {email} is {notebook.state}"
    assert notebook.email == email, f"the notebook of {email} is for {notebook.email}"
    if _lost_its_labels_since(life, notebook, newest):
        return
    wrong = expected.difference(record.key, newest.profile, newest.cost_center, notebook)
    assert not wrong, f"the notebook of {email} has {wrong}"
    _the_work_is_there(life, newest.who, notebook)


def _lost_its_labels_since(life: SimulatedLife, notebook: Thing, newest: Sent) -> bool:
    """Whether its labels were removed, and no event came since to notice it."""
    unlabelled_at, landed = life.unlabelled.get(notebook.name), newest.landed()
    return unlabelled_at is not None and (landed is None or landed - life.spread <= unlabelled_at)


def _has_returned_since(life: SimulatedLife, who: int, notebook: Thing) -> bool:
    """Whether they left and returned after their notebook was stopped by hand."""
    return any(
        e.action == "intent.applied" and e.text.startswith("leave") and e.at > _halted(notebook)
        for e in life.history_of(who)
        if "a former address" not in e.text
    )


def _halted(notebook: Thing) -> datetime:
    assert notebook.halted_at is not None
    return notebook.halted_at


def _the_work_is_there(life: SimulatedLife, who: int, notebook: Thing) -> None:
    if life.broken or not life.model.always_kept(who):
        return
    if who in life.model.expired or life.lost_snapshot(who):
        return
    if (who, Kind.WORKBENCH) in life.deleted_by_others:
        return
    written = life.written.get(who, "")
    if who not in life.split_until:
        assert notebook.data == written, f"{who} wrote {written!r}, and finds {notebook.data!r}"
        return
    snapshots = [t for t in life.world.cloud.ever if t.kind is Kind.SNAPSHOT and t.was_ready]
    kept = notebook.data + "".join(t.data for t in snapshots if life.who(t.key) == who)
    lost = [text for text in written.split(";") if text and f"{text};" not in kept]
    assert not lost, f"{who} wrote {lost}, and it is lost"


def _all_is_stopped_or_gone(
    life: SimulatedLife, who: int, record: Environment | None, alive: list[Thing]
) -> None:
    name = f"person {who}"
    others = [t.name for t in alive if t.kind is not Kind.WORKBENCH]
    assert not others, f"{name} has left, and still has {others}"
    longest = max(GRACE, timedelta(days=14))
    for notebook in alive:
        assert notebook.state in (State.STOPPED, State.DELETING, State.BROKEN), (
            f"{name} has left, and {notebook.name} is {notebook.state}; "
            f"the record says {record.status.phase if record else 'nothing'}"
        )
        if notebook.state is State.BROKEN and _needs_a_person(life, notebook):
            continue
        if who in life.model.lost:
            continue  # stopped, at least: the lost record said how long to keep it
        gone = life.model.must_be_gone(who, life.now, longest)
        assert not gone, f"{name} left long ago, and {notebook.name} is still there"


def _is_removed(record: Environment | None) -> bool:
    return record is not None and record.status.phase is Phase.REMOVED


def _no_disk_is_forgotten(life: SimulatedLife, who: int, record: Environment | None) -> None:
    """A disk that outlived its notebook is deleted, or listed as a leftover."""
    scans = [leaving.scan for leaving in record.departure.records if leaving.scan] if record else []
    listed = " ".join(text for scan in scans for text in (*scan.leftovers, *scan.kept))
    for disk in life.world.cloud.alive(Kind.DISK):
        mine = life.who(disk.key) == who
        assert not mine or disk.name in listed, f"person {who} left, and {disk.name} is forgotten"


def _needs_a_person(life: SimulatedLife, thing: Thing) -> bool:
    """Whether ``thing`` is broken and must not be deleted by us.

    It was used, or its creation failed but the answer that named the operation was lost, so
    that nobody can know whether it was.
    """
    return thing.name in life.broken or life.lost_an_answer
