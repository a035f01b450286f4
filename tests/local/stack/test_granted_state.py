"""The calls of the state with what `infra/grants.yaml` gives each function, and no more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest import mock

import msgspec
import pytest
from google.api_core.exceptions import PermissionDenied
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from local.cloud import Cloud
from local.stack.deployment import functions, grants, permitted
from local.stack.firestore_proxy import FirestoreProxy
from shared.adapters.state.firestore_store import FirestoreStore
from shared.ports import Facet, Filter, Stored
from tests.support.grouped_fields import replace
from tests.support.stored import an_entry, an_environment, an_unchanged

ACCOUNTS = tuple(function.name for function in functions())
WRITERS = ("onboard", "offboard", "admin", "converge")


@pytest.fixture(scope="module")
def stores(firestore_emulator: str) -> Iterator[dict[str, FirestoreStore]]:
    """A store for the account of each function, on one database."""
    cloud = Cloud()
    proxy = FirestoreProxy(firestore_emulator, cloud, ACCOUNTS)
    for account in ACCOUNTS:
        cloud.accounts.grant(account, permitted(account, grants(), ()), {})
    proxy.start()
    clients = {}
    for account in ACCOUNTS:
        with mock.patch.dict(os.environ, FIRESTORE_EMULATOR_HOST=proxy.addresses[account]):
            credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
            clients[account] = firestore.Client("granted-demo", credentials)
            clients[account]._firestore_api  # noqa: B018 - connects now, while the address is there
    yield {account: FirestoreStore(client) for account, client in clients.items()}
    for client in clients.values():
        client.close()
    proxy.stop()


@pytest.mark.parametrize("account", WRITERS)
def test_intake_may_find_and_merge(stores: dict[str, FirestoreStore], account: str) -> None:
    store = stores[account]
    both = [an_environment(f"{account}-{which}") for which in ("one", "two")]
    for each in both:
        store.save(each, None, [an_entry()])
    emails = [each.person.email for each in both]
    one, other = sorted(store.find(emails, both[0].person.person_id), key=lambda s: s.version)
    store.save_merged(one, other, ([an_entry("took over")], [an_entry("gave up")]))


def test_fleet_may_find_and_not_merge(stores: dict[str, FirestoreStore]) -> None:
    ana = an_environment("ana")
    stored = Stored(ana, stores["onboard"].save(ana, None, []))
    assert stores["fleet"].find([ana.person.email]) == (stored,)
    with pytest.raises(PermissionDenied):
        stores["fleet"].save_merged(stored, stored, ([], []))


def test_fleet_may_filter_count_and_list_what_changed_nothing(
    stores: dict[str, FirestoreStore],
) -> None:
    team = "of-fleet"
    record = an_environment("dora")
    record = replace(record, person=msgspec.structs.replace(record.person, team=team))
    entry = an_unchanged(seconds=9)
    stores["offboard"].save(record, None, [entry])
    fleet = stores["fleet"]
    assert fleet.page(5, only=Filter(team=team, held=True)).items == (record,)
    assert fleet.count(Filter(team=team)) == 1
    assert fleet.next_value(Facet.PROFILE) == ""
    assert [each.entry for each in fleet.unchanged(1).items] == [entry]
