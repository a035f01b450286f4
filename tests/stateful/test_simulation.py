"""The simulation itself: lives are data, jumps in time change nothing, failures are minimised."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.names import person_key
from shared.domain.resources.kinds import Kind, Step
from shared.domain.status import Phase
from tests.stateful.simulate import Work, main, some_lives
from tests.support.builders import ANA, minutes
from tests.support.fake_cloud import Happening
from tests.support.simulation import driver
from tests.support.simulation.choices import as_recorded
from tests.support.simulation.coverage import Coverage
from tests.support.simulation.driver import Lived, live, replay
from tests.support.simulation.minimise import minimised
from tests.support.simulation.rules import RULES, named
from tests.support.simulation.simulated import SKEW, SimulatedLife
from tests.support.simulation.story import report
from tests.support.simulation.world import GRACE, World

BEN = "ben@example.com"
SEED = 20261126
NAMES = tuple(rule.name for rule in named())
FEW = ("join", "admin_command", "time_passes", "minutes_pass")
OTHERS = tuple(name for name in NAMES if name not in FEW)


class TestLives:
    @pytest.mark.slow
    def test_a_life_is_the_same_at_every_run_and_from_its_record(self) -> None:
        for number in range(20):
            lived = live(SEED, number, named())
            again = live(SEED, number, named())
            recorded = replay(lived.steps)
            assert lived.steps == again.steps == recorded.steps
            assert lived.life.said == again.life.said == recorded.life.said
            assert lived.life.world.cloud.happenings == recorded.life.world.cloud.happenings

    def test_a_life_does_not_depend_on_the_lives_before_it(self) -> None:
        part = some_lives(Work(SEED, range(3, 6), NAMES))
        alone = [live(SEED, number, named()) for number in range(3, 6)]
        assert part.coverage.rules == sum_of(alone).rules
        assert part.coverage.outcomes == sum_of(alone).outcomes

    def test_a_rule_with_nothing_to_do_has_no_effect_and_says_nothing(self) -> None:
        for name in ("somebody_works", "idle_shutdown", "somebody_deletes_something"):
            life = SimulatedLife(as_recorded(()))
            said = list(life.said)
            RULES[name].act(life, as_recorded(()))
            assert (life.said, life.world.points) == (said, {}), name

    def test_rules_can_be_left_out_but_not_misspelt(self) -> None:
        assert "join" not in {rule.name for rule in named(without=["join"])}
        with pytest.raises(ValueError, match="no such rule: jion"):
            named(without=["jion"])


class TestTime:
    def test_leaving_out_ticks_at_which_nothing_is_due_changes_nothing(self) -> None:
        def lived(*, every_tick: bool) -> list[Happening]:
            world = World(every_tick=every_tick)
            world.cloud.short = {"us-central1-a"}
            world.join(ANA)
            world.run_for(minutes(40))
            world.join(BEN, effective_at=world.clock.now() + minutes(95))
            world.leave(ANA)
            world.run_for(GRACE + timedelta(days=1), every=minutes(10))
            world.leave(BEN, immediate=True)
            world.run_for(timedelta(days=1), every=minutes(7))
            return world.cloud.happenings

        assert lived(every_tick=False) == lived(every_tick=True)

    def test_a_process_with_a_fast_clock_finds_due_records_earlier(self) -> None:
        world = World(skews=(SKEW,))
        world.join(ANA, effective_at=world.clock.now() + minutes(10))
        world.run_for(minutes(10) - SKEW, every=timedelta(seconds=10))
        assert world.record(ANA).status.phase is not Phase.SCHEDULED
        assert world.clock.now() < world.record(ANA).updated_at


class TestTheWorld:
    def test_a_lost_record_leaves_nothing_but_the_cloud(self) -> None:
        world = World()
        world.join(ANA)
        assert world.store.lose(person_key(ANA))
        assert world.environment(ANA) is None
        assert world.store.history(person_key(ANA), 10) == ()
        assert not world.store.lose(person_key(ANA))
        assert world.cloud.alive(Kind.WORKBENCH)

    def test_an_older_version_that_comes_back_can_be_saved_over(self) -> None:
        world = World()
        world.join(ANA)
        world.run_for(minutes(5))
        assert world.store.lose(person_key(ANA), back=3)
        assert world.record(ANA).status.phase is Phase.PROVISIONING
        world.leave(ANA)
        assert world.record(ANA).leaving

    def test_slow_operations_and_those_that_google_began_end_when_faults_stop(
        self,
    ) -> None:
        world = World()
        slow = world.cloud.slow_down(Kind.WORKBENCH, Step.CREATE, timedelta(days=3650))
        world.join(ANA)
        assert slow.hits == 1
        [thing] = world.cloud.alive(Kind.WORKBENCH)
        world.cloud.end_soon(minutes(5))
        world.pass_time(minutes(5))
        world.cloud.settle()
        before = thing.state
        world.cloud.upgrade(thing, Step.UPDATE.moving, minutes(10))
        assert world.cloud.busy(thing)
        world.pass_time(minutes(10))
        world.cloud.settle()
        assert (thing.state, world.cloud.busy(thing)) == (before, False)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[[SimulatedLife], None]:
    """An invariant of which we know when it breaks: nobody is trial while another is held."""

    def check(life: SimulatedLife) -> None:
        held = any(spans and spans[-1][1] is None for spans in life.model.holds.values())
        trial = any(s.profile == "trial" for s in life.model.sent)
        assert not (held and trial), "somebody is trial while another is held"

    monkeypatch.setattr(driver, "check", check)
    monkeypatch.setattr(driver, "finish", check)
    return check


@pytest.mark.usefixtures("planted")
class TestFailures:
    def test_a_broken_invariant_is_found_and_its_life_minimised(self) -> None:
        shortest = minimised(broken())
        assert shortest.failure.startswith("somebody is trial while another is held")
        # A life begins; somebody has a record and is held, which takes a join; a trial joins.
        assert len(shortest.steps) <= 4
        assert replay(shortest.steps).kind == shortest.kind

    def test_the_story_says_what_happened_what_broke_and_how_to_reproduce_it(self) -> None:
        story = report(minimised(broken()))
        assert "BROKEN: somebody is trial while another is held" in story
        assert "joins as trial" in story
        assert "steps: begin" in story

    @pytest.mark.slow
    def test_a_run_that_fails_says_so_and_names_the_life(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ["--lives", "60", "--seed", str(SEED), "--jobs", "1", "--stories", "1"]
        assert main([*arguments, "--without", *OTHERS]) == 1
        printed = capsys.readouterr().out
        assert "FAILED in 1 ways" in printed
        assert f"make simulate SEED={SEED} LIFE={broken_number()}" in printed


class TestCoverage:
    def test_outcomes_that_never_occurred_are_named(self) -> None:
        report = sum_of([live(SEED, 0, named(without=NAMES[1:]))]).report(named())
        never = next(line for line in report.splitlines() if line.startswith("never seen: "))
        assert "health:quarantined" in never
        assert "join" in never

    def test_pairs_of_rules_are_counted_once_per_life(self) -> None:
        lived = live(SEED, 0, named())
        lived.bit = ["join", "leave", "join", "leave"]
        counted = sum_of([lived])
        assert counted.pairs == {("join", "leave"): 1, ("leave", "join"): 1}
        assert counted.rules == {"join": 2, "leave": 2}


def broken() -> Lived:
    """The first life of the seed that breaks the planted invariant."""
    return live(SEED, broken_number(), named(without=OTHERS))


def broken_number() -> int:
    """Its number."""
    return next(n for n in range(sys.maxsize) if live(SEED, n, named(without=OTHERS)).failure)


def sum_of(lives: list[Lived]) -> Coverage:
    """What those lives have gone through."""
    coverage = Coverage()
    for lived in lives:
        coverage.add(lived)
    return coverage
