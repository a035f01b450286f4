"""The end of the story in three tables: who has what, what was refused, what it took."""

from __future__ import annotations

from collections.abc import Sequence

from demo.stage import Stage


def closing(stage: Stage) -> str:
    """All three, as text."""
    people = [
        (e["email"], e["profile"], e["phase"], _has(stage, e["email"]))
        for e in stage.environments()
    ]
    refused = [(p["code"], p["reason"]) for p in stage.parked()]
    calls = sorted(stage.calls().items())
    return "\n".join(
        [
            *_table("Who has what", ("person", "profile", "phase", "resources"), people),
            *_table("What was refused, and why", ("code", "reason"), refused),
            *_table("What it took", ("API call", "times"), [(n, str(c)) for n, c in calls]),
        ]
    )


def _has(stage: Stage, email: str) -> str:
    resources = stage.environment(email)["resources"]
    return ", ".join(
        f"{r['kind']}/{r['slot']}{'' if r['observed'] == 'ready' else ' ' + r['observed']}"
        for r in resources
        if r["observed"] != "absent"
    )


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["", title, "  " + "  ".join(h.ljust(w) for h, w in zip(head, widths, strict=True))]
    lines.append("  " + "  ".join("─" * w for w in widths))
    for row in rows:
        lines.append(
            "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        )
    return lines
