"""The resource names in requests to Notebooks v2.

It must not know what a method does.
"""

from local.api.http import Incoming


def parent_name(incoming: Incoming) -> str:
    """projects/PROJECT/locations/LOCATION."""
    return f"projects/{incoming.params['project']}/locations/{incoming.params['location']}"


def instance_name(incoming: Incoming) -> str:
    """The full name of the instance; for create, of the new one; for list, of the parent."""
    instance_id = incoming.params.get("id") or incoming.query.get("instanceId")
    parent = parent_name(incoming)
    return f"{parent}/instances/{instance_id}" if instance_id else parent
