"""The REST methods of google.cloud.location: the locations of a service.

The list has a few real zones, for clients that offer a choice. Requests to other locations with a
valid name are served too. It must not know the service.
"""

import re
from typing import Any

from starlette.routing import Route

from local.api.http import Incoming, route
from local.cloud import Cloud
from local.errors import ApiError

Json = dict[str, Any]

ZONES = (
    "europe-west1-b",
    "europe-west1-c",
    "europe-west4-a",
    "us-central1-a",
    "us-central1-b",
    "us-central1-c",
    "us-east1-b",
)
_ZONE = re.compile(r"[a-z]+-[a-z]+[0-9]+-[a-z]")


def location_routes(cloud: Cloud, service: str, path: str) -> list[Route]:
    """get and list at `path`, Google's path of the collection."""

    def listed(incoming: Incoming) -> Json:
        project = incoming.params["project"]
        with cloud.call(service, "locations.list", f"projects/{project}/locations"):
            return {"locations": [_location(project, zone) for zone in ZONES]}

    def get(incoming: Incoming) -> Json:
        project, zone = incoming.params["project"], incoming.params["location"]
        name = f"projects/{project}/locations/{zone}"
        with cloud.call(service, "locations.get", name):
            if not _ZONE.fullmatch(zone):
                raise ApiError.not_found(name)
            return _location(project, zone)

    return [route("GET", path, listed), route("GET", path + "/{location}", get)]


def _location(project: str, zone: str) -> Json:
    return {"name": f"projects/{project}/locations/{zone}", "locationId": zone}
