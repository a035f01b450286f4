"""What points gcloud at a local cloud, for every API that a newcomer may try."""

from __future__ import annotations

# Where gcloud's override of an API's endpoint has to point, below the local cloud's URL.
_SERVED = {
    "COMPUTE": "compute/v1/",
    "DATAPROC": "",
    "NOTEBOOKS": "",
    "PUBSUB": "",
    "STORAGE": "storage/v1/",
}
# APIs that a newcomer may try and that are not served: refused here, rather than asked at Google.
_NOT_SERVED = (
    "AIPLATFORM",
    "APPENGINE",
    "ARTIFACTREGISTRY",
    "BATCH",
    "BIGQUERY",
    "BIGTABLEADMIN",
    "CLOUDBILLING",
    "CLOUDBUILD",
    "CLOUDFUNCTIONS",
    "CLOUDKMS",
    "CLOUDRESOURCEMANAGER",
    "CLOUDSCHEDULER",
    "CLOUDTASKS",
    "COMPOSER",
    "CONTAINER",
    "DATAFLOW",
    "DATAPLEX",
    "DNS",
    "EVENTARC",
    "FILE",
    "FIRESTORE",
    "IAM",
    "LOGGING",
    "METASTORE",
    "MONITORING",
    "ORGPOLICY",
    "REDIS",
    "RUN",
    "SECRETMANAGER",
    "SERVICEUSAGE",
    "SPANNER",
    "SQL",
    "VPCACCESS",
    "WORKFLOWS",
)


def gcloud_endpoints(url: str) -> dict[str, str]:
    """The variables by which gcloud sends its requests to the local cloud at ``url``."""
    paths = _SERVED | {api: f"not-served/{api.lower()}/" for api in _NOT_SERVED}
    return {
        f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"{url}/{paths[api]}" for api in sorted(paths)
    }
