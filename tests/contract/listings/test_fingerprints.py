"""The fingerprints in records and in listings: equal until somebody changes something by hand.

The real services and drivers on the local cloud, with the shipped profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.names import person_key
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.resource import Resource
from shared.domain.status import Phase
from tests.support.real_world import RealWorld, real_worlds
from tools.check_profiles import load

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[3] / "infra" / "profiles"
KINDS = (Kind.WORKBENCH, Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE)
_numbers = count()


@pytest.fixture(scope="module")
def new_world() -> Iterator[Callable[[], RealWorld]]:
    with real_worlds(load(SHIPPED)) as new:
        yield new


class Ana:
    """Somebody with everything that the profile data-scientist has."""

    def __init__(self, world: RealWorld) -> None:
        self.world = world
        self.email = f"ana{next(_numbers)}@example.com"
        self.join()

    def join(self) -> None:
        sent = self.world.send(Verb.JOIN, self.email, profile="data-scientist")
        assert sent == "applied"
        self.world.until(self.email, Phase.READY)

    def resource(self, kind: Kind) -> Resource:
        (found,) = (r for r in self.world.record(self.email).resources if r.kind is kind)
        return found

    def recorded(self) -> dict[Kind, str]:
        return {kind: self.resource(kind).settings.fingerprint for kind in KINDS}

    def listed(self) -> dict[Kind, str]:
        return {k: self.world.listed(k)[self.resource(k).name].fingerprint for k in KINDS}

    def changed(self) -> list[Kind]:
        """The kinds whose listing differs from the record."""
        listed = self.listed()
        assert all(listed.values())
        return [kind for kind, known in self.recorded().items() if known != listed[kind]]

    def by_hand(self, verb: str, path: str, body: dict[str, Any] | None = None) -> None:
        self.world.ask(verb, path, body)
        self.world.cloud.clock.advance(timedelta(hours=1))

    def notebook(self) -> str:
        return f"v2/{self.resource(Kind.WORKBENCH).name}"

    def file(self) -> str:
        bucket, _, path = self.resource(Kind.CLUSTER_TEMPLATE).name[5:].partition("/")
        return f"storage/v1/b/{bucket}/o/{quote(path, safe='')}"

    def observe_all(self) -> None:
        """An admin has everything observed, and corrected."""
        assert self.world.command("retry", self.email) == "applied"
        self.world.until(self.email, Phase.READY)


@pytest.fixture
def ana(new_world: Callable[[], RealWorld]) -> Ana:
    return Ana(new_world())


def test_a_settled_person_has_the_fingerprints_of_the_listing(ana: Ana) -> None:
    assert len({fingerprint for fingerprint in ana.recorded().values() if fingerprint}) == 3
    assert ana.changed() == []
    assert {ana.world.listed(kind)[ana.resource(kind).name].key for kind in KINDS} == {
        person_key(ana.email)
    }


def test_two_people_have_different_ones(ana: Ana) -> None:
    ben = Ana(ana.world)
    assert not set(ana.recorded().values()) & set(ben.recorded().values())


def test_it_is_known_after_the_first_answers_without_another_call(
    new_world: Callable[[], RealWorld],
) -> None:
    world = new_world()
    email = f"ana{next(_numbers)}@example.com"
    before = world.cloud.calls.counts()
    world.send(Verb.JOIN, email, profile="data-scientist")
    made = {name: n - before.get(name, 0) for name, n in world.cloud.calls.counts().items()}
    assert {name: n for name, n in made.items() if n} == {
        "notebooks.instances.create": 1,
        "dataproc.sessionTemplates.create": 1,
        "storage.objects.insert": 1,
    }
    record = world.record(email)
    known = {r.kind: r.settings.fingerprint for r in record.resources}
    assert known[Kind.WORKBENCH] == "", "it is only being created"
    assert known[Kind.SESSION_TEMPLATE]
    assert known[Kind.CLUSTER_TEMPLATE]


def test_a_stop_and_a_start_change_none(ana: Ana) -> None:
    before = ana.recorded()
    ana.by_hand("POST", f"{ana.notebook()}:stop", {})
    assert ana.changed() == []
    ana.by_hand("POST", f"{ana.notebook()}:start", {})
    assert ana.changed() == []
    ana.observe_all()
    assert ana.recorded() == ana.listed() == before


def test_a_leave_and_a_return_change_none(ana: Ana) -> None:
    before = ana.recorded()
    ana.world.send(Verb.LEAVE, ana.email)
    ana.world.until(ana.email, Phase.SUSPENDED)
    after = ana.recorded()
    assert after[Kind.WORKBENCH] == before[Kind.WORKBENCH]
    assert (after[Kind.SESSION_TEMPLATE], after[Kind.CLUSTER_TEMPLATE]) == ("", ""), "deleted"
    ana.join()
    assert ana.recorded() == ana.listed() == before


def test_an_idle_shutdown_changes_none(ana: Ana) -> None:
    instance = ana.resource(Kind.WORKBENCH).name.rpartition("/")[2]
    ana.by_hand("PUT", "_admin/states", {"instance": instance, "state": "STOPPED"})
    name = ana.resource(Kind.WORKBENCH).name
    assert ana.world.listed(Kind.WORKBENCH)[name].state is State.STOPPED
    assert ana.changed() == []


def test_an_upgrade_changes_none(ana: Ana) -> None:
    instance = ana.resource(Kind.WORKBENCH).name.rpartition("/")[2]
    ana.by_hand("PUT", "_admin/states", {"instance": instance, "state": "UPGRADING"})
    assert ana.changed() == []


def _labels(ana: Ana) -> None:
    labels = ana.world.ask("GET", ana.notebook())["labels"] | {"team": "other"}
    ana.by_hand("PATCH", f"{ana.notebook()}?updateMask=labels", {"labels": labels})


def _lost_labels(ana: Ana) -> None:
    ana.by_hand("PATCH", f"{ana.notebook()}?updateMask=labels", {"labels": {"team": "other"}})


def _metadata(ana: Ana) -> None:
    metadata = ana.world.ask("GET", ana.notebook())["gceSetup"]["metadata"]
    body = {"gceSetup": {"metadata": metadata | {"idle-timeout-seconds": "86400"}}}
    ana.by_hand("PATCH", f"{ana.notebook()}?updateMask=gce_setup.metadata", body)


def _protection(ana: Ana) -> None:
    mask = "updateMask=enable_deletion_protection"
    ana.by_hand("PATCH", f"{ana.notebook()}?{mask}", {"enableDeletionProtection": True})


def _session_template(ana: Ana) -> None:
    path = f"v1/{ana.resource(Kind.SESSION_TEMPLATE).name}"
    ana.by_hand("PATCH", path, ana.world.ask("GET", path) | {"description": "edited"})


def _file(ana: Ana) -> None:
    """Another content, with the same metadata."""
    before = ana.world.ask("GET", ana.file())
    ana.by_hand("POST", f"upload/{ana.file().rpartition('/')[0]}?uploadType=media&name=x", {})
    copy = ana.file().rpartition("/")[0] + "/x/copyTo/" + ana.file().removeprefix("storage/v1/")
    ana.by_hand("POST", copy, {"metadata": before["metadata"]})
    assert ana.world.ask("GET", ana.file())["metadata"] == before["metadata"]


def _file_metadata(ana: Ana) -> None:
    ana.by_hand("PATCH", ana.file(), {"metadata": {"note": "mine"}})


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (_labels, Kind.WORKBENCH),
        (_lost_labels, Kind.WORKBENCH),
        (_metadata, Kind.WORKBENCH),
        (_protection, Kind.WORKBENCH),
        (_session_template, Kind.SESSION_TEMPLATE),
        (_file, Kind.CLUSTER_TEMPLATE),
        (_file_metadata, Kind.CLUSTER_TEMPLATE),
    ],
)
def test_a_change_by_hand_shows_until_it_is_observed(
    ana: Ana, change: Callable[[Ana], None], kind: Kind
) -> None:
    change(ana)
    assert ana.changed() == [kind]
    ana.observe_all()
    assert ana.changed() == []


def test_our_own_updates_are_known_at_once(ana: Ana) -> None:
    before = ana.recorded()
    ana.world.send(Verb.JOIN, ana.email, profile="data-scientist", cost_center="CC-2")
    ana.world.until(ana.email, Phase.READY)
    assert ana.changed() == []
    assert not set(before.values()) & set(ana.recorded().values())


def test_a_deleted_resource_has_none(ana: Ana) -> None:
    ana.world.send(Verb.LEAVE, ana.email, immediate=True)
    ana.world.until(ana.email, Phase.REMOVED)
    assert set(ana.recorded().values()) == {""}
    assert person_key(ana.email) not in {
        one.key for kind in KINDS for one in ana.world.listed(kind).values()
    }
