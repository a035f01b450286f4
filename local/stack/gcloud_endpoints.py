"""Environment variables that point gcloud at a local cloud."""

from __future__ import annotations

# Path of each served API's endpoint, below the local cloud's URL.
_SERVED = {
    "COMPUTE": "compute/v1/",
    "DATAPROC": "",
    "NOTEBOOKS": "",
    "PUBSUB": "",
    "STORAGE": "storage/v1/",
}
# APIs that are not served: gcloud's requests are refused here and don't go to Google.
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
    """Variables that make gcloud send its requests to the local cloud at ``url``."""
    paths = _SERVED | {api: f"not-served/{api.lower()}/" for api in _NOT_SERVED}
    return {
        f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"{url}/{paths[api]}" for api in sorted(paths)
    }
