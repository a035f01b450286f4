"""A short report of a life: what happened, what the record and the cloud show, what failed."""

from __future__ import annotations

from datetime import datetime

from shared.domain.environment import Environment
from tests.support.simulation.driver import Lived
from tests.support.simulation.simulated import SimulatedLife

_MOST_LINES = 70
_ROUTINE = ("intent.", "order.", "resource.creating", "resource.stopping", "resource.starting")


def report(lived: Lived) -> str:
    """The report of a failed life, and of the invariant that failed."""
    life = lived.life
    lines = [f"{at:%m-%d %H:%M:%S} {text}" for at, _, text in sorted(_lines(life))]
    if len(lines) > _MOST_LINES:
        half = _MOST_LINES // 2
        lines = [*lines[:half], f"  … {len(lines) - 2 * half} lines …", *lines[-half:]]
    steps = " ".join(f"{name}{list(numbers)}" for name, numbers in lived.steps)
    ends = [_how_it_stands(life, record) for record in life.records()]
    return "\n".join([*lines, *filter(None, ends), f"BROKEN: {lived.failure}", f"steps: {steps}"])


def _lines(life: SimulatedLife) -> list[tuple[datetime, int, str]]:
    lines = [(at, n, text) for n, (at, text) in enumerate(life.said)]
    for happening in life.world.cloud.happenings:
        name = happening.name.rpartition("/")[2]
        zone = happening.name.partition("/locations/")[2].partition("/")[0]
        where = f" in {zone}" if zone.count("-") > 1 else ""
        text = f"    cloud: {happening.kind} {name} {happening.what}{where}"
        lines.append((happening.at, 10_000 + len(lines), text))
    for record in life.world.store.page(100).items:
        for entry in reversed(life.world.store.history(record.key, 100_000)):
            if not entry.action.startswith(_ROUTINE):
                text = f"    record {record.key}: {entry.action}: {entry.text}"
                lines.append((entry.at, 20_000 + len(lines), text[:200]))
    return lines


def _how_it_stands(life: SimulatedLife, record: Environment) -> str:
    who = life.who(record.key)
    email = life.model.email_of(who, life.now)
    newest = life.model.newest(who, life.now)
    should = f"{newest.verb} {newest.profile}".strip() if newest else "nothing"
    resources = ", ".join(
        f"{r.id} {r.state}{f' ({r.step} in progress)' if r.step else ''}" for r in record.resources
    )
    status = record.status
    return (
        f"person {who}, {email}: should be {should}; the record says {status.phase} as "
        f"{record.terms.profile}, due {status.due_at}, problem {status.problem or 'none'}; "
        f"{resources}"
    )
