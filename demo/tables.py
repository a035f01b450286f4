"""The end of the story in tables: who has what, how Ana left, what was refused, what it took."""

from __future__ import annotations

from collections.abc import Sequence

from demo.departures import AT_WORK
from demo.stage import Stage


def closing(stage: Stage) -> str:
    """All four, as text."""
    people = [
        (e["email"], e["profile"], e["phase"], _has(stage, e["email"]))
        for e in stage.environments()
    ]
    deeds = [
        (str(d["begun_at"])[:16], d["step"], d["about"], d["outcome"], _id(d["operation"]))
        for d in stage.leaving(AT_WORK)["deeds"]
    ]
    refused = [(p["code"], p["reason"]) for p in stage.parked()]
    calls = sorted(stage.calls().items())
    return "\n".join(
        [
            *_table("Who has what", ("person", "profile", "phase", "resources"), people),
            *_table(
                f"How {AT_WORK} left (its leaving record, also as a page)",
                ("begun", "step", "what", "then", "operation"),
                deeds,
            ),
            *_table("What was refused, and why", ("code", "reason"), refused),
            *_table("What it took", ("API call", "times"), [(n, str(c)) for n, c in calls]),
        ]
    )


def _id(operation: str) -> str:
    """The last part of an operation's name, cut to be recognised."""
    return operation.rpartition("/")[2][:30]


def _has(stage: Stage, email: str) -> str:
    resources = stage.environment(email)["resources"]
    return ", ".join(
        f"{r['kind']}/{r['slot']}{'' if r['observed'] == 'ready' else ' ' + r['observed']}"
        for r in resources
        if r["observed"] != "absent"
    )


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [head, tuple("─" * width for width in widths), *rows]
    return ["", title, *(_line(line, widths) for line in lines)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  " + "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip()
