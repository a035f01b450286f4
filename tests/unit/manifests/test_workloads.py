"""Where workloads of a leaver are listed: only where they have had templates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.manifests import Site
from shared.domain.manifests.workloads import workloads_of
from shared.domain.people.addresses import Address
from shared.domain.people.person import Person
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.resource import Resource
from shared.domain.status import Phase, Status

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
SITE = Site(project="acme-data", region="europe-west4", templates_bucket="acme-templates")
SESSIONS = "projects/acme-data/locations/europe-west4/sessions"
CLUSTERS = "projects/acme-data/regions/europe-west4/clusters"


def environment(*resources: Resource) -> Environment:
    return Environment(
        key="ana-abcdefghijkl",
        person=Person(email="ana@example.com"),
        status=Status(phase=Phase.SUSPENDING),
        created_at=NOW,
        updated_at=NOW,
        resources=resources,
    )


def template(kind: Kind, slot: str = "spark", state: State = State.READY) -> Resource:
    return Resource(kind=kind, slot=slot, name=f"somewhere/{slot}", state=state)


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        ([], []),
        ([Kind.WORKBENCH], []),
        ([Kind.SESSION_TEMPLATE], [SESSIONS]),
        ([Kind.CLUSTER_TEMPLATE], [CLUSTERS]),
        ([Kind.CLUSTER_TEMPLATE, Kind.WORKBENCH, Kind.SESSION_TEMPLATE], [SESSIONS, CLUSTERS]),
    ],
)
def test_workloads_are_listed_where_there_was_a_template(
    kinds: list[Kind], names: list[str]
) -> None:
    found = workloads_of(environment(*(template(kind) for kind in kinds)), SITE)
    assert [use.name for use in found] == names


def test_workloads_of_several_templates_are_listed_once() -> None:
    found = workloads_of(
        environment(template(Kind.SESSION_TEMPLATE, "a"), template(Kind.SESSION_TEMPLATE, "b")),
        SITE,
    )
    assert [use.id for use in found] == ["session/started"]


def test_workloads_are_listed_by_every_key_and_address_of_the_person() -> None:
    old, new = "ana@example.com", "ana.smith@example.com"
    record = replace(
        environment(template(Kind.SESSION_TEMPLATE)),
        person=Person(email=new),
        addresses=(Address(email=old), Address(email=new)),
        merged=("ana-smith-aaaaaaaaaaaa",),
    )
    found = workloads_of(record, SITE)
    assert [(use.key, use.owner) for use in found] == [
        ("", new),
        ("", old),
        ("ana-smith-aaaaaaaaaaaa", new),
        ("ana-smith-aaaaaaaaaaaa", old),
    ]
    assert found[0].slot == "started", "as of somebody who has had one address"
    assert len({use.id for use in found}) == 4
    assert {use.name for use in found} == {SESSIONS}


def test_workloads_are_listed_although_the_template_is_absent() -> None:
    gone = template(Kind.CLUSTER_TEMPLATE, state=State.ABSENT)
    (use,) = workloads_of(environment(gone), SITE)
    assert (use.kind, use.slot, use.state) == (Kind.CLUSTER, "started", State.ABSENT)


def test_workloads_under_a_key_without_a_record_are_always_listed() -> None:
    """A notebook was found under it, with the address that owns it."""
    lost, old = "ana-old-aaaaaaaaaaaa", "ana.old@example.com"
    notebooks = [
        Resource(kind=Kind.WORKBENCH, slot=f"found-{n}", name=f"nb-{n}", key=key, owner=old)
        for n, key in enumerate((lost, lost, "", "ana-smith-aaaaaaaaaaaa"))
    ]
    session = Resource(kind=Kind.SESSION, slot="s", name=SESSIONS, key="eve-aaaaaaaaaaaa")
    record = replace(environment(*notebooks, session), merged=("ana-smith-aaaaaaaaaaaa",))
    found = workloads_of(record, SITE)
    assert [(use.name, use.key, use.owner) for use in found] == [
        (SESSIONS, lost, old),
        (CLUSTERS, lost, old),
    ]
