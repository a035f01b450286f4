"""What happens to the deployment itself: time, restarts, Pub/Sub, settings, the state."""

from __future__ import annotations

from datetime import timedelta

from tests.support.simulation.choices import Choices
from tests.support.simulation.rules.events import arm
from tests.support.simulation.rules.registry import rule
from tests.support.simulation.simulated import SimulatedLife

SPANS = (
    timedelta(minutes=3),
    timedelta(seconds=5),
    timedelta(seconds=50),
    timedelta(hours=7),
)


@rule(4)
def time_passes(life: SimulatedLife, choices: Choices) -> None:
    """Time passes without a tick."""
    span = choices.pick(SPANS)
    life.say(f"{span} pass without a tick")
    life.world.pass_time(span)


@rule(8)
def the_minute_ticks(life: SimulatedLife, choices: Choices) -> None:
    """One tick, after some time."""
    span = choices.pick(SPANS)
    life.world.pass_time(span)
    arm(life, choices)
    life.say(f"a tick, {span} later")
    life.survive(life.world.minute)


@rule(10)
def minutes_pass(life: SimulatedLife, choices: Choices) -> None:
    """Minutes with ticks, so that running operations end."""
    minutes = choices.pick((5, 1, 60))
    life.say(f"{minutes} minutes pass")
    life.world.run_for(timedelta(minutes=minutes))


@rule(5)
def days_pass(life: SimulatedLife, choices: Choices) -> None:
    """Days with few ticks."""
    days = choices.pick((1, 15))
    life.say(f"{days} days pass")
    life.world.run_for(timedelta(days=days), every=timedelta(hours=6))


@rule(2)
def pubsub_refuses_announcements(life: SimulatedLife, choices: Choices) -> None:
    """Pub/Sub refuses announcements; or accepts them again."""
    refuses = choices.one_in(2)
    if refuses is not life.world.topics.refuses:
        life.say(f"Pub/Sub {'refuses announcements' if refuses else 'accepts announcements again'}")
        life.world.topics.refuses = refuses


@rule(2)
def all_processes_restart(life: SimulatedLife, choices: Choices) -> None:
    """Each process loses what it had in memory only."""
    life.say("all processes restart")
    life.world.restart()


@rule(2)
def the_domain_is_no_longer_allowed(life: SimulatedLife, choices: Choices) -> None:
    """The domain is removed from the list, or put back: nobody new can join; people who have an
    environment can leave, be held and be converged."""
    allowed = life.world.allowed_domains
    if "example.com" in allowed:
        allowed.discard("example.com")
        allowed.add("example.org")
    else:
        allowed.add("example.com")
    life.say(f"allowed domains: {', '.join(sorted(allowed))}")


@rule(1)
def a_record_is_lost(life: SimulatedLife, choices: Choices) -> None:
    """A record is lost with its history; or an older version of it is restored from a backup."""
    who, back = life.model.holder(choices.pick(life.people)), choices.index(4)
    keys = life.keys_of(who) if who is not None else []
    if who is None or len(keys) != 1 or life.model.has_had_addresses(who):
        return
    if not _is_known_without_record(life, who):
        return
    key = keys[0]
    if life.world.store.lose(key, back):
        life.model.lose(who, life.now)
        life.say(f"the record of {key} is lost{f', its version {back} comes back' * bool(back)}")


def _is_known_without_record(life: SimulatedLife, who: int) -> bool:
    """Whether it is certain whose the address is: nobody else had it, or it is known by the id of
    the last who got it."""
    addresses = set(life.model.individuals[who].addresses)
    sharing = [i.number for i in life.model.individuals if addresses & set(i.addresses)]
    by_id = life.model.is_known_by_id(who) and life.model.is_settled(who)
    return sharing == [who] or (who == max(sharing) and by_id)
