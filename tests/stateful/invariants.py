"""The invariants of the design, checked after everything that happens, and how a life must end."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis.stateful import RuleBasedStateMachine, invariant

from shared.domain.environment import Verb
from shared.domain.names import person_key
from shared.domain.policy import Policy
from shared.domain.resources import Kind, State
from shared.domain.wants.snapshot import data_disk
from tests.stateful.model import Model, Sent
from tests.stateful.world import GRACE, START, World
from tests.support.fake_drivers import Happening, Thing

EMAILS = ("ana@example.com", "ben@example.com", "a.na@example.com", "cleo@example.com")
FOREIGN = EMAILS[2]
FULL = {Kind.WORKBENCH, Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE}
EXPECTED = {
    "full": FULL,
    "lean": {Kind.WORKBENCH},
    "brief": {Kind.WORKBENCH, Kind.SESSION_TEMPLATE},
}
SLOW = (Kind.WORKBENCH, Kind.SNAPSHOT)
# An operation begun in the last moment before a hold can't be called back.
IN_FLIGHT = timedelta(minutes=5)


class Invariants(RuleBasedStateMachine):
    """What the machine's rules must not be able to break."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Policy(creations=2))  # so few that people have to queue
        self.model = Model()
        self.foreign: set[tuple[Kind, str]] = set()
        self.checked = 0
        self.vandalised: set[tuple[str, Kind]] = set()
        self.broken: set[str] = set()
        self.written: dict[str, str] = {}
        self.lost_an_answer = False

    def deliver(self, sent: Sent) -> None:
        """Deliver what was sent once more; the machine knows how."""
        raise NotImplementedError

    def disarm(self) -> None:
        """From here on nothing fails any more."""
        raise NotImplementedError

    # All the while

    @invariant()
    def invariant_1_one_resource_per_person_kind_and_slot(self) -> None:
        made = [t for t in self.world.cloud.alive() if t.key and not t.kind.is_use]
        owned = [(t.key, t.kind, t.slot) for t in made]
        assert len(owned) == len(set(owned)), owned

    @invariant()
    def invariant_3_nothing_foreign_is_touched(self) -> None:
        for kind, name in self.foreign:
            thing = self.world.cloud.things[kind, name]
            assert (thing.key, thing.state) == ("", State.READY)
            told = [h.what for h in self.world.cloud.happenings if h.name == name]
            assert set(told) <= {"created"}, told

    @invariant()
    def invariant_4_a_resource_belongs_to_the_person_of_its_record(self) -> None:
        for thing in self.world.cloud.alive(Kind.WORKBENCH):
            assert not thing.key or thing.key == person_key(thing.email)

    @invariant()
    def invariant_7_nothing_goes_too_early_or_while_held_or_unsaved(self) -> None:
        happenings = self.world.cloud.happenings
        for index in range(self.checked, len(happenings)):
            gone = happenings[index]
            if gone.what != "deleted" or not gone.key or gone.name in self.vandalised_names():
                continue
            used = _was_ready(happenings[:index], gone.name)
            # A session is ended, not deleted; what failed to be made holds nothing of anybody's.
            if gone.kind is not Kind.SESSION and (used or gone.kind not in SLOW):
                held = self.model.held(gone.key, gone.at, for_at_least=IN_FLIGHT)
                assert not held, self.story(("held", gone), gone.key)
            if gone.kind is Kind.WORKBENCH and used:
                assert self.model.may_remove(gone.key, gone.at), self.story(
                    ("too early", gone), gone.key
                )
                assert self._is_saved(gone), self.story(("not saved", gone), gone.key)
        self.checked = len(happenings)

    def story(self, what: object, key: str) -> str:
        """What the history and the cloud say of the person, for whoever reads the failure."""
        history = [(e.at, e.text) for e in self.world.store.history(key, 100_000)]
        happened = [h for h in self.world.cloud.happenings if h.key == key]
        cloud = [(h.at, f"CLOUD: {h.kind} {h.what}: {h.name}") for h in happened]
        told = sorted(history + cloud, key=lambda line: line[0])
        return "\n".join([f"{what}", *(f"{at:%m-%d %H:%M:%S} {line}" for at, line in told)])

    def vandalised_names(self) -> set[str]:
        """What somebody else deleted behind our back."""
        return {name for name, _ in self.vandalised}

    def _is_saved(self, gone: Happening) -> bool:
        """Whether the work in a notebook that went is in a snapshot, if anybody asked for one."""
        ever = self.world.cloud.ever
        dead = [t for t in ever if (t.kind, t.name, t.died) == (gone.kind, gone.name, gone.at)]
        email = dead[-1].email
        if not dead[-1].data or not self.model.always_kept(email):
            return True
        disk = data_disk(gone.name)
        return any(
            t.kind is Kind.SNAPSHOT and t.source == disk and t.data == dead[-1].data and t.was_ready
            for t in ever
        )

    # In the end

    def teardown(self) -> None:
        self.disarm()
        cloud = self.world.cloud
        cloud.failures.clear()
        cloud.short.clear()
        self.world.topics.deaf = False
        for sent in self.model.sent:
            if sent.acked_at is None:
                self.deliver(sent)
        self._no_event_was_lost()
        self.world.pass_time(timedelta(seconds=1))
        for email in EMAILS:  # a hold may have come along with a change of address
            record = self.world.environment(email)
            if record is not None and record.held is not None:
                assert self.world.order("release", email) == "applied"
        now = self.world.clock.now()
        for spans in self.model.holds.values():
            spans[-1:] = [(begun, ended or now) for begun, ended in spans[-1:]]
        last = max((s.effective_at for s in self.model.sent if s.effective_at), default=START)
        self.world.run_for(timedelta(hours=1))
        while self.world.clock.now() < last:
            self.world.run_for(timedelta(days=1), every=timedelta(hours=6))
        self.world.run_for(timedelta(days=3), every=timedelta(hours=1))
        self._everyone_is_where_they_should_be()
        self.world.run_for(GRACE, every=timedelta(hours=12))
        self.world.run_for(timedelta(days=2), every=timedelta(hours=1))
        self._everyone_is_where_they_should_be()
        self._it_stays_quiet()
        self._everything_was_announced()
        self.invariant_7_nothing_goes_too_early_or_while_held_or_unsaved()

    def _no_event_was_lost(self) -> None:
        """Invariant 5: the history says of every event what became of it."""
        for sent in self.model.sent:
            history = self.world.store.history(person_key(sent.email), 100_000)
            ours = {e.action for e in history if e.event_id == sent.order[2]}
            assert ours & {"intent.applied", "intent.stale", "intent.scheduled"}, sent

    def _everyone_is_where_they_should_be(self) -> None:
        """Invariants 2 and 6: the newest event rules, whatever order they came in."""
        now = self.world.clock.now()
        for email in EMAILS:
            newest = self.model.newest(email, now)
            alive = [t for t in self.world.cloud.alive() if t.key == person_key(email)]
            alive = [t for t in alive if t.kind is not Kind.SNAPSHOT]
            if newest is None:
                assert not alive
            elif newest.verb is Verb.JOIN:
                self._all_is_there(email, newest, [t for t in alive if not t.kind.is_use])
            else:
                self._all_is_stopped_or_gone(email, alive)

    def _all_is_there(self, email: str, newest: Sent, alive: list[Thing]) -> None:
        expected = set(EXPECTED[newest.profile])
        notebook = next((t for t in alive if t.kind is Kind.WORKBENCH), None)
        record = self.world.record(email)
        if email == FOREIGN and self.foreign and notebook is None:
            expected -= {Kind.WORKBENCH}  # the name is taken, and left alone
        else:
            assert notebook is not None, record
            fit = (State.READY, *([State.BROKEN] if self._is_for_people(notebook) else []))
            assert notebook.state in fit, record
            self._the_work_is_there(email, notebook)
            if notebook.state is State.READY:
                machine = "e2-standard-4" if newest.profile == "full" else "e2-standard-2"
                assert notebook.body["gceSetup"]["machineType"] == machine, self.story(
                    record, record.key
                )
        # Without a later event a deletion behind our back goes unnoticed.
        kinds = {t.kind for t in alive}
        needed = {k for k in expected if (person_key(email), k) not in self.vandalised}
        assert needed <= kinds <= expected, self.story((kinds, expected, record), record.key)

    def _the_work_is_there(self, email: str, notebook: Thing) -> None:
        if self.broken or self.model.was_moved(email) or not self.model.always_kept(email):
            return
        if self.lost_snapshot(email):
            return
        assert notebook.data == self.written.get(email, ""), (notebook.data, self.written)

    def lost_snapshot(self, email: str) -> bool:
        """Whether somebody deleted a snapshot of theirs behind our back."""
        return (person_key(email), Kind.SNAPSHOT) in self.vandalised

    def _all_is_stopped_or_gone(self, email: str, alive: list[Thing]) -> None:
        assert {t.kind for t in alive} <= {Kind.WORKBENCH}, (alive, self.world.record(email))
        for notebook in alive:
            record = self.world.record(email)
            assert notebook.state in (State.STOPPED, State.BROKEN), (notebook, record)
            if notebook.state is not State.BROKEN or not self._is_for_people(notebook):
                assert not self.model.must_be_gone(email, self.world.clock.now()), record

    def _it_stays_quiet(self) -> None:
        self._everyone_consents()
        calls = self._writes()
        for email in EMAILS:
            environment = self.world.environment(email)
            # What is foreign stays a problem somebody must mend: it is looked at once a day.
            # So is what broke. A snapshot waits for its end.
            if environment is None or (email == FOREIGN and self.foreign):
                continue
            waits = [r.expires_at for r in environment.resources if r.expires_at]
            waits += [r.ask_at for r in environment.resources if r.ask_at]
            quiet = environment.due_at is None or environment.due_at in waits
            assert quiet or self._somebody_must_mend(), environment
        self.world.run_for(timedelta(hours=5), every=timedelta(minutes=30))
        if not self.foreign and not self._somebody_must_mend():
            assert self._writes() == calls

    def _writes(self) -> Counter[str]:
        counts = self.world.cloud.counts
        asking = (".consented", ".observe")
        return Counter({name: n for name, n in counts.items() if not name.endswith(asking)})

    def _everyone_consents(self) -> None:
        for thing in self.world.cloud.alive(Kind.WORKBENCH):
            thing.consented = True if thing.consented is not None else None
        self.world.run_for(timedelta(days=2), every=timedelta(hours=6))

    def _everything_was_announced(self) -> None:
        """All of it, under ids that never mean two things."""
        texts: dict[str, object] = {}
        for news in self.world.topics.news:
            assert texts.setdefault(news["id"], news) == news
        for email in EMAILS:
            environment = self.world.environment(email)
            if environment is not None:
                assert not environment.outbox, environment
                numbers = range(1, environment.announced + 1)
                missing = [n for n in numbers if f"{environment.key}-{n}" not in texts]
                assert not missing, (missing, environment)

    def _somebody_must_mend(self) -> bool:
        return any(t.state is State.BROKEN for t in self.world.cloud.alive(Kind.WORKBENCH))

    def _is_for_people(self, thing: Thing) -> bool:
        """Whether ``thing`` is broken in a way that we must not heal by deleting it.

        It was used, or its creation failed but the answer that named the operation was lost, so
        that nobody can know whether it was.
        """
        return thing.name in self.broken or self.lost_an_answer


def _was_ready(happenings: list[Happening], name: str) -> bool:
    """Whether the thing now called ``name`` was ever usable since it was created."""
    for happening in reversed(happenings):
        if happening.name == name:
            if happening.what == "ready":
                return True
            if happening.what == "created":
                return False
    return False
