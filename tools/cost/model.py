"""From events to quantities, and from quantities to dollars. Pure.

A quantity is a number by the name of its price, for one month.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).parent / "model.yaml"
Quantities = defaultdict[str, float]
_KIB_IN_GIB = 1024 * 1024


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars for one of ``what``; ``free``: so many a month cost nothing."""

    what: str
    price: float
    free: float
    known: str
    source: str


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one person takes in one stage. ``cpu``: milliseconds for each message of a function."""

    messages: dict[str, float]
    cpu: dict[str, float]
    read: float
    written: float
    calls: dict[str, float]


class Assumed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much happens and how long others take; see model.yaml."""

    events: dict[str, float]
    ticks: float
    cpus: float
    memory_gib: float
    rounded_to: float
    server: float
    answers: dict[str, float]
    document: float
    cold: dict[str, float]
    cold_start: float
    jobs: float
    message_kib: float
    stored_kib: float
    instances: float
    sweeps: float


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that is computed with; see model.yaml."""

    priced_on: Any
    prices: dict[str, Price]
    measured_on: Any
    measured: dict[str, Stage]
    assumed: Assumed
    waiting: dict[str, Any]
    always_on: dict[str, float]


def read_model(file: Path = FILE) -> Model:
    """The model in ``file``; raises ``msgspec.ValidationError`` naming what is wrong."""
    return msgspec.yaml.decode(file.read_bytes(), type=Model)


@dataclass(frozen=True)
class Costs:
    """Dollars for a month by price, from the first unit, and with the free quantities taken off."""

    listed: dict[str, float]
    total: float
    after_free: float


def costs(model: Model, quantities: Quantities) -> Costs:
    """What ``quantities`` cost."""
    listed = {name: model.prices[name].price * n for name, n in quantities.items()}
    after_free = sum(
        model.prices[name].price * max(0.0, n - model.prices[name].free)
        for name, n in quantities.items()
    )
    return Costs(listed, sum(listed.values()), after_free)


def benchkeeper(model: Model, people: int) -> Quantities:
    """Short functions and a tick: what a deployment for ``people`` uses in a month."""
    found = _state_and_calls(model, people)
    for name, stage in model.measured.items():
        for function, messages in stage.messages.items():
            if function == "reconcile":
                continue  # the ticks below are all there are
            number = messages * _times(model, name, people)
            seconds = _rounded(model, _seconds(model, stage, function))
            seconds += model.assumed.cold[function] * model.assumed.cold_start
            _run(model, found, number, seconds)
            found["pubsub"] += _gib(model, 2 * number)
    tick = model.measured["idle tick"]
    _run(model, found, model.assumed.ticks, _rounded(model, _seconds(model, tick, "reconcile")))
    found["pubsub"] += _gib(model, 2 * model.assumed.ticks)
    found["reads"] += tick.read * model.assumed.ticks
    found["jobs"] += model.assumed.jobs
    found["objects_read"] += model.assumed.instances * model.assumed.ticks
    return found


def waiting(model: Model, people: int) -> Quantities:
    """Functions that wait until what they have begun is done; no tick, a job once a day."""
    found = _state_and_calls(model, people)
    for name, stage in model.measured.items():
        number = _times(model, name, people)
        own = sum(_seconds(model, stage, f) * m for f, m in stage.messages.items() if f in _WORKING)
        if number:
            seconds = own + model.waiting["seconds"][name] + model.assumed.cold_start
            _run(model, found, number, _rounded(model, seconds))
            found["pubsub"] += _gib(model, 2 * number)
    _run(model, found, model.waiting["runs"], model.assumed.cold_start)
    found["jobs"] += model.assumed.jobs
    return found


def always_on(model: Model, people: int) -> Quantities:
    """One instance that is always there and does the same work, tick included."""
    found = _state_and_calls(model, people)
    seconds = model.always_on["seconds"]
    found["run_cpu_always"] = model.assumed.cpus * seconds
    found["run_memory_always"] = model.assumed.memory_gib * seconds
    found["reads"] += model.measured["idle tick"].read * model.assumed.ticks
    found["pubsub"] += _gib(model, 2 * sum(_times(model, name, people) for name in model.measured))
    return found


def sweep(model: Model, people: int) -> Quantities:
    """What it takes to read every record as often as is assumed."""
    return defaultdict(float, reads=people * model.assumed.sweeps)


_WORKING = ("onboard", "offboard", "converge")


def _state_and_calls(model: Model, people: int) -> Quantities:
    """Documents, announcements and objects, which are the same in every design."""
    found: Quantities = defaultdict(float)
    for name, stage in model.measured.items():
        times = _times(model, name, people)
        found["reads"] += stage.read * times
        found["writes"] += stage.written * times
        found["objects_written"] += stage.calls.get("storage", 0.0) * times
        found["pubsub"] += _gib(model, 2 * stage.calls.get("pubsub", 0.0) * times)
    stored = people * model.assumed.stored_kib / _KIB_IN_GIB
    found["stored"] = found["recoverable"] = stored
    return found


def _times(model: Model, stage: str, people: int) -> float:
    return model.assumed.events.get(stage, 0.0) * people / 1000


def _seconds(model: Model, stage: Stage, function: str) -> float:
    """How long one message takes: our CPU, the server's, and the answers of others."""
    working = sum(n for name, n in stage.messages.items() if name in _WORKING) or 1.0
    answers = sum(model.assumed.answers[api] * n for api, n in stage.calls.items())
    answers += model.assumed.document * (stage.read + stage.written)
    return model.assumed.server + stage.cpu[function] / 1000 + answers / working


def _rounded(model: Model, seconds: float) -> float:
    step = model.assumed.rounded_to
    return math.ceil(round(seconds / step, 6)) * step


def _run(model: Model, found: Quantities, number: float, seconds: float) -> None:
    """Add ``number`` requests of so many ``seconds`` each."""
    found["run_cpu"] += number * seconds * model.assumed.cpus
    found["run_memory"] += number * seconds * model.assumed.memory_gib
    found["run_requests"] += number


def _gib(model: Model, messages: float) -> float:
    return messages * model.assumed.message_kib / _KIB_IN_GIB
