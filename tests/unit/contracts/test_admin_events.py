"""The admin event: what is read, what is refused (as strictly as any), and what comes of it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.commands.admin_action import AdminAction
from shared.domain.commands.admin_commands import AdminCommand
from shared.domain.contracts.bulk_retry import BulkRetry
from shared.domain.contracts.event_parsing import to_command
from shared.domain.contracts.inbound_events import AdminEvent
from shared.domain.contracts.json_schemas import admin_event_schema
from shared.domain.contracts.rejections import Rejected
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Health, Phase
from tests.support.builders import (
    ANA,
    KEY,
    a_message,
    actions_of,
    calls_of,
    hold_lease,
    minutes,
    once_at,
    ready_world,
)
from tests.support.simulation.world import START, World

SCHEMA = jsonschema.Draft202012Validator(admin_event_schema())
LEAST = {"action": "hold", "email": ANA, "reason": "a lawsuit"}


def payload(**fields: object) -> bytes:
    return json.dumps(LEAST | fields).encode()


def read(data: bytes) -> AdminCommand:
    """A command about one person."""
    command = to_command(a_message(data, topic="admin-events"), now=START)
    assert isinstance(command, AdminCommand)
    return command


def send(world: World, data: bytes, *, id: str = "m-1") -> str:
    return world.deliver(a_message(data, topic="admin-events", id=id))


def held(world: World) -> bool:
    return world.record(ANA).held is not None


# What is read


def test_the_smallest_valid_command() -> None:
    order = read(payload())
    assert (order.action, order.email, order.reason) == (AdminAction.HOLD, ANA, "a lawsuit")
    assert (order.event_id, order.source) == ("m-1", "pubsub:admin-events")
    assert (order.occurred_at, order.by) == (START, "")


def test_every_field_is_read_as_it_was_sent() -> None:
    fields = {
        "action": "release",
        "email": "Ana@Example.com",
        "by": "legal <legal@example.com>",
        "event_id": "case-7",
        "occurred_at": "2026-03-01T09:30:00+01:00",
    }
    order = read(payload(**fields))
    assert (order.action, order.email) == (AdminAction.RELEASE, ANA)
    assert (order.by, order.event_id) == (fields["by"], "case-7")
    assert order.occurred_at.isoformat() == fields["occurred_at"]


# What is refused (the plain cases: refused_events/admin_commands.py)

CONTROLS = ["x\nroles: [owner]", "x\r\nSet-Cookie: a=b", "x\x00y", "\x1b]0;o\x07", "x\u2028y"]
TRICKS = ["a: {b: c}", "<script>alert(1)</script>", "../../etc/passwd", "{{7*7}}", "'; DROP TABLE"]


@pytest.mark.parametrize("trick", CONTROLS)
@pytest.mark.parametrize("field", ["action", "email", "reason", "by", "event_id"])
def test_control_characters_are_refused_in_every_field(field: str, trick: str) -> None:
    world = ready_world()
    assert send(world, payload(**{field: trick})) in ("wrong-shape", "bad-email")
    [parked] = world.store.parked(10).items
    assert parked.reason.startswith(field)
    assert not held(world)


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("field", ["reason", "by"])
def test_invariant_10_hostile_text_stays_text(field: str, trick: str) -> None:
    world = ready_world()
    names = {t.name for t in world.cloud.alive()}
    assert send(world, payload(**{field: trick})) == "applied"
    hold = world.record(ANA).held
    assert hold is not None
    assert getattr(hold, field) == trick
    world.run_for(minutes(5))
    assert {t.name for t in world.cloud.alive()} == names


# The published schema


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("action", "delete"),
        ("action", None),
        ("email", "a" * 255),
        ("email", 7),
        ("email", None),
        ("email", " \u00a0"),
        ("person_id", "a b"),
        ("key", "ana"),
        ("key", f"{KEY}\n"),
        ("reason", ""),
        ("reason", " \u00a0"),
        ("reason", None),
        ("reason", "a\nb"),
        ("by", "b" * 201),
        ("event_id", "a b"),
        ("shoe_size", 42),
    ],
)
def test_decoder_and_schema_refuse_the_same(field: str, value: object) -> None:
    assert not SCHEMA.is_valid(LEAST | {field: value})
    with pytest.raises(Rejected):
        to_command(a_message(payload(**{field: value})), now=START)


_line = st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp"))


@given(
    st.sampled_from(AdminAction),
    st.text(_line, min_size=1, max_size=1000).filter(str.strip),
    st.none() | st.text(_line, max_size=200),
)
def test_decoder_and_schema_read_the_same(action: AdminAction, reason: str, by: str | None) -> None:
    fields = {"action": action.value, "email": ANA, "reason": reason, "by": by}
    SCHEMA.validate(fields)
    order = read(json.dumps(fields).encode())
    assert (order.action, order.reason, order.by) == (
        action,
        reason,
        by if by and by.strip() else "",
    )


def test_the_schema_names_every_field_and_requires_what_has_no_default() -> None:
    schema = admin_event_schema()
    assert set(schema["properties"]) == set(AdminEvent.__struct_fields__)
    assert sorted(schema["required"]) == ["action", "reason"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("named", [{"email": ANA}, {"person_id": "7"}, {"key": KEY}], ids=str)
@pytest.mark.parametrize("others", [None, "", "\u00a0"], ids=repr)
def test_one_of_the_names_of_a_person_is_enough_for_schema_and_decoder(
    named: dict[str, str], others: str | None
) -> None:
    blank = {"email": others, "person_id": others, "key": others}
    fields = {"action": "hold", "reason": "x"} | blank | named
    SCHEMA.validate(fields)
    command = read(json.dumps(fields).encode())
    [(field, value)] = named.items()
    assert command.named == (field, value)
    assert {command.email, command.person_id, command.key} == {"", value}
    assert not SCHEMA.is_valid(fields | blank)


BULK = {"action": "retry", "problem": "STOCK_OUT", "reason": "x"}


@pytest.mark.parametrize(
    "more",
    [{}, {"email": None, "hold": " "}, {"after": "WyJ", "event_id": "i-7", "source": "ops"}],
    ids=str,
)
def test_a_retry_for_a_problem_is_read_by_schema_and_decoder(more: dict[str, str | None]) -> None:
    SCHEMA.validate(BULK | more)
    order = to_command(a_message(json.dumps(BULK | more).encode()), now=START)
    assert isinstance(order, BulkRetry)
    assert (order.problem, order.reason, order.occurred_at) == ("STOCK_OUT", "x", START)
    assert order.event_id == more.get("event_id", "m-1")
    assert (order.after, order.sender) == (more.get("after", ""), more.get("source", ""))


@pytest.mark.parametrize(
    "changes",
    [
        {"email": ANA}, {"person_id": "7"}, {"key": KEY}, {"hold": "CASE-7"}, {"problem": "a b"},
        {"problem": ""}, {"problem": None}, {"problem": "", "after": "WyJ", "email": ANA},
        *({"action": action} for action in ("hold", "release", "recreate")),
    ],
    ids=str,
)  # fmt: skip
def test_a_problem_with_anything_else_is_refused_by_schema_and_decoder(
    changes: dict[str, str | None],
) -> None:
    assert not SCHEMA.is_valid(BULK | changes)
    with pytest.raises(Rejected):
        to_command(a_message(json.dumps(BULK | changes).encode()), now=START)


# What comes of it


def test_a_hold_is_announced_recorded_and_protects_the_notebook() -> None:
    world = ready_world()
    assert world.command("hold", ANA, reason="a lawsuit", by="legal@example.com") == "applied"
    [entry] = [e for e in world.store.history(KEY, 100) if e.action == "order.applied"]
    assert entry.text == "hold by legal@example.com (a lawsuit)"
    world.run_for(minutes(5))
    [notebook] = world.cloud.alive(Kind.WORKBENCH)
    assert (notebook.protected, notebook.state) == (True, State.READY)
    assert world.record(ANA).status.phase is Phase.READY


def test_a_release_lifts_the_protection_of_the_notebook() -> None:
    world = ready_world()
    world.command("hold", ANA)
    world.run_for(minutes(5))
    world.command("release", ANA)
    world.run_for(minutes(5))
    [notebook] = world.cloud.alive(Kind.WORKBENCH)
    assert not notebook.protected
    assert not held(world)


def test_a_notebook_that_an_admin_protected_by_hand_stays_protected() -> None:
    world = ready_world()
    [notebook] = world.cloud.alive(Kind.WORKBENCH)
    notebook.protected = True
    world.command("hold", ANA)
    world.run_for(minutes(5))
    world.command("release", ANA)
    world.run_for(minutes(5))
    assert notebook.protected


def test_a_duplicate_command_is_recorded_and_makes_no_call_to_the_cloud() -> None:
    world = ready_world()
    send(world, payload())
    world.run_for(minutes(5))
    outcomes: list[str] = []
    calls = calls_of(world, lambda: outcomes.append(send(world, payload())))
    assert (outcomes, calls) == (["duplicate"], {"find": 1, "append": 1})


def test_a_stale_command_is_recorded() -> None:
    world = ready_world()
    world.command("hold", ANA)
    assert world.command("release", ANA, occurred_at=START.isoformat()) == "stale"
    assert held(world)
    assert "order.stale" in actions_of(world)


def test_a_command_during_another_workers_lease_is_recorded_and_left_to_it() -> None:
    world = ready_world()
    hold_lease(world)
    calls = calls_of(world, lambda: world.command("hold", ANA))
    assert calls == {"find": 1, "save": 1}
    assert held(world)


@pytest.mark.parametrize("point", ["before:find", "before:save", "after:save"])
def test_a_command_that_was_not_saved_is_delivered_again_and_carried_out(
    point: str,
) -> None:
    class StateDown(Exception):
        pass

    def down() -> None:
        raise StateDown

    world = ready_world()
    hit = once_at(world, point, down)
    with pytest.raises(StateDown):
        send(world, payload())
    assert hit
    assert send(world, payload()) == ("duplicate" if point == "after:save" else "applied")
    assert held(world)


@pytest.mark.parametrize("action", ["retry", "release"])
def test_a_quarantined_resource_is_tried_again_at_once(action: str) -> None:
    world = World()
    name = ready_world().cloud.alive(Kind.WORKBENCH)[0].name
    foreign = world.cloud.add_foreign(Kind.WORKBENCH, name)
    world.join(ANA)
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.PROVISIONING, Health.QUARANTINED)
    world.cloud.remove(foreign, world.clock.now())
    world.pass_time(minutes(5))
    assert world.command(action, ANA) == "applied"
    world.run_for(minutes(5))
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.READY, Health.OK)


def test_a_hold_during_the_removal_keeps_what_is_still_there() -> None:
    world = ready_world()
    world.leave(ANA, immediate=True)
    world.run_for(minutes(2))
    assert world.record(ANA).status.phase is Phase.REMOVING
    world.command("hold", ANA)
    world.run_for(minutes(60))
    kinds: dict[Kind, Any] = {t.kind: t.state for t in world.cloud.alive()}
    assert kinds[Kind.WORKBENCH] is State.STOPPED
    assert world.record(ANA).status.phase is Phase.SUSPENDED
    world.command("release", ANA)
    world.run_for(minutes(10))
    assert world.record(ANA).status.phase is Phase.REMOVED
