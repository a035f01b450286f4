"""How many remote calls a first join and a duplicate take, by whom they go to.

The calls to Google's APIs are those the local cloud answered. State is counted at the port, on
SQLite, and in gRPC requests where the official Firestore emulator is installed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import events
from bench.cloud import Cloud
from bench.counting import Wire
from bench.product import Counted, onboard, serving
from bench.report import Row
from local.stack.emulators import find_emulator, running
from shared.adapters.state.firestore_store import FirestoreStore
from shared.bootstrap import App, once
from shared.ports import EnvironmentStore
from shared.settings import Settings

STATE = "state"
_JOIN = {STATE: 3, "notebooks": 1, "dataproc": 1, "storage": 1}
_DUPLICATE = {STATE: 2, "notebooks": 0, "dataproc": 0, "storage": 0}


@dataclass(frozen=True)
class Calls:
    """The calls of each event, by service and method ("state.load": 1)."""

    cold: Counter[str]
    join: Counter[str]
    duplicate: Counter[str]


class _Wired(App):
    """The application on Firestore, its requests counted on the wire."""

    def __init__(self, settings: Settings, wire: Wire) -> None:
        super().__init__(settings)
        self._wire = wire

    @once
    def store(self) -> EnvironmentStore:
        """Firestore through the wire."""
        return FirestoreStore(self._wire.client(self.settings.project))


def at_the_port(cloud: Cloud, directory: Path) -> Calls:
    """State on SQLite, counted by the port's methods."""
    counts: Counter[str] = Counter()
    settings = cloud.settings(f"sqlite:{directory / 'calls.db'}")
    return _counted(cloud, settings, lambda given: Counted(given, counts), counts, "port")


def on_the_wire(cloud: Cloud, address: str) -> Calls:
    """State on the Firestore emulator at ``address``, counted in gRPC requests."""
    counts: Counter[str] = Counter()
    settings = cloud.settings("firestore:(default)") | {"FIRESTORE_EMULATOR_HOST": address}
    with Wire(counts, address) as wire:
        return _counted(cloud, settings, lambda given: _Wired(given, wire), counts, "wire")


@contextmanager
def firestore_emulator() -> Iterator[str]:
    """The official emulator's address, or '' where it isn't installed."""
    found = find_emulator("cloud-firestore-emulator")
    if isinstance(found, str):
        yield ""
        return
    with running(found, "start") as address:
        yield address


def rows(calls: Calls, where: str) -> list[Row]:
    """The counts against their budgets; ``where`` says how state was counted."""
    found = []
    for what, counts, budgets in (
        ("first join", calls.join, _JOIN),
        ("duplicate", calls.duplicate, _DUPLICATE),
    ):
        for service, budget in budgets.items():
            name = f"{what}: {service}" + (f" ({where})" if service == STATE else "")
            found.append(Row(name, of(counts, service), budget, note=methods(counts, service)))
        others = Counter({n: c for n, c in counts.items() if n.partition(".")[0] not in budgets})
        found.append(Row(f"{what}: anything else", others.total(), 0, note=methods(others, "")))
    return found


def cold_rows(calls: Calls, where: str) -> list[Row]:
    """What the first event of a process calls, a join: it loads the profiles, in one call."""
    budgets = _JOIN | {"storage": _JOIN["storage"] + 1}
    return [
        Row(
            f"first event of a process: {service}" + (f" ({where})" if service == STATE else ""),
            of(calls.cold, service),
            budget,
            note=methods(calls.cold, service),
        )
        for service, budget in budgets.items()
    ]


def of(counts: Counter[str], service: str) -> int:
    """How many calls went to ``service``."""
    return sum(n for name, n in counts.items() if name.startswith(f"{service}."))


def methods(counts: Counter[str], service: str) -> str:
    """The calls to ``service`` by method, as a note; '' for all services."""
    prefix = f"{service}." if service else ""
    named = {n.removeprefix(prefix): c for n, c in counts.items() if n.startswith(prefix)}
    return ", ".join(name if c == 1 else f"{c} {name}" for name, c in named.items())


def _counted(
    cloud: Cloud,
    settings: dict[str, str],
    make: Callable[[Settings], App],
    state: Counter[str],
    who: str,
) -> Calls:
    def calls_of(email: str, message_id: str) -> Counter[str]:
        cloud.forget_calls()
        state.clear()
        onboard(events.cloud_event("onboarding", bodies[email], message_id))
        return Counter({f"{STATE}.{n}": c for n, c in state.items()}) + Counter(cloud.calls())

    bodies = {
        email: events.join(email) for email in (f"cold-{who}@example.com", f"{who}@example.com")
    }
    first, second = bodies
    with serving(settings, make):
        return Calls(
            cold=calls_of(first, f"{who}-1"),
            join=calls_of(second, f"{who}-2"),
            duplicate=calls_of(second, f"{who}-3"),
        )
