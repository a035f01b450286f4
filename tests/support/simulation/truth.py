"""Checks that an announcement is true at the moment at which it is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.domain.environment import Environment
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from tests.support.fake_cloud import Thing
from tests.support.simulation import expected
from tests.support.simulation.simulated import SimulatedLife

_LATELY = timedelta(hours=1)


def untrue(life: SimulatedLife, body: dict[str, Any]) -> str:
    """Why an announcement is untrue, in words; '' if it is true or can't be checked.

    It can't be checked if others changed something lately, if a record was lost, or if the
    announcement is of an earlier time.
    """
    data = body["data"]
    email = str(data["email"])
    record = life.world.environment(email)
    late = abs(datetime.fromisoformat(str(body["time"])) - life.now) > life.spread
    if record is None or late:
        return ""
    who = life.who(record.key)
    changed_at = life.changed.get(who)
    if who in life.model.lost or _unsure(life, who, changed_at):
        return ""
    theirs = [t for t in life.world.cloud.alive() if t.key in record.keys]
    # Snapshots are kept; a disk that outlived its notebook may be listed as a leftover.
    theirs = [t for t in theirs if t.kind not in (Kind.SNAPSHOT, Kind.DISK)]
    news = data["news"]
    if news == "ready" and record.status.phase is Phase.READY:
        return _not_ready(life, record, str(data.get("notebook", "")), theirs)
    if news == "suspended" and record.status.phase is Phase.SUSPENDED:
        held = record.held is not None
        seen = [t for t in theirs if t.state is State.READY]
        running = [t.name for t in seen if not (held and _may_stay(life, who, t))]
        return f"{running} run" if running else ""
    if news == "removed" and record.status.phase is Phase.REMOVED:
        return f"{[t.name for t in theirs]} are there" if theirs else ""
    return ""


def _may_stay(life: SimulatedLife, who: int, thing: Thing) -> bool:
    """Whether a hold keeps ``thing``, or the template from which a leaver started it later."""
    if thing.kind is Kind.SESSION:
        landed = _landed(life, who)
        return landed is not None and thing.born >= landed
    return not thing.kind.holds_data


def _landed(life: SimulatedLife, who: int) -> datetime | None:
    """When the event in force took effect, at the latest; None if it may not have yet."""
    newest = life.model.newest(who, life.now)
    return newest.landed() if newest is not None else None


def _unsure(life: SimulatedLife, who: int, changed_at: datetime | None) -> bool:
    """Whether others changed something lately, or no event has shown the change since."""
    if changed_at is None:
        return False
    landed = _landed(life, who)
    return life.now - changed_at < _LATELY or landed is None or landed - life.spread <= changed_at


def _not_ready(life: SimulatedLife, record: Environment, link: str, theirs: list[Thing]) -> str:
    if not link:
        return "without a link to open"
    # The owner starts a notebook that they or idle shutdown stopped.
    notebooks = [t for t in theirs if t.kind is Kind.WORKBENCH and not life.is_superseded(t)]
    usable = [t for t in notebooks if t.state is State.READY or t.halted_at is not None]
    if not usable:
        return "they have no usable notebook"
    email, cost_center = record.person.email, record.person.cost_center or ""
    wanted = expected.manifests(record.key, email, record.terms.profile, cost_center)
    there = {f"{t.kind}/{t.slot}": t for t in theirs}
    # What others deleted is noticed at the next event at the latest.
    missing = {
        id
        for id, manifest in wanted.items()
        if id not in there and (life.who(record.key), manifest.kind) not in life.deleted_by_others
    }
    if missing:
        return f"{sorted(missing)} are not there"
    return expected.difference(record.key, record.terms.profile, cost_center, usable[0])
