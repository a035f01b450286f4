"""Prints what a deployment costs a month, as the tables of docs/cost.md.

    python -m tools.cost            # print them
    python -m tools.cost --write    # put them into docs/cost.md

Prices, what was measured and what is assumed stand in tools/cost/model.yaml.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.cost.model import (
    Model,
    always_on,
    benchkeeper,
    costs,
    read_model,
    sweep,
    waiting,
)

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
BEGIN, END = "<!-- python -m tools.cost --write -->\n", "<!-- end -->\n"
SIZES = (1_000, 10_000, 100_000)
_PARTS = {
    "function time": ("run_cpu", "run_memory"),
    "function requests": ("run_requests",),
    "Firestore, documents": ("reads", "writes"),
    "Firestore, storage": ("stored", "recoverable"),
    "Pub/Sub": ("pubsub",),
    "Scheduler": ("jobs",),
    "Cloud Storage": ("objects_written", "objects_read"),
}
_KNOWN = {
    "page": "a stored copy of Google's page",
    "other": "somebody else's page",
    "memory": "not looked up",
}


def tables(model: Model) -> str:
    """All of them, in Markdown."""
    parts = [_monthly(model), _usage(model), _events(model), _prices(model)]
    return "\n".join(parts)


def main(arguments: Sequence[str]) -> int:
    """Print or write the tables; the exit code."""
    parser = argparse.ArgumentParser(prog="cost", description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"put them into {PAGE.name}")
    text = tables(read_model())
    if parser.parse_args(arguments).write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(before + BEGIN + text + END + rest.partition(END)[2], encoding="utf-8")
    else:
        print(text, end="")
    return 0


def _monthly(model: Model) -> str:
    found = {people: costs(model, benchkeeper(model, people)) for people in SIZES}
    rows = [
        [name, *(_dollars(sum(found[p].listed.get(part, 0.0) for part in parts)) for p in SIZES)]
        for name, parts in _PARTS.items()
    ]
    rows.append(["**Benchkeeper**", *(f"**{_dollars(found[p].total)}**" for p in SIZES)])
    rows.append(
        ["the same, free quantities taken off", *(_dollars(found[p].after_free) for p in SIZES)]
    )
    for name, design in (
        ("functions that wait for each operation", waiting),
        ("one server that is always there", always_on),
        ("on top: an hourly sweep that reads every record", sweep),
    ):
        rows.append([name, *(_dollars(costs(model, design(model, p)).total) for p in SIZES)])
    return _table(["dollars a month", *(f"{people:,} people" for people in SIZES)], rows)


def _usage(model: Model) -> str:
    found = {people: benchkeeper(model, people) for people in SIZES}
    waits = {people: waiting(model, people) for people in SIZES}
    rows = [
        ["hours of function time", *(f"{found[p]['run_cpu'] / 3600:,.1f}" for p in SIZES)],
        ["the same, if functions wait", *(f"{waits[p]['run_cpu'] / 3600:,.1f}" for p in SIZES)],
        ["messages to functions", *(f"{found[p]['run_requests']:,.0f}" for p in SIZES)],
        ["documents read", *(f"{found[p]['reads']:,.0f}" for p in SIZES)],
        ["documents written", *(f"{found[p]['writes']:,.0f}" for p in SIZES)],
    ]
    return _table(["a month", *(f"{people:,} people" for people in SIZES)], rows)


def _events(model: Model) -> str:
    rows = []
    for name, stage in model.measured.items():
        messages = ", ".join(f"{n:g} {f} ({stage.cpu[f]:g} ms)" for f, n in stage.messages.items())
        calls = ", ".join(f"{n:g} {api}" for api, n in stage.calls.items()) or "none"
        often = model.assumed.events.get(name)
        times = f"{often:g}" if often is not None else f"{model.assumed.ticks:,.0f} in all"
        rows.append([name, times, messages, f"{stage.read:g}", f"{stage.written:g}", calls])
    head = ["", "a month, of 1,000", "messages (CPU of each)", "read", "written", "calls"]
    return _table(head, rows)


def _prices(model: Model) -> str:
    rows = [
        [
            each.what,
            f"{each.price:.8f}".rstrip("0"),
            f"{each.free:,.0f}",
            _KNOWN[each.known],
            each.source,
        ]
        for each in model.prices.values()
    ]
    head = ["list price, US dollars", "for one", "free a month", "known by", "where"]
    return _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _dollars(amount: float) -> str:
    return f"{amount:,.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
