"""The end of a simulated life: faults stop, time passes, and everybody has the desired state."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from shared.domain.commands.intent import Verb
from shared.domain.names import person_key
from shared.domain.resources.kinds import Kind, State, Step
from tests.support.simulation.expected import FOREIGN
from tests.support.simulation.invariants import check
from tests.support.simulation.simulated import SimulatedLife
from tests.support.simulation.whereabouts import everyone_is_where_they_should_be
from tests.support.simulation.world import GRACE, START

_SOON = timedelta(minutes=5)


def finish(life: SimulatedLife) -> None:
    """Let faults stop and time pass, and check that the desired state is reached and stays."""
    _faults_stop(life)
    _no_event_was_lost(life)
    _nobody_is_held(life)
    last = max((s.effective_at for s in life.model.sent if s.effective_at), default=START)
    life.world.run_for(timedelta(hours=1))
    _others_repair_their_changes(life)
    _everybody_consents(life)  # else consent is checked every day from here on
    while life.now < last:
        life.world.run_for(timedelta(days=1), every=timedelta(hours=6))
    _everybody_consents(life)
    life.world.run_for(timedelta(days=3), every=timedelta(hours=1))
    everyone_is_where_they_should_be(life)
    life.world.run_for(GRACE, every=timedelta(hours=12))
    life.world.run_for(timedelta(days=2), every=timedelta(hours=1))
    everyone_is_where_they_should_be(life, at_last=True)
    _it_stays_quiet(life)
    _everything_was_announced(life)
    check(life)


def _faults_stop(life: SimulatedLife) -> None:
    life.say("from here on nothing fails any more")
    life.disarm()
    life.world.cloud.settle()
    life.world.cloud.end_soon(_SOON)
    _others_repair_their_changes(life)
    life.world.topics.refuses = False
    life.world.allowed_domains.add("example.com")
    for sent in life.model.sent:
        if sent.acked_at is None:
            life.deliver(sent)
    life.world.pass_time(timedelta(seconds=1))
    _duplicate_records_are_merged(life)
    if life.model.lost:
        life.world.run_for(
            timedelta(minutes=10)
        )  # no record knows of calls that may still be carried out
    for who in life.model.lost:
        email = life.model.true_email(who, life.now)
        life.say(f"the record of {email} was lost: HR says once more that they leave")
        if life.world.environment(email) is not None:
            life.model.partial.add(who)
        person_id = life.model.individuals[who].person_id
        named = {"person_id": person_id} if life.model.is_known_by_id(who) else {}
        life.send(Verb.LEAVE, email, who=who, **named)
    life.world.pass_time(timedelta(seconds=1))
    check(life)


def _duplicate_records_are_merged(life: SimulatedLife) -> None:
    """Send another event for each person with two records, so that they are merged.

    Two workers created them, each from an event of the same moment.
    """
    whose = Counter(life.who(record.key) for record in life.records())
    for who in [who for who, count in whose.items() if count > 1]:
        newest = life.model.newest(who, life.now)
        assert newest is not None
        life.say(f"{newest.email} has two records: HR says once more what it said last")
        cost_center = {"cost_center": newest.cost_center} if newest.cost_center else {}
        profile = {"profile": newest.profile} if newest.profile else {}
        immediate = newest.immediate
        life.send(newest.verb, newest.email, who=who, immediate=immediate, **profile, **cost_center)


def _others_repair_their_changes(life: SimulatedLife) -> None:
    """Lift their protection, and delete disks that block the creation of a notebook.

    Protection by a hold that was lost with its record needs an admin, too.
    """
    for thing in life.notebooks():
        if thing.name in life.protected_by_others or life.who(thing.key) in life.model.lost:
            thing.protected = False
    life.world.cloud.keep_disks = False
    for disk in life.world.cloud.alive(Kind.DISK):
        newest = life.model.newest(life.who(disk.key), life.now + timedelta(days=365))
        if newest is not None and newest.verb is Verb.JOIN:
            life.world.cloud.remove(disk, life.now, what="deleted_by_others")


def _no_event_was_lost(life: SimulatedLife) -> None:
    """Invariant 5: the history says what happened to every event."""
    found: dict[str, set[str]] = {}
    for who in range(len(life.model.individuals)):
        for entry in life.history_of(who):
            verb = entry.text.replace(",", " ").split()[0]  # a join and a leave may share an id
            found.setdefault(f"{who}/{verb}/{entry.event_id}", set()).add(entry.action)
            life.outcomes[f"history:{entry.action}"] = 1
    parked = {p.id for p in life.world.store.parked(1000).items}
    for sent in life.model.sent:
        if sent.who in life.model.lost:
            continue  # with the record, its history was lost
        actions = found.get(f"{sent.who}/{sent.verb}/{sent.event_id}", set())
        known = actions & {"intent.applied", "intent.stale", "intent.scheduled"}
        assert known or sent.message.id in {p.rpartition("-")[2] for p in parked}, (
            f"the {sent.verb} {sent.event_id} of {sent.email} was lost"
        )


def _nobody_is_held(life: SimulatedLife) -> None:
    for record in life.records():
        if record.held is not None:
            life.say(f"{record.person.email} ({record.key}) is released")
            # By the key: the address may be somebody else's by now.
            assert life.world.command("release", key=record.key, hold="all") == "applied"
    for spans in life.model.holds.values():
        spans[-1:] = [(begun, ended or life.now) for begun, ended in spans[-1:]]


def _it_stays_quiet(life: SimulatedLife) -> None:
    _everybody_consents(life)
    life.world.run_for(timedelta(days=2), every=timedelta(hours=6))
    calls = _writes(life)
    for record in life.records():
        # A foreign or broken resource stays a problem that somebody must fix: it is observed once a
        # day. A snapshot waits for its expiry.
        if record.key == person_key(FOREIGN) and life.foreign:
            continue
        if life.who(record.key) in life.model.lost:
            continue  # an admin may have to undo what the lost record knew, such as our protection
        waits = [r.retention.expires_at for r in record.resources if r.retention.expires_at]
        # A snapshot that expires just now is being deleted.
        going = any(r.retention.expires_at and r.step is Step.DELETE for r in record.resources)
        quiet = record.status.due_at is None or record.status.due_at in waits or going
        assert quiet or _somebody_must_repair(life), (
            f"{record.key} is {record.status.phase} and due at {record.status.due_at} for no reason"
        )
    ends = [
        r.retention.expires_at
        for record in life.records()
        for r in record.resources
        if r.retention.expires_at
    ]
    life.world.run_for(timedelta(hours=5), every=timedelta(minutes=30))
    if not life.foreign and not life.model.lost and not _somebody_must_repair(life):
        more = _writes(life) - calls
        more["snapshot.delete"] -= sum(1 for end in ends if end <= life.now)
        assert not +more, f"calls go on: {+more}"


def _everybody_consents(life: SimulatedLife) -> None:
    for thing in life.world.cloud.alive(Kind.WORKBENCH):
        thing.consented = True if thing.consented is not None else None


def _writes(life: SimulatedLife) -> Counter[str]:
    asking = (".consented", ".observe")
    counts = life.world.cloud.counts
    return Counter({name: n for name, n in counts.items() if not name.endswith(asking)})


def _everything_was_announced(life: SimulatedLife) -> None:
    """Every announcement was published, and no id was used for two."""
    texts: dict[str, object] = {}
    for news in life.world.topics.news:
        if life.who(news["subject"]) in life.model.lost:
            continue  # a restored version numbers announcements again
        assert texts.setdefault(news["id"], news) == news
    for record in life.world.store.page(100).items:
        assert not record.outbox.waiting, f"{record.key} has not announced {record.outbox.waiting}"
        if life.who(record.key) in life.model.lost:
            continue
        numbers = range(1, record.outbox.count + 1)
        missing = [n for n in numbers if f"{record.key}-{n}" not in texts]
        assert not missing, f"{record.key} never announced {missing}"


def _somebody_must_repair(life: SimulatedLife) -> bool:
    return any(t.state is State.BROKEN for t in life.world.cloud.alive(Kind.WORKBENCH))
