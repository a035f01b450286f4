"""How Compute Engine names things: paths, links to them, and the ids and fingerprints it makes up.

A path is `projects/P/zones/Z/disks/D`, a link the same behind Google's own host, whatever host we
are reached at: clients compare links, and gcloud shortens them. Pure; it must not know resources.
"""

import base64
import hashlib
import json
import re
import uuid

_ROOT = "https://www.googleapis.com/compute/v1/"
_DISK = re.compile(
    r"(?:https?://[^/]+/compute/[a-z0-9]+/)?(?:projects/(?P<project>[^/]+)/)?"
    r"zones/(?P<zone>[^/]+)/disks/(?P<disk>[^/]+)"
)


def link(path: str) -> str:
    """The link to what is at `path`."""
    return _ROOT + path


def disk_path(reference: str, project: str) -> str | None:
    """The path of a disk given as a link or a partial path; None if it is neither.

    A partial path without a project means one in `project`.
    """
    found = _DISK.fullmatch(reference)
    if found is None:
        return None
    return f"projects/{found['project'] or project}/zones/{found['zone']}/disks/{found['disk']}"


def numeric_id() -> str:
    """An id as Compute gives them: a number in text, never used twice."""
    return str(uuid.uuid4().int % 10**19)


def fingerprint(labels: dict[str, str]) -> str:
    """Changes with the labels and with nothing else."""
    text = json.dumps(labels, sort_keys=True).encode()
    return base64.b64encode(hashlib.sha256(text).digest()[:8]).decode()
