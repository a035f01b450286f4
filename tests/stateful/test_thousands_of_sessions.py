"""Thousands of sessions of one person: all are ended, and the record stays one small document."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from shared.adapters.state.documents import encode_environment
from shared.domain.names import person_key
from shared.domain.projections.offboarding_record import current
from shared.domain.resources.kinds import Kind
from shared.domain.status import Phase
from tests.support.builders import ANA
from tests.support.simulation.world import World

COUNT = 5_000
MOST_BYTES = 200_000  # a Firestore document holds 1 MiB


def _bytes(world: World) -> int:
    return len(msgspec.json.encode(encode_environment(world.record(ANA))))


@pytest.mark.slow
def test_thousands_of_sessions_of_a_leaver_fit_into_one_document() -> None:
    world, largest = World(), 0
    world.join(ANA)
    world.run_for(timedelta(minutes=5))
    for n in range(COUNT):
        name = f"projects/demo/locations/us-central1/sessions/a-session-of-anas-{n:04}"
        world.cloud.start_use(Kind.SESSION, name, person_key(ANA), ANA)
    world.leave(ANA, immediate=True)
    for _ in range(6 * 60):
        largest = max(largest, _bytes(world))
        if world.record(ANA).status.phase is Phase.REMOVED:
            break
        world.run_for(timedelta(minutes=1))
    assert world.cloud.alive(Kind.SESSION) == []
    assert world.record(ANA).status.phase is Phase.REMOVED
    assert largest < MOST_BYTES
    leaving = current(world.record(ANA).departure.records)
    assert leaving is not None
    sessions = [thing for thing in leaving.had if thing.about == "session/started"]
    assert len(sessions) + leaving.had_more == COUNT
    assert leaving.deeds_left_out > 0
    assert "stop" in {str(deed.step) for deed in leaving.deeds if deed.about == "workbench/main"}
