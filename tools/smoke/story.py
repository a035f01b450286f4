"""One real push for every entry point, and how its effect is seen.

Each effect is one that only this entry point can have had. They are told in an order in which each
finds what it needs: who is to leave has joined.
"""

from __future__ import annotations

from collections.abc import Callable

import requests

from tools.smoke.stage import Failed, Json, Stage

_ANA, _BO = "ana@example.com", "bo@example.com"
_NOTEBOOK_SECONDS = 180.0  # more than the local cloud takes to make one
_SECONDS = 30.0


def tell(stage: Stage, names: list[str]) -> list[str]:
    """A line for each entry point in ``names``, in the story's order; raises ``Failed``."""
    if untold := sorted(set(names) - set(STORY)):
        raise Failed(f"{', '.join(untold)}: no push is written for it; add one to {__name__}")
    lines = [f"{name}: {part(stage)}" for name, part in STORY.items() if name in names]
    if failures := stage.failures():
        raise Failed("; ".join(failures))
    return lines


def tell_unreadable(stage: Stage, topics: dict[str, str]) -> list[str]:
    """Pushes without data, and a body that is no push, to the entry points in ``topics``."""
    lines = []
    for name, topic in topics.items():
        message_id = stage.push(topic, None, email=_ANA)
        found = [p for p in stage.fleet("/parked")["parked"] if message_id in p["id"]]
        reasons = [one["reason"] for one in found]
        _expect(name, reasons, [reason for reason in reasons[:1] if "has no data" in reason])
        answer = requests.post(stage.servers[name].url, b"hello", timeout=_SECONDS)
        _expect(name, answer.status_code, 400)
        lines.append(f"{name}: a push without data is parked, what is no push is answered 400")
    if failures := stage.failures():
        raise Failed("; ".join(failures))
    return lines


def _onboard(stage: Stage) -> str:
    stage.push("onboarding", {"email": _ANA})
    _expect("onboard", _environment(stage, _ANA)["phase"], "provisioning")
    return f"{_ANA} is provisioning"


def _converge(stage: Stage) -> str:
    stage.advance(_NOTEBOOK_SECONDS)
    stage.push("converge", {"key": _environment(stage, _ANA)["key"]})
    _expect("converge", _environment(stage, _ANA)["phase"], "ready")
    return f"{_ANA} is ready"


def _reconcile(stage: Stage) -> str:
    stage.push("onboarding", {"email": _BO})
    stage.advance(_NOTEBOOK_SECONDS)
    _expect("onboard", _environment(stage, _BO)["phase"], "provisioning")
    stage.push("reconcile", {"scope": "due"})  # and what it asks `converge` for
    _expect("reconcile", _environment(stage, _BO)["phase"], "ready")
    return f"{_BO} is ready after a tick"


def _admin(stage: Stage) -> str:
    stage.push("admin-events", {"action": "hold", "email": _ANA, "reason": "a lawsuit"})
    _expect("admin", [hold["reason"] for hold in _environment(stage, _ANA)["holds"]], ["a lawsuit"])
    return f"{_ANA} is held"


def _offboard(stage: Stage) -> str:
    stage.push("offboarding", {"email": _BO})
    found = _environment(stage, _BO)["phase"]
    if found not in ("suspending", "suspended"):
        raise Failed(f"offboard: {_BO} is {found}")
    return f"{_BO} is {found}"


def _fleet(stage: Stage) -> str:
    emails = sorted(one["email"] for one in stage.fleet("/environments")["environments"])
    _expect("fleet", emails, [_ANA, _BO])
    _expect("fleet", stage.fleet("/parked"), {"parked": [], "next_cursor": ""})
    return f"lists {' and '.join(emails)}, and nothing parked"


STORY: dict[str, Callable[[Stage], str]] = {
    "onboard": _onboard,
    "converge": _converge,
    "reconcile": _reconcile,
    "admin": _admin,
    "offboard": _offboard,
    "fleet": _fleet,
}


def _environment(stage: Stage, email: str) -> Json:
    return stage.fleet(f"/environments/{email}")


def _expect(name: str, found: object, expected: object) -> None:
    if found != expected:
        raise Failed(f"{name}: expected {expected!r}, found {found!r}")
