"""Notebooks v1 over gRPC with google-cloud-notebooks, its only client."""

import threading

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import notebooks_v1
from google.longrunning import operations_pb2
from google.protobuf import json_format

from tests.local.notebooks_v1 import harness
from tests.local.notebooks_v1.harness import HUB, HUB_BODY, REGION, RUNTIME, RUNTIME_BODY, ZONE, Api

api, older_api = harness.api, harness.older_api  # pytest finds fixtures by name


def runtime() -> notebooks_v1.Runtime:
    return notebooks_v1.Runtime(json_format.ParseDict(RUNTIME_BODY, notebooks_v1.Runtime.pb()()))


def hub() -> notebooks_v1.Instance:
    return notebooks_v1.Instance(json_format.ParseDict(HUB_BODY, notebooks_v1.Instance.pb()()))


def test_a_runtime_is_created_stopped_started_and_deleted(older_api: Api) -> None:
    client = older_api.runtimes
    creation = client.create_runtime(parent=REGION, runtime_id="ana", runtime=runtime())
    assert client.get_runtime(name=RUNTIME).state.name == "PROVISIONING"
    assert creation.metadata.target == RUNTIME
    older_api.wait()
    created = creation.result(timeout=10)
    assert created == client.get_runtime(name=RUNTIME)
    assert created.state.name == "ACTIVE"
    assert created.access_config.runtime_owner == "ana@example.com"
    assert created.access_config.proxy_uri
    assert created.virtual_machine.virtual_machine_config.labels == {"team": "core"}

    client.stop_runtime(request={"name": RUNTIME})
    older_api.wait()
    assert client.get_runtime(name=RUNTIME).state.name == "STOPPED"
    client.start_runtime(request={"name": RUNTIME})
    older_api.wait()
    assert client.get_runtime(name=RUNTIME).state.name == "ACTIVE"
    deletion = client.delete_runtime(name=RUNTIME)
    older_api.wait()
    deletion.result(timeout=10)
    with pytest.raises(exceptions.NotFound):
        client.get_runtime(name=RUNTIME)


def test_an_instance_is_created_labelled_stopped_and_deleted(older_api: Api) -> None:
    client = older_api.instances
    creation = client.create_instance(parent=ZONE, instance_id="ana-hub", instance=hub())
    older_api.wait()
    created = creation.result(timeout=10)
    assert created.state.name == "ACTIVE"
    assert created.container_image.repository == "gcr.io/demo/hub"
    assert created.metadata == {"dataproc-configs": "gs://demo-templates/ana/"}
    labelled = client.set_instance_labels(request={"name": HUB, "labels": {"team": "lake"}})
    older_api.wait()
    assert labelled.result(timeout=10).labels == {"team": "lake"}
    client.stop_instance(request={"name": HUB})
    older_api.wait()
    assert client.get_instance(name=HUB).state.name == "STOPPED"
    client.delete_instance(name=HUB)
    older_api.wait()
    assert list(client.list_instances(parent=ZONE)) == []


def test_both_creations_are_refused(api: Api) -> None:
    deprecated = "have been deprecated and new instances cannot be created"
    with pytest.raises(exceptions.FailedPrecondition, match=deprecated):
        api.runtimes.create_runtime(parent=REGION, runtime_id="ana", runtime=runtime())
    with pytest.raises(exceptions.FailedPrecondition, match=deprecated):
        api.instances.create_instance(parent=ZONE, instance_id="ana-hub", instance=hub())


def test_lists_are_paged_over_every_location(api: Api) -> None:
    names = [f"projects/demo/locations/us-east1-{zone}/instances/nb" for zone in "bcd"]
    for name in names:
        api.v1.seed(name)
    request = {"parent": "projects/demo/locations/-", "page_size": 2}
    assert [one.name for one in api.instances.list_instances(request=request)] == names
    assert api.cloud.calls.counts() == {"notebooks_v1.instances.list": 2}
    assert list(api.runtimes.list_runtimes(parent="projects/demo/locations/-")) == []


def test_rest_and_grpc_show_the_same_state(api: Api) -> None:
    api.v1.seed(RUNTIME, RUNTIME_BODY)
    seen = api.runtimes.get_runtime(name=RUNTIME)
    assert json_format.MessageToDict(notebooks_v1.Runtime.pb(seen)) == api("GET", RUNTIME)
    operation = api.runtimes.stop_runtime(request={"name": RUNTIME}).operation
    assert api("GET", operation.name)["metadata"]["verb"] == "stop"


def test_fields_unknown_to_the_client_are_left_out(api: Api) -> None:
    api.v1.seed(RUNTIME, {"labels": {"team": "core"}})
    assert api("GET", RUNTIME)["labels"] == {"team": "core"}
    assert api.runtimes.get_runtime(name=RUNTIME).name == RUNTIME
    assert "labels" not in notebooks_v1.Runtime.meta.fields  # if this fails, check the labels here


def test_operations_are_read_listed_cancelled_and_deleted(api: Api) -> None:
    api.v1.seed(HUB)
    operation = api.instances.stop_instance(request={"name": HUB}).operation
    client = api.instances
    get = operations_pb2.GetOperationRequest(name=operation.name)
    assert client.get_operation(get) == operation
    listed = client.list_operations(operations_pb2.ListOperationsRequest(name=ZONE))
    assert list(listed.operations) == [operation]
    client.cancel_operation(operations_pb2.CancelOperationRequest(name=operation.name))
    assert client.get_instance(name=HUB).state.name == "ACTIVE"
    client.delete_operation(operations_pb2.DeleteOperationRequest(name=operation.name))
    with pytest.raises(exceptions.NotFound):
        client.get_operation(get)


def test_an_invalid_body_is_refused_by_field(older_api: Api) -> None:
    body = notebooks_v1.Instance(machine_type="n1-standard-1", labels={"Team": "x"})
    with pytest.raises(exceptions.InvalidArgument) as refused:
        older_api.instances.create_instance(parent=ZONE, instance_id="nb", instance=body)
    (detail,) = refused.value.details
    assert [violation.field for violation in detail.field_violations] == ["labels.Team"]


@pytest.mark.parametrize("name", ["", "ana", "projects/demo/locations/us-central1/instances/ana"])
def test_a_name_of_another_form_is_refused(api: Api, name: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        api.runtimes.get_runtime(name=name)


def test_an_operation_ends_in_its_scripted_error(older_api: Api) -> None:
    details = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "STOCKOUT"},
        {"@type": "type.googleapis.com/example.Unheard", "x": 1},
    ]
    error = {"status": "RESOURCE_EXHAUSTED", "message": "no capacity", "details": details}
    fault = older_api.cloud.faults.add(
        {
            "service": "notebooks_v1",
            "method": "runtimes.create",
            "when": "operation",
            "error": error,
        }
    )
    creation = older_api.runtimes.create_runtime(parent=REGION, runtime_id="ana", runtime=runtime())
    older_api.wait()
    with pytest.raises(exceptions.ResourceExhausted, match="no capacity"):
        creation.result(timeout=10)
    assert len(creation.operation.error.details) == 1  # only the detail of a known type
    assert fault.hits == 1


def test_a_dropped_connection_is_unavailable_although_it_was_applied(api: Api) -> None:
    api.v1.seed(HUB)
    fault = api.cloud.faults.add(
        {"service": "notebooks_v1", "method": "instances.delete", "when": "after", "drop": True}
    )
    with pytest.raises(exceptions.ServiceUnavailable):
        api.instances.delete_instance(name=HUB)
    assert api.instances.get_instance(name=HUB).state.name == "DELETED"
    assert fault.hits == 1


def test_methods_that_are_not_served_are_unimplemented(api: Api) -> None:
    api.v1.seed(HUB)
    with pytest.raises(exceptions.MethodNotImplemented):
        api.instances.upgrade_instance(request={"name": HUB})
    assert api.cloud.calls.counts() == {}


def test_the_first_calls_may_be_simultaneous(api: Api) -> None:
    # The first call builds the table of methods; simultaneous first calls must work too.
    api.v1.seed(HUB)
    seen: list[str] = []

    def look() -> None:
        with grpc.insecure_channel(api.local.grpc_address) as channel:
            get = channel.unary_unary(
                "/google.cloud.notebooks.v1.NotebookService/GetInstance",
                request_serializer=notebooks_v1.GetInstanceRequest.serialize,
                response_deserializer=notebooks_v1.Instance.deserialize,
            )
            seen.append(get(notebooks_v1.GetInstanceRequest(name=HUB), timeout=10).state.name)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen == ["ACTIVE"] * 8
