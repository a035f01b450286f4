"""From a message to an intent: every default is filled in.

What is refused is in ``refused_events/test_refused_events.py``.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.commands.intent import Intent, Verb
from shared.domain.contracts.event_parsing import ALLOWED_SKEW, Message, to_intent
from shared.domain.contracts.rejections import Rejected
from shared.domain.people.person import Person
from shared.domain.profiles import ProfileSet
from shared.domain.profiles.parse import parse_profiles
from tests.support.builders import ANA
from tests.support.simulation.world import MASTERS, PROFILES, START

DAY = 86400
OLD = "ana.old@example.com"
SET = parse_profiles(PROFILES, MASTERS)


def intent(verb: Verb = Verb.JOIN, **fields: Any) -> Intent:
    data = json.dumps({"email": ANA} | fields).encode()
    topic = "onboarding" if verb is Verb.JOIN else "offboarding"
    message = Message(id="m-1", topic=topic, published_at=START, data=data)
    return to_intent(
        message, verb, now=START, allowed_domains={"example.com"}, profiles=lambda: SET
    )


# Defaults


def test_without_a_named_profile_the_groups_decide() -> None:
    grouped = PROFILES.replace(b"profile: full}", b"profile: lean}")
    message = Message(
        id="m-1",
        topic="onboarding",
        published_at=START,
        data=json.dumps({"email": ANA, "groups": ["analysts@example.com"]}).encode(),
    )
    made = to_intent(
        message,
        Verb.JOIN,
        now=START,
        allowed_domains={"example.com"},
        profiles=lambda: parse_profiles(grouped, MASTERS),
    )
    assert made.profile == "lean"
    assert made.person.groups == ("analysts@example.com",)


def test_a_join_without_details_gets_the_default_profile_and_its_times() -> None:
    assert intent() == Intent(
        verb=Verb.JOIN,
        event_id="m-1",
        source="pubsub:onboarding",
        occurred_at=START,
        person=Person(email=ANA),
        profile="full",
        grace_seconds=14 * DAY,
        keep_seconds=90 * DAY,
    )


def test_a_leave_is_read_without_profiles() -> None:
    def no_profiles() -> ProfileSet:
        raise AssertionError("whatever state they are in, people can leave")

    message = Message(
        id="m-1", topic="offboarding", published_at=START, data=b'{"email":"ana@example.com"}'
    )
    made = to_intent(
        message,
        Verb.LEAVE,
        now=START,
        allowed_domains={"example.com"},
        profiles=no_profiles,
    )
    assert (made.profile, made.grace_seconds, made.keep_seconds) == ("", 0, 0)


def test_a_leave_keeps_only_facts_that_identify_the_person() -> None:
    facts = {"display_name": "Ana", "groups": ["a@example.com"], "team": "x", "cost_center": "y"}
    person = intent(Verb.LEAVE, person_id="P-1", **facts).person
    assert person == Person(email=ANA, person_id="P-1")
    assert intent(person_id="P-1").person == Person(email=ANA, person_id="P-1")


@pytest.mark.parametrize("immediate", [False, True])
def test_a_leave_may_be_immediate(immediate: bool) -> None:
    assert intent(Verb.LEAVE, immediate=immediate).immediate is immediate


@pytest.mark.parametrize(
    "more", [{}, {"previous_email": OLD}, {"effective_at": "2027-01-01T00:00:00Z"}]
)
def test_a_join_may_say_that_it_is_not_immediate(more: dict[str, Any]) -> None:
    assert not intent(immediate=False, **more).immediate


@pytest.mark.parametrize(
    ("ahead", "refused"), [(ALLOWED_SKEW, False), (ALLOWED_SKEW + timedelta(seconds=1), True)]
)
@pytest.mark.parametrize("verb", list(Verb))
def test_clocks_may_differ_a_little(verb: Verb, ahead: timedelta, refused: bool) -> None:
    moment = (START + ahead).isoformat()
    if refused:
        with pytest.raises(Rejected, match="is in the future"):
            intent(verb, occurred_at=moment)
    else:
        assert intent(verb, occurred_at=moment).occurred_at == START + ahead


# A changed address


def test_a_changed_address_is_one_intent_that_names_both() -> None:
    event: dict[str, Any] = {
        "event_id": "hr-7",
        "occurred_at": "2026-03-01T08:59:00Z",
        "effective_at": "2026-03-09T00:00:00Z",
        "reason": "married",
        "team": "risk",
        "profile": "lean",
    }
    changed = intent(previous_email=f" {OLD.upper()} ", **event)
    assert (changed.verb, changed.event_id, changed.profile) == (Verb.JOIN, "hr-7", "lean")
    assert changed.person == Person(email=ANA, team="risk")
    assert (changed.previous_email, changed.addresses) == (OLD, (ANA, OLD))
    assert intent().addresses == (ANA,)


def test_a_former_address_may_be_of_any_domain() -> None:
    """Whoever has it: the join of the new one is what has to be allowed."""
    assert intent(previous_email="ana@example.org").previous_email == "ana@example.org"
