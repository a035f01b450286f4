"""What the cloud does: failing, slow and endless operations, late calls, zones without machines."""

from __future__ import annotations

from datetime import timedelta

from shared.adapters.google_api.errors import ApiError
from shared.adapters.google_api.fault_table import fault_of
from shared.domain.faults import Disposition, Problem
from shared.domain.resources.kinds import Kind, State, Step
from tests.support.simulation.choices import Choices
from tests.support.simulation.expected import ZONES
from tests.support.simulation.rules.registry import rule
from tests.support.simulation.simulated import SimulatedLife

STOCK_OUT = Problem(
    code="ZONE_RESOURCE_POOL_EXHAUSTED",
    message="the zone has none left",
    disposition=Disposition.STOCK_OUT,
)
SLOW_STEPS = (
    Step.CREATE,
    Step.START,
    Step.STOP,
    Step.UPDATE,
    Step.RESTORE,
    Step.PROTECT,
    Step.UNPROTECT,
    Step.DELETE,
)
# Every code of google.rpc.Code that an operation can end in, and Compute's for no machines.
CODES = (
    "INTERNAL",
    "STOCK_OUT",
    "CANCELLED",
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "ALREADY_EXISTS",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "UNAVAILABLE",
    "PERMISSION_DENIED",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "DATA_LOSS",
)
LATE_KINDS = (
    *(Kind.WORKBENCH, Kind.WORKBENCH, Kind.WORKBENCH),
    *(Kind.SNAPSHOT, Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE),
)
NEVER = timedelta(days=3650)
MOVING = (State.STARTING, State.STARTING, State.CREATING, State.STOPPING, State.UPDATING)


@rule(4)
def an_operation_will_fail(life: SimulatedLife, choices: Choices) -> None:
    """Make the next operation of a step fail; a creation may leave a broken resource behind."""
    step, code, left = choices.pick(SLOW_STEPS), choices.pick(CODES), choices.one_in(2)
    kind = choices.pick((Kind.WORKBENCH, Kind.WORKBENCH, Kind.WORKBENCH, Kind.SNAPSHOT))
    if kind is Kind.SNAPSHOT:
        step = choices.pick((Step.CREATE, Step.DELETE))
    problem = ended_in(code)
    life.say(
        f"the next {step} of a {kind} will end in {code}{' and leave a broken resource' * left}"
    )
    life.world.cloud.fail_operations(kind, step, problem, leftover=left)


def ended_in(code: str) -> Problem:
    """The problem of an operation that ended in ``code``, as the drivers read it."""
    if code == "STOCK_OUT":
        return STOCK_OUT
    return fault_of(ApiError(status=code, message="scripted"), changes=False).problem()


@rule(6)
def a_call_will_land_late(life: SimulatedLife, choices: Choices) -> None:
    """The call gets no answer and is carried out as late as the policy allows for."""
    kind = choices.pick(LATE_KINDS)
    steps = SLOW_STEPS if kind is Kind.WORKBENCH else (Step.CREATE, Step.DELETE, Step.UPDATE)
    step = choices.pick(steps)
    latest = life.world.policy.doubt - life.spread
    by = choices.pick((latest / 2, timedelta(seconds=5), latest - timedelta(seconds=1)))
    life.say(
        f"the next {step} of a {kind} will get no answer, and be carried out {by.seconds} s later"
    )
    life.lost_an_answer |= (kind, step) == (Kind.WORKBENCH, Step.CREATE)
    life.world.cloud.delay(kind, step, by)


@rule(3)
def an_operation_will_take_long(life: SimulatedLife, choices: Choices) -> None:
    """The next operation takes twenty minutes, two hours, or never ends."""
    kind = choices.pick((Kind.WORKBENCH, Kind.WORKBENCH, Kind.SNAPSHOT))
    step = choices.pick(SLOW_STEPS) if kind is Kind.WORKBENCH else Step.CREATE
    lasts = choices.pick((timedelta(minutes=20), timedelta(hours=2), NEVER))
    how_long = "never end" if lasts is NEVER else f"take {lasts}"
    # It is given up before it ends, so it may have been used since.
    given_up = lasts > life.world.policy.stuck
    life.lost_an_answer |= given_up and (kind, step) == (Kind.WORKBENCH, Step.CREATE)
    life.say(f"the next {step} of a {kind} will {how_long}")
    life.world.cloud.slow_down(kind, step, lasts)


@rule(2)
def google_upgrades(life: SimulatedLife, choices: Choices) -> None:
    """A notebook is in a transitional state that we did not begin, for a while or for ever."""
    idle = [t for t in life.notebooks() if t.state in (State.READY, State.STOPPED)]
    idle = [t for t in idle if not life.world.cloud.busy(t)]
    if not idle:
        return
    thing, state = choices.pick(idle), choices.pick(MOVING)
    lasts = choices.pick((timedelta(minutes=10), timedelta(hours=3), NEVER))
    how_long = "for ever" if lasts is NEVER else f"for {lasts}"
    life.say(f"the notebook of {thing.email} is {state} {how_long}, which nobody asked for")
    life.world.cloud.upgrade(thing, state, lasts)
    life.changed_by_others(thing)


@rule(2)
def links_come_late(life: SimulatedLife, choices: Choices) -> None:
    """From now on links come some time after a notebook runs; or at once again."""
    by = choices.pick((timedelta(minutes=3), timedelta(hours=2), timedelta()))
    if by != life.world.cloud.link_delay:
        life.say(f"notebooks that start can be opened {by} later")
        life.world.cloud.link_delay = by


@rule(1)
def disks_outlive_their_notebooks(life: SimulatedLife, choices: Choices) -> None:
    """From now on disks stay when their notebook is deleted; or no longer."""
    keep = not choices.one_in(2)
    if keep is not life.world.cloud.keep_disks:
        life.say(f"disks {'outlive' if keep else 'go with'} their notebooks")
        life.world.cloud.keep_disks = keep


@rule(4)
def zones_run_out_of_machines(life: SimulatedLife, choices: Choices) -> None:
    """Some zones have no machines; or all have machines again."""
    short = {zone for zone in ZONES if choices.one_in(2)}
    if short != life.world.cloud.short:
        life.say(f"no machines left in {', '.join(sorted(z[-1] for z in short)) or 'no zone'}")
        life.world.cloud.short = short


@rule(2)
def a_used_notebook_breaks(life: SimulatedLife, choices: Choices) -> None:
    """A notebook that holds work breaks, and can't be started any more."""
    used = [t for t in life.notebooks() if t.was_ready and not life.world.cloud.busy(t)]
    used = [t for t in used if t.state in (State.READY, State.STOPPED)]
    if used:
        thing = choices.pick(used)
        life.say(f"the notebook of {thing.email} breaks")
        thing.state = State.BROKEN
        life.broken.add(thing.name)
        life.running.get(life.who(thing.key), set()).discard(thing.name)
        life.changed_by_others(thing)
