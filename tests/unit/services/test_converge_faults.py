"""Faults of the cloud: lost resources are created again, foreign ones are left alone."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.names import resource_id
from shared.domain.profiles.parse import parse_profiles
from shared.domain.reconciliation.placement import zone_of
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.status import Health, Phase
from tests.support.builders import (
    ANA,
    KEY,
    a_problem,
    actions_of,
    kinds_of,
    minutes,
    once_at,
    ready_world,
)
from tests.support.simulation.world import MASTERS, PROFILES, World

NOTEBOOK = f"projects/demo/locations/us-central1-a/instances/{resource_id('nb', KEY)}"
HOURS = timedelta(hours=1)
FULL = {Kind.WORKBENCH, Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ready() -> World:
    """Ana has everything, and all is quiet."""
    return ready_world()


@pytest.mark.parametrize("kind", [Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE])
def test_a_template_deleted_by_others_is_created_again_at_the_next_event(
    ready: World, kind: Kind
) -> None:
    [template] = ready.cloud.alive(kind)
    ready.cloud.remove(template, ready.clock.now())
    ready.join(ANA)
    assert kinds_of(ready) == FULL
    assert ready.cloud.counts[f"{kind}.create"] == 2


def test_without_their_profile_people_keep_their_resources_and_see_why(ready: World) -> None:
    world = ready
    world.join("ben@example.com", profile="lean")
    before = set(world.cloud.things)
    world.profiles.profiles = parse_profiles(_without_full(), MASTERS)
    world.converge.run(KEY)
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.READY, Health.RETRYING)
    assert set(world.cloud.things) == before
    assert "profile 'full' is not in profiles.yaml any more" in record.status.problem
    assert record.status.due_at is not None
    world.profiles.profiles = parse_profiles(PROFILES, MASTERS)
    world.run_for(2 * HOURS, every=HOURS / 2)
    record = world.record(ANA)
    assert (record.status.phase, record.status.health, record.status.problem) == (
        Phase.READY,
        Health.OK,
        "",
    )


def _without_full() -> bytes:
    text = PROFILES.decode().replace("full", "whole")
    assert text != PROFILES.decode()
    return text.encode()


def test_invariant_3_a_foreign_notebook_of_our_name_is_left_alone_and_reported(
    world: World,
) -> None:
    foreign = world.cloud.add_foreign(Kind.WORKBENCH, NOTEBOOK)
    world.join(ANA)
    world.run_for(timedelta(days=3), every=HOURS)
    world.leave(ANA, immediate=True)
    world.run_for(timedelta(days=3), every=HOURS)
    assert foreign.state is State.READY
    assert foreign.name in {t.name for t in world.cloud.alive()}
    assert world.cloud.counts["workbench.stop"] + world.cloud.counts["workbench.delete"] == 0
    texts = [e.text for e in world.store.history(KEY, 1000) if e.action == "step.failed"]
    assert any("not this person's" in text and "left alone" in text for text in texts)


def test_when_a_foreign_notebook_is_removed_ours_is_created(world: World) -> None:
    foreign = world.cloud.add_foreign(Kind.WORKBENCH, NOTEBOOK)
    world.join(ANA)
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.PROVISIONING, Health.QUARANTINED)
    world.cloud.remove(foreign, world.clock.now())
    world.join(ANA)
    world.run_for(minutes(5))
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.READY, Health.OK)


def test_after_a_stock_out_the_next_zone_is_used(world: World) -> None:
    stock_out = a_problem(Disposition.STOCK_OUT, "ZONE_RESOURCE_POOL_EXHAUSTED")
    failure = world.cloud.fail_operations(Kind.WORKBENCH, Step.CREATE, stock_out)
    world.join(ANA)
    world.run_for(minutes(10))
    assert failure.hits == 1
    [made] = world.cloud.alive(Kind.WORKBENCH)
    assert "/us-central1-b/" in made.name
    assert world.record(ANA).status.phase is Phase.READY
    assert "step.failed" in actions_of(world)


def made_in(world: World, email: str) -> str:
    """The zone of somebody's notebook, also during its creation."""
    notebook = world.record(email).notebook
    assert notebook is not None
    return zone_of(notebook.name)


def test_after_a_refused_create_the_next_zone_is_used_in_the_same_run(world: World) -> None:
    world.cloud.short.add("us-central1-a")
    world.join(ANA)
    assert made_in(world, ANA) == "us-central1-a"
    world.pass_time(minutes(2))
    world.converge.run(KEY)
    assert made_in(world, ANA) == "us-central1-b"
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.PROVISIONING, Health.OK), (
        "that is no failure"
    )
    assert world.cloud.counts["workbench.create"] == 2


def test_a_new_process_tries_at_most_one_empty_zone(world: World) -> None:
    world.cloud.short.add("us-central1-a")
    world.join(ANA)
    world.run_for(minutes(10))
    world.restart()
    before = world.cloud.counts["workbench.create"]
    world.join("ben@example.com")
    assert made_in(world, "ben@example.com") == "us-central1-a"
    world.run_for(minutes(2))
    assert made_in(world, "ben@example.com") == "us-central1-b"
    assert world.cloud.counts["workbench.create"] == before + 2


def test_a_zone_that_was_empty_for_one_person_is_not_tried_for_others(world: World) -> None:
    world.cloud.short.add("us-central1-a")
    world.join(ANA)
    world.run_for(minutes(10))
    world.restart_and_wait()
    world.join("ben@example.com")
    assert made_in(world, "ben@example.com") == "us-central1-b"
    world.cloud.short.clear()
    world.run_for(world.policy.shortage)
    world.join("cleo@example.com")
    assert made_in(world, "cleo@example.com") == "us-central1-a", "it may have some again"


def test_when_all_zones_are_empty_it_is_reported_and_retried(
    world: World,
) -> None:
    world.cloud.short |= {"us-central1-a", "us-central1-b"}
    world.join(ANA)
    world.run_for(minutes(10))
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.PROVISIONING, Health.WAITING)
    assert "no zone of the profile has e2-standard-4 available" in record.status.problem
    assert world.cloud.counts["workbench.create"] == 2, "each zone once, the rest is patience"
    world.cloud.short.clear()
    world.run_for(minutes(90))
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.READY, Health.OK)


def test_a_creation_that_failed_under_a_hold_is_repeated(world: World) -> None:
    broken = a_problem(Disposition.TEMPORARY)
    failure = world.cloud.fail_operations(Kind.WORKBENCH, Step.CREATE, broken, leftover=True)
    world.join(ANA)
    world.command("hold", ANA)
    world.run_for(minutes(30))
    assert failure.hits == 1
    [notebook] = world.cloud.alive(Kind.WORKBENCH)
    assert (notebook.state, notebook.protected) == (State.READY, True)
    assert world.record(ANA).status.phase is Phase.READY


def test_a_failed_final_search_delays_removed_and_is_retried(
    world: World,
) -> None:
    def down() -> None:
        raise CloudFault(Disposition.TEMPORARY, "UNAVAILABLE", "no listing today")

    world.join(ANA, profile="lean")
    world.run_for(minutes(5))
    hit = once_at(world, "before:search.everything", down)
    world.leave(ANA, immediate=True)
    world.run_for(minutes(5))
    assert hit
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.REMOVING, Health.RETRYING)
    assert "the final search failed: no listing today" in record.status.problem
    world.run_for(minutes(20))
    record = world.record(ANA)
    assert (record.status.phase, record.status.health, record.status.problem) == (
        Phase.REMOVED,
        Health.OK,
        "",
    )


def test_a_failed_search_for_older_kinds_does_not_delay_a_leave(world: World) -> None:
    def down() -> None:
        raise CloudFault(Disposition.TEMPORARY, "UNAVAILABLE", "no listing today")

    world.join(ANA)
    world.run_for(minutes(5))
    hit = once_at(world, "before:search.older", down)
    world.leave(ANA)
    assert hit
    world.run_for(minutes(5))
    assert world.record(ANA).status.phase is Phase.SUSPENDED
    assert world.record(ANA).departure.sought_at is not None
    assert world.cloud.counts["search.older"] == 2, "until it went well, and never after"


def test_a_failed_consent_check_delays_nothing(ready: World) -> None:
    def down() -> None:
        raise CloudFault(Disposition.PERMANENT, "PERMISSION_DENIED", "not yours to ask")

    hit = once_at(ready, "before:workbench.consented", down)
    ready.run_for(3 * HOURS, every=HOURS / 2)
    assert hit
    assert (ready.record(ANA).status.phase, ready.record(ANA).status.problem) == (Phase.READY, "")


def test_a_failing_resource_does_not_delay_the_others(world: World) -> None:
    def denied() -> None:
        raise CloudFault(
            Disposition.PERMANENT, "PERMISSION_DENIED", "dataproc.sessionTemplates.create"
        )

    hit = once_at(world, "before:session-template.create", denied)
    world.join(ANA)
    assert hit
    assert kinds_of(world) == {Kind.CLUSTER_TEMPLATE, Kind.WORKBENCH}
    world.run_for(minutes(5))
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.PROVISIONING, Health.QUARANTINED)
    assert "session-template/spark: dataproc.sessionTemplates.create" in record.status.problem
    world.join(ANA)  # it has been repaired
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.READY, Health.OK)


def test_only_failures_and_quarantines_are_logged_as_warnings(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "shared.services.converge")
    refused = a_problem(Disposition.PERMANENT, "PERMISSION_DENIED")
    failure = world.cloud.fail_operations(Kind.WORKBENCH, Step.CREATE, refused)
    world.join(ANA)
    world.run_for(timedelta(days=2), every=HOURS)
    assert (failure.hits > 0, world.record(ANA).status.phase) == (True, Phase.READY)
    warned = {r.message for r in caplog.records if r.levelno == logging.WARNING}
    informed = {r.message for r in caplog.records if r.levelno == logging.INFO}
    assert warned == {
        "workbench/main: it is permanent (PERMISSION_DENIED)",
        "quarantined: an admin is needed: workbench/main: it is permanent",
    }
    assert {"now ready", "workbench/main ready", "nothing fails any more"} <= informed
