"""The cost model: quantities from events, dollars from quantities, and the page that shows them."""

from __future__ import annotations

from collections import defaultdict

import msgspec
import pytest
import yaml

from tools.cost.__main__ import BEGIN, END, PAGE, SIZES, main, tables
from tools.cost.model import (
    FILE,
    Model,
    Stage,
    always_on,
    benchkeeper,
    costs,
    read_model,
    sweep,
    waiting,
)
from tools.smoke.entry_points import entry_points

MODEL = read_model()


def small(**assumed: object) -> Model:
    """A model with one stage, round numbers, and no overhead but what ``assumed`` names."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    none = {"server": 0, "document": 0, "cold_start": 0, "ticks": 0, "rounded_to": 0.1}
    raw["assumed"] |= none | {"answers": {"notebooks": 2.0}, "events": {"join": 10}} | assumed
    raw["measured"] = {
        "join": {
            "messages": {"onboard": 1, "converge": 2},
            "cpu": {"onboard": 100, "converge": 50},
            "read": 3,
            "written": 4,
            "calls": {"notebooks": 3},
        },
        "idle tick": {
            "messages": {"reconcile": 1},
            "cpu": {"reconcile": 40},
            "read": 5,
            "written": 0,
            "calls": {},
        },
    }
    return msgspec.convert(raw, Model)


def test_events_grow_with_people_and_calls_are_shared_by_the_messages() -> None:
    found = benchkeeper(small(), 2_000)  # 20 joins; 3 calls of 2 seconds for 3 messages each
    assert found["run_requests"] == pytest.approx(60)
    assert found["run_cpu"] == pytest.approx(20 * 2.1 + 40 * 2.1)  # 2.05 is billed as 2.1
    assert found["run_memory"] == pytest.approx(found["run_cpu"] / 2)
    assert (found["reads"], found["writes"]) == (60, 80)


def test_a_tick_costs_the_same_for_everybody() -> None:
    model = small(events={}, ticks=1000)
    found = benchkeeper(model, 1)
    assert found["run_cpu"] == pytest.approx(100)  # 0.04 seconds are billed as 0.1
    assert found["reads"] == 5000
    assert benchkeeper(model, 100_000)["run_cpu"] == found["run_cpu"]


def test_a_cold_start_is_paid_for_by_the_share_that_meets_one() -> None:
    model = small(cold_start=4.0, cold={"onboard": 1.0, "converge": 0.5, "reconcile": 0.0})
    warm = benchkeeper(small(), 1_000)
    assert benchkeeper(model, 1_000)["run_cpu"] - warm["run_cpu"] == pytest.approx(10 * 4 + 20 * 2)


def test_waiting_costs_the_time_of_the_operation() -> None:
    found = waiting(small(), 1_000)
    joining = 0.1 + 2 * 0.05 + 6.0
    assert found["run_cpu"] == pytest.approx(10 * (joining + MODEL.waiting["seconds"]["join"]))
    assert found["writes"] == benchkeeper(small(), 1_000)["writes"]


def test_a_server_that_always_runs_costs_its_time() -> None:
    found = always_on(small(), 1_000)
    assert found["run_cpu_always"] == MODEL.always_on["seconds"]
    assert "run_cpu" not in found


def test_free_quantities_are_taken_off_and_never_below_nothing() -> None:
    price = MODEL.prices["reads"]
    found = costs(MODEL, defaultdict(float, reads=price.free + 1000, writes=1))
    assert found.listed["reads"] == pytest.approx((price.free + 1000) * price.price)
    assert found.after_free == pytest.approx(1000 * price.price)
    assert found.total == pytest.approx(sum(found.listed.values()))


def test_waiting_costs_more_than_a_tick_and_a_server_most() -> None:
    """What the page says of them."""
    for people in SIZES:
        ours, theirs, server = (
            costs(MODEL, design(MODEL, people)).total
            for design in (benchkeeper, waiting, always_on)
        )
        assert ours < theirs < server
    most = SIZES[-1]
    assert costs(MODEL, sweep(MODEL, most)).total > costs(MODEL, benchkeeper(MODEL, most)).total


def test_every_stage_is_counted_and_every_call_has_its_time() -> None:
    stages: dict[str, Stage] = MODEL.measured
    assert set(MODEL.assumed.events) == set(stages) - {"idle tick"} == set(MODEL.waiting["seconds"])
    for stage in stages.values():
        assert set(stage.messages) == set(stage.cpu)
        assert set(stage.messages) <= set(MODEL.assumed.cold)
        assert set(stage.calls) <= set(MODEL.assumed.answers)


def test_every_price_says_how_it_is_known() -> None:
    assert {price.known for price in MODEL.prices.values()} <= {"page", "other", "memory"}
    assert all(price.source for price in MODEL.prices.values())


def test_functions_are_as_large_as_they_are_deployed() -> None:
    assert {each.memory for each in entry_points()} == {f"{MODEL.assumed.memory_gib * 1024:.0f}Mi"}


def test_the_page_shows_what_is_computed(capsys: pytest.CaptureFixture[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = page.partition(BEGIN)[2].partition(END)[0]
    assert shown == tables(MODEL), "run python -m tools.cost --write"
    assert main([]) == 0
    assert capsys.readouterr().out == shown
