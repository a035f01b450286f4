"""Methods that the local cloud lacks are refused at once and by name."""

from collections.abc import Iterator

import grpc
import pytest
import requests
from google.api_core.exceptions import MethodNotImplemented
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport

from local.server import LocalCloud

ZONE = "/v2/projects/demo/locations/us-central1-a"


@pytest.fixture(scope="module")
def local() -> Iterator[LocalCloud]:
    with LocalCloud() as local:
        yield local


@pytest.mark.parametrize(
    ("verb", "path", "named", "beside"),
    [
        (
            "POST",
            f"{ZONE}/instances/nb1:diagnose",
            "notebooks.projects.locations.instances.diagnose",
            "of instances (notebooks v2) it serves checkAuthorization, create, delete, get",
        ),
        (  # not an instance "nb1:getIamPolicy"
            "GET",
            f"{ZONE}/instances/nb1:getIamPolicy",
            "notebooks.projects.locations.instances.getIamPolicy",
            "of instances (notebooks v2)",
        ),
        (
            "GET",
            "/v1/projects/demo/locations/us-central1/schedules",
            "notebooks.projects.locations.schedules.list",
            "of notebooks v1 it serves",
        ),
        (
            "GET",
            "/v1/projects/demo/regions/us-central1/jobs",
            "dataproc.projects.regions.jobs.list",
            "of dataproc v1 it serves clusters, operations, sessionTemplates, sessions",
        ),
        (
            "GET",
            "/compute/v1/projects/demo/aggregated/instances",
            "compute.instances.aggregatedList",
            "of compute v1 it serves disks, globalOperations, snapshots, zoneOperations",
        ),
        (
            "PATCH",
            "/compute/v1/projects/demo/zones/us-central1-a/disks/d1",
            "compute.disks.update",
            "of disks (compute v1) it serves",
        ),
        ("GET", "/v1/projects/demo/schemas", "pubsub.projects.schemas.list", "of pubsub v1"),
        ("GET", "/storage/v1/b/x/iam", "storage.buckets.getIamPolicy", "of buckets (storage v1)"),
        ("POST", "/not-served/logging/v2/entries:list", "logging (POST /v2/entries:list)", "parts"),
    ],
)
def test_the_error_names_the_method_and_the_served_ones(
    local: LocalCloud, verb: str, path: str, named: str, beside: str
) -> None:
    answer = requests.request(verb, local.url + path, timeout=10)
    error = answer.json()["error"]
    # gcloud retries 5xx and 429 for 30 seconds; 404 would mean "no such resource".
    assert (answer.status_code, error["status"]) == (405, "UNIMPLEMENTED")
    assert error["message"].startswith(f"this local cloud does not serve {named}; ")
    assert beside in error["message"]


def test_a_path_of_no_known_api_is_not_found(local: LocalCloud) -> None:
    answer = requests.get(f"{local.url}/v7/nothing", timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


def test_grpc_methods_are_refused_by_name(local: LocalCloud) -> None:
    with grpc.insecure_channel(local.grpc_address) as channel:
        client = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=channel))
        with pytest.raises(
            MethodNotImplemented, match=r"does not serve google\.pubsub\.v1\.SchemaService\.List"
        ):
            client.list_schemas(parent="projects/demo")
