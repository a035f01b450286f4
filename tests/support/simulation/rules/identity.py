"""What happens to addresses: they change, are given to others, and are contradicted."""

from __future__ import annotations

from datetime import timedelta

from shared.domain.commands.intent import Verb
from tests.support.simulation.choices import Choices
from tests.support.simulation.expected import COST_CENTERS
from tests.support.simulation.rules.events import PROFILES, arm
from tests.support.simulation.rules.registry import rule
from tests.support.simulation.simulated import SimulatedLife

SCHEDULED_AHEAD = (timedelta(minutes=5), timedelta(days=2))


@rule(4)
def somebody_with_an_id_joins(life: SimulatedLife, choices: Choices) -> None:
    """The identity system names the id of somebody who is here, or comes."""
    email = choices.pick(life.people)
    profile, cost_center = choices.pick(PROFILES), choices.pick(COST_CENTERS)
    who = life.model.holder(email)
    if not life.names_somebody(email, timedelta()) or not _is_allowed(life, who):
        return
    if who is None:
        who = life.model.newcomer(email, "id-")
    individual = life.model.individuals[who]
    individual.person_id = individual.person_id or f"id-{who}"
    arm(life, choices)
    life.say(f"{email} joins as {profile}, with the id {individual.person_id}")
    life.send(
        Verb.JOIN,
        email,
        who=who,
        profile=profile,
        cost_center=cost_center,
        person_id=individual.person_id,
    )


@rule(8)
def an_address_changes(life: SimulatedLife, choices: Choices) -> None:
    """Somebody gets another address, or a former one again; the message may arrive later."""
    here = [i.number for i in life.model.individuals if _is_allowed(life, i.number)]
    here = [who for who in here if life.model.of(who)]
    if not here:
        return
    who = choices.pick(here)
    old, new = life.model.true_email(who, life.now), _another(life, choices, who)
    profile, cost_center = choices.pick(PROFILES), choices.pick(COST_CENTERS)
    event: dict[str, object] = {"profile": profile, "cost_center": cost_center}
    by_id = life.model.is_known_by_id(who) and choices.one_in(2)
    if life.model.holder(old) != who and not by_id:
        return  # it belongs to somebody else now
    if life.is_to_change(who):
        return
    if by_id:
        event["person_id"] = life.model.individuals[who].person_id
    else:
        event["previous_email"] = old
    held_back = choices.one_in(3)
    ahead = None if held_back else choices.pick((None, None, None, *SCHEDULED_AHEAD))
    if not held_back:
        arm(life, choices)
    how = f"{' by their id' * by_id}{f' in {ahead}' if ahead else ''}"
    life.say(f"{old} is {new}{how}, {profile}{'; the message is held back' * held_back}")
    life.send(Verb.JOIN, new, who=who, ahead=ahead, held_back=held_back, **event)


def _is_allowed(life: SimulatedLife, who: int | None) -> bool:
    return "example.com" in life.world.allowed_domains and who not in life.model.lost


def _another(life: SimulatedLife, choices: Choices, who: int) -> str:
    """An address that nobody else ever had."""
    addresses = life.model.individuals[who].addresses
    old = life.model.true_email(who, life.now)
    mine = [a for a in addresses if a != old and life.model.holder(a) == who]
    theirs = [s for s in life.model.sent if s.who == who and not s.refused]
    if any(s.acked_at is None for s in theirs):
        mine = []  # no record can know yet that it is theirs as well
    fresh = f"{addresses[0].partition('@')[0]}.{len(addresses)}.{who}@example.com"
    return choices.pick((fresh, *mine))


@rule(4)
def a_held_back_message_arrives(life: SimulatedLife, choices: Choices) -> None:
    """A message that was held back is delivered."""
    if life.held_back and "example.com" in life.world.allowed_domains:
        sent = choices.pick(life.held_back)
        arm(life, choices)
        life.say(f"the message about {sent.previous or 'their id'} and {sent.email} arrives")
        life.deliver(sent)


@rule(4)
def a_former_address_is_left(life: SimulatedLife, choices: Choices) -> None:
    """The old account is closed: the person stays."""
    former = [
        (i.number, a)
        for i in life.model.individuals
        for a in i.addresses
        if a != life.model.true_email(i.number, life.now) and life.model.holder(a) == i.number
        if any(s.who == i.number and a in (s.email, s.previous) for s in life.model.sent)
        if _was_theirs(life, i.number, a)
    ]
    former = [(who, a) for who, a in former if _is_allowed(life, who)]
    former = [(who, a) for who, a in former if not life.is_to_change(who)]
    if not former:
        return
    who, email = choices.pick(former)
    immediate, held_back = choices.one_in(2), choices.one_in(3)
    if not held_back:
        arm(life, choices)
    life.say(f"the former address {email} is left{'; the message is held back' * held_back}")
    life.send(Verb.LEAVE, email, who=who, immediate=immediate, held_back=held_back)


def _was_theirs(life: SimulatedLife, who: int, email: str) -> bool:
    """Whether they have had that address, and it is not only scheduled."""
    joins = [s for s in life.model.sent if s.who == who and s.verb is Verb.JOIN]
    return any(s.previous == email or (s.email == email and not s.effective_at) for s in joins)


@rule(3)
def somebody_new_gets_an_address(life: SimulatedLife, choices: Choices) -> None:
    """An address of somebody who has left, or has another now, is given to somebody else."""
    free = []
    for email in life.people:
        who = life.model.holder(email)
        if who is None or not _is_allowed(life, who) or not life.model.is_settled(who):
            continue
        newest = life.model.newest(who, life.now)
        if newest is None:
            continue
        left = newest.verb is Verb.LEAVE and life.model.is_known_by_id(who)
        if newest.email != email or left:
            free.append((email, left))
    if not free:
        return
    email, left = choices.pick(free)
    who = life.model.newcomer(email, "id-")
    profile, cost_center = choices.pick(PROFILES), choices.pick(COST_CENTERS)
    event: dict[str, object] = {"profile": profile, "cost_center": cost_center}
    if left or choices.one_in(2):
        event["person_id"] = life.model.individuals[who].person_id
    else:
        life.model.individuals[who].person_id = ""
    life.say(f"{email} is given to somebody new, {profile} {event.get('person_id', '')}")
    life.send(Verb.JOIN, email, who=who, **event)


@rule(3)
def an_id_contradicts(life: SimulatedLife, choices: Choices) -> None:
    """An event names another id than that of the owner of the address."""
    known = [
        i.number
        for i in life.model.individuals
        if _is_allowed(life, i.number) and life.model.is_known_by_id(i.number)
        if life.model.is_settled(i.number)
    ]
    newest = {who: life.model.newest(who, life.now) for who in known}
    # Of two records for one address, only one knows the id.
    whole = [who for who in known if not life.is_split(who, life.now)]
    here = [(who, s.email) for who in whole if (s := newest[who]) and s.verb is Verb.JOIN]
    if not here:
        return
    who, email = choices.pick(here)
    others = [
        i.person_id
        for i in life.model.individuals
        if i.person_id
        and i.number != who
        and email not in i.addresses  # else it may be about that time
    ]
    other = choices.pick(("id-unknown", *others))
    verb = choices.pick((Verb.JOIN, Verb.LEAVE))
    life.say(f"{verb} of {email} with the id {other}, which contradicts")
    life.send(verb, email, who=who, person_id=other, contradicts=True, immediate=verb is Verb.LEAVE)
