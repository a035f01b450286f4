"""The second half: three leave at two speeds; one returns in time, one from the snapshot."""

from __future__ import annotations

from collections.abc import Iterable

from demo.stage import Json
from demo.teller import Teller

AT_WORK = "ana@example.com"  # leaves in the middle of it, and returns when all is gone
_RETURNS = "chen.wei@example.com"
_LEAVERS = (AT_WORK, _RETURNS, "jo@example.com")
_GONE = [email for email in _LEAVERS if email != _RETURNS]
_WORK = "forecast.ipynb: three weeks of work"


def three_leave(teller: Teller) -> None:
    """At once: no session, no running notebook, no template; but nothing is deleted."""
    teller.say("3. Three people leave; Ana has a Spark session running")
    stage = teller.stage
    stage.write_work(AT_WORK, _WORK)
    session = stage.start_session(AT_WORK)
    stage.pass_time("2m")
    teller.check("her session works", _state(teller, session) == "ACTIVE")
    for email in _LEAVERS:
        event = {"email": email, "event_id": f"leave-{email}", "reason": "left the company"}
        stage.publish("offboarding", event)
    stage.wait()
    teller.check("at once: her session is ended", _state(teller, session) == "TERMINATING")
    teller.check(
        "at once: their notebooks are stopped", _notebook_states(teller, _LEAVERS) == {"STOPPING"}
    )
    teller.check("at once: their templates are gone", not _templates_of(teller, _LEAVERS))
    teller.until(lambda phases: phases["suspended"] == len(_LEAVERS))
    teller.check(
        "their notebooks are stopped, not deleted",
        _notebook_states(teller, _LEAVERS) == {"STOPPED"},
    )


def one_returns(teller: Teller) -> None:
    """Within the grace period the same notebook starts again."""
    teller.say("4. One of them returns within the grace period")
    stage = teller.stage
    before = stage.notebook(_RETURNS).get("id")
    stage.publish("onboarding", teller.join_of(_RETURNS, event_id="return-1"))
    stage.wait()
    teller.until(lambda phases: phases["ready"] == len(teller.roster) - len(_GONE))
    after = stage.notebook(_RETURNS)
    teller.check(
        "the same notebook, with its data, is running again",
        after.get("state") == "ACTIVE" and after.get("id") == before,
    )


def grace_passes(teller: Teller) -> None:
    """In time: a snapshot of what they worked on, then no notebook, and a record of it all."""
    teller.say("5. The grace period of the other two passes (the clock is moved)")
    stage = teller.stage
    removal = max(str(stage.environment(email)["removal_at"]) for email in _GONE)
    teller.say(f"   removal is due at {removal[:16]}Z")
    stage.pass_time("13d")
    teller.check("a day before, nothing is deleted", _notebook_states(teller, _GONE) == {"STOPPED"})
    stage.pass_time("25h")
    teller.check(
        "first a snapshot of each data disk is taken",
        [s["status"] for s in stage.resources("compute.snapshot")] == ["CREATING"] * len(_GONE)
        and _notebook_states(teller, _GONE) == {"STOPPED"},
    )
    teller.until(lambda phases: phases["removed"] == len(_GONE) + 1)  # and Zoe
    teller.check("then their notebooks are deleted", not _notebook_states(teller, _GONE))
    teller.check(
        "everyone else still has theirs",
        len(stage.resources("notebooks.instance")) == len(teller.roster) - len(_GONE),
    )
    teller.check(
        "their leaving records are complete, and nothing is left over",
        all(_is_concluded(stage.leaving(email)) for email in _GONE),
    )


def one_comes_back_from_the_snapshot(teller: Teller) -> None:
    """After the grace period it is a new notebook, with the work of the old one."""
    teller.say("6. Ana comes back: a new notebook, from the snapshot")
    stage = teller.stage
    stage.publish("onboarding", teller.join_of(AT_WORK, event_id="return-2"))
    stage.wait()
    teller.until(lambda phases: phases["ready"] == len(teller.roster) - len(_GONE) + 1)
    notebook = stage.notebook(AT_WORK)
    teller.check(
        "her work is there again",
        notebook.get("state") == "ACTIVE" and stage.read_work(AT_WORK) == _WORK,
    )
    teller.check("and so are her templates", bool(_templates_of(teller, [AT_WORK])))


def _is_concluded(record: Json) -> bool:
    """A snapshot was complete before the notebook was deleted, and the last look found nothing."""
    ended = {(d["step"], d["about"].partition("/")[0]): d["ended_at"] for d in record["deeds"]}
    begun = {(d["step"], d["about"].partition("/")[0]): d["begun_at"] for d in record["deeds"]}
    kept, deleted = ended.get(("create", "snapshot")), begun.get(("delete", "workbench"))
    return (
        bool(record["completed_at"] and record["snapshots"])
        and bool(kept and deleted and kept <= deleted)
        and record["scan"]["leftovers"] == []
    )


def _state(teller: Teller, session: str) -> str:
    found = {s["name"]: str(s["state"]) for s in teller.stage.resources("dataproc.session")}
    return found.get(session, "")


def _notebook_states(teller: Teller, emails: Iterable[str]) -> set[str]:
    """The states of the notebooks that these people have."""
    return {str(n["state"]) for email in emails if (n := teller.stage.notebook(email))}


def _templates_of(teller: Teller, emails: Iterable[str]) -> list[str]:
    keys = [str(teller.stage.environment(email)["key"]) for email in emails]
    names = [
        str(resource["name"])
        for kind in ("storage.object", "dataproc.sessionTemplate")
        for resource in teller.stage.resources(kind)
    ]
    return [name for name in names if any(key in name for key in keys)]
