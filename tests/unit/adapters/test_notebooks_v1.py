"""Notebooks v1 where the local cloud does not help: states, locations, unusual errors, channels."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.notebooks_v1 import (
    Instance,
    ListInstancesResponse,
    ListRuntimesResponse,
    Runtime,
)
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from local.api.discovery import Discovery
from shared.adapters.notebooks_v1.clients import managed_notebooks_client, notebooks_client
from shared.adapters.notebooks_v1.driver import NotebooksV1Driver
from shared.adapters.notebooks_v1.inventory import NotebooksV1Inventory
from shared.adapters.notebooks_v1.services import SECONDS, Instances, NotebooksV1Service, Runtimes
from shared.adapters.notebooks_v1.states import STATES, state_of
from shared.domain.faults import CloudFault, Disposition
from shared.domain.names import person_key
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import Resource
from tests.support.grouped_fields import a_resource

EMAIL = "ana@example.com"
KEY = person_key(EMAIL)
LABELS = {"managed-by": "benchkeeper", "benchkeeper-person": KEY}
RUNTIME = "projects/p/locations/us-central1/runtimes/mn"
HUB = "projects/p/locations/us-central1-a/instances/dh"
OPERATION = "projects/p/locations/us-central1-a/operations/o"


class FakeClient:
    """Returns the given answer for each method and stores the calls.

    The answer of a listing is a dictionary: the page for each token.
    """

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, method: str) -> Any:
        answer = self._answers[method]

        def call(request: Any, **how: Any) -> Any:
            self.calls.append((method, how))
            if isinstance(answer, dict):
                return SimpleNamespace(pages=iter([answer[request["page_token"]]]))
            return answer

        return call


def instances(**answers: Any) -> Instances:
    return Instances(lambda: FakeClient(**answers))


def hub(state: str = "ACTIVE", **fields: Any) -> dict[str, Any]:
    return {"name": HUB, "labels": LABELS, "state": state, **fields}


def resource(**fields: Any) -> Resource:
    return a_resource(kind=Kind.DATAPROC_HUB, slot="main", name=HUB, **fields)


@pytest.mark.parametrize(
    ("kind", "schema"), [(Kind.MANAGED_NOTEBOOK, "Runtime"), (Kind.DATAPROC_HUB, "Instance")]
)
def test_every_state_of_the_api_is_known(kind: Kind, schema: str) -> None:
    enum = Discovery("notebooks", "v1")._schemas[schema]["properties"]["state"]["enum"]
    assert set(STATES[kind]) == set(enum) - {"STATE_UNSPECIFIED"}


@pytest.mark.parametrize(
    ("said", "memory", "state"),
    [
        ("INITIALIZING", {}, State.CREATING),
        ("PROVISIONING", {"step": Step.CREATE}, State.CREATING),
        ("PROVISIONING", {"was_ready": True}, State.STARTING),
        ("REGISTERING", {"step": Step.START}, State.STARTING),
        ("UPGRADING", {}, State.STARTING),
        ("SUSPENDED", {}, State.STOPPED),
        ("DELETED", {}, State.BROKEN),
        ("DELETED", {"step": Step.STOP}, State.BROKEN),
        ("DELETED", {"step": Step.DELETE}, State.DELETING),
    ],
)
def test_a_state_depends_on_the_record(said: str, memory: dict[str, Any], state: State) -> None:
    seen = state_of(instances(), hub(said), resource(**memory))
    assert seen.state is state
    assert bool(seen.detail) is (state is State.BROKEN)


@pytest.mark.parametrize("said", ["STATE_UNSPECIFIED", "HIBERNATING"])
def test_an_unknown_state_is_observed_again(said: str) -> None:
    seen = state_of(instances(), hub(said), resource())
    assert seen.state is None
    assert seen.problem is not None
    assert seen.problem.disposition is Disposition.TEMPORARY
    assert said in seen.problem.message


def test_a_state_unknown_to_the_client_does_not_crash() -> None:
    newer = Instance.pb(Instance(name=HUB, labels=LABELS))
    newer.state = 99
    service = instances(get_instance=Instance.wrap(newer))
    seen = NotebooksV1Driver(service).observe(resource(), KEY, EMAIL, None)
    assert (seen.state, seen.problem and seen.problem.code) == (None, "UNKNOWN_STATE")


@pytest.mark.parametrize(
    ("uri", "link"),
    [
        ("x-dot-us-central1.notebooks.googleusercontent.com", "https://x-dot-us-central1."),
        ("https://x.example.com", "https://x.example.com"),
        ("", ""),
    ],
)
def test_a_running_notebook_has_a_link(uri: str, link: str) -> None:
    seen = state_of(instances(), hub(proxyUri=uri), resource())
    assert seen.link.startswith(link)
    assert bool(seen.link) is bool(link)
    assert state_of(instances(), hub("STOPPED", proxyUri=uri), resource()).link == ""


@pytest.mark.parametrize(
    ("fields", "owner"),
    [
        ({}, None),
        ({"metadata": {"proxy-user-mail": "Ana@Example.com"}}, EMAIL),
        ({"instanceOwners": ["Ana@example.com"], "metadata": {}}, EMAIL),
    ],
)
def test_the_owner_of_an_instance_is_read_from_its_metadata(
    fields: dict[str, Any], owner: str | None
) -> None:
    assert instances().owner_of(hub(**fields)) == owner


def test_every_runtime_has_an_owner_or_belongs_to_nobody() -> None:
    service = Runtimes(lambda: None)
    notebook = {"accessConfig": {"runtimeOwner": "Ana@Example.com"}}
    assert (service.owner_of(notebook), service.owner_of({})) == (EMAIL, "")


class TestCalls:
    def test_each_call_has_a_deadline_and_no_retries(self) -> None:
        begun = SimpleNamespace(operation=operations_pb2.Operation(name=OPERATION))
        client = FakeClient(
            get_instance=Instance(name=HUB),
            create_instance=begun,
            start_instance=begun,
            stop_instance=begun,
            delete_instance=begun,
            get_operation=operations_pb2.Operation(name=OPERATION, done=True),
            list_instances=SimpleNamespace(pages=[ListInstancesResponse()]),
        )
        service = Instances(lambda: client)
        service.get(HUB)
        service.create(HUB, {"machineType": "n1-standard-1"}, "id")
        service.start(HUB, "id")
        service.stop(HUB, "id")
        service.delete(HUB, "id")
        service.operation(OPERATION)
        service.search("p", lambda _: True)
        assert len(client.calls) == 7
        assert [how for _, how in client.calls] == [{"retry": None, "timeout": SECONDS}] * 7

    def test_an_answer_that_names_no_operation_is_uncertain(self) -> None:
        nameless = SimpleNamespace(operation=operations_pb2.Operation())
        with pytest.raises(CloudFault) as caught:
            instances(stop_instance=nameless).stop(HUB, "id")
        assert caught.value.disposition is Disposition.UNCERTAIN


class TestOperations:
    def failed(self, *details: Any) -> operations_pb2.Operation:
        status = status_pb2.Status(code=8, message="none left")
        for detail in details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        return operations_pb2.Operation(name=OPERATION, done=True, error=status)

    def test_known_details_are_read(self) -> None:
        reason = error_details_pb2.ErrorInfo(reason="STOCKOUT")
        found = instances(get_operation=self.failed(reason)).operation(OPERATION)
        assert found is not None
        assert found["error"]["code"] == 8
        assert [detail["reason"] for detail in found["error"]["details"]] == ["STOCKOUT"]

    def test_details_of_unknown_types_are_left_out(self) -> None:
        operation = self.failed(error_details_pb2.ErrorInfo(reason="STOCKOUT"))
        odd = any_pb2.Any(type_url="type.googleapis.com/example.Unheard", value=b"x")
        operation.error.details.append(odd)
        found = instances(get_operation=operation).operation(OPERATION)
        assert found is not None
        assert len(found["error"]["details"]) == 1

    def test_a_notebook_whose_creation_failed_is_broken(self) -> None:
        service = instances(
            get_operation=self.failed(),
            get_instance=Instance(name=HUB, labels=LABELS, state=Instance.State.INITIALIZING),
        )
        memory = resource(step=Step.CREATE, operation=OPERATION)
        seen = NotebooksV1Driver(service).observe(memory, KEY, EMAIL, None)
        assert seen.state is State.BROKEN
        assert seen.problem is not None

    def test_a_running_operation_has_the_state_of_its_step(self) -> None:
        service = instances(get_operation=operations_pb2.Operation(name=OPERATION))
        memory = resource(step=Step.STOP, operation=OPERATION, state=State.READY)
        seen = NotebooksV1Driver(service).observe(memory, KEY, EMAIL, None)
        assert (seen.state, seen.operation) == (State.STOPPING, OPERATION)


class TestSearch:
    @pytest.fixture(params=[Kind.MANAGED_NOTEBOOK, Kind.DATAPROC_HUB])
    def service(self, request: pytest.FixtureRequest) -> NotebooksV1Service:
        """Finds one of the person's notebooks and a location that does not answer."""
        if request.param is Kind.DATAPROC_HUB:
            found = [Instance(name=HUB, labels=LABELS)]
            one = ListInstancesResponse(instances=found, next_page_token="more")
            lost = ListInstancesResponse(unreachable=["us-east1-b"])
            return instances(list_instances={"": one, "more": lost})
        pages = {
            "": ListRuntimesResponse(runtimes=[Runtime(name=RUNTIME)], next_page_token="more"),
            "more": ListRuntimesResponse(unreachable=["us-east1"]),
        }
        client = FakeClient(list_runtimes=pages)
        return Runtimes(lambda: client)

    def test_a_location_that_does_not_answer_is_temporary(
        self, service: NotebooksV1Service
    ) -> None:
        search = NotebooksV1Inventory("p", [service])
        with pytest.raises(CloudFault, match="us-east1") as caught:
            search.resources_of(KEY, EMAIL)
        assert (caught.value.disposition, caught.value.code) == (
            Disposition.TEMPORARY,
            "UNREACHABLE",
        )
        with pytest.raises(CloudFault, match="us-east1"):
            search.leftovers_of(KEY, EMAIL)


class TestClients:
    @pytest.fixture(params=[managed_notebooks_client, notebooks_client])
    def make(self, request: pytest.FixtureRequest) -> Iterator[Any]:
        made: list[Any] = []

        def make(endpoint: str) -> Any:
            made.append(request.param(endpoint, AnonymousCredentials()))
            return made[-1]

        yield make
        for client in made:
            client.transport.close()

    def test_plain_http_is_a_channel_without_encryption(
        self, make: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[str] = []
        from grpc import insecure_channel

        def open_channel(address: str) -> Any:
            opened.append(address)
            return insecure_channel(address)

        monkeypatch.setattr("grpc.insecure_channel", open_channel)
        make("http://127.0.0.1:1/")
        assert opened == ["127.0.0.1:1"]

    def test_https_is_googles_own_channel(self, make: Any) -> None:
        assert make("https://notebooks.googleapis.com").transport.host == (
            "notebooks.googleapis.com:443"
        )
