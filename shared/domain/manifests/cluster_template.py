"""A person's cluster template: the content of a YAML file for ``gcloud dataproc clusters import``.

The cluster runs on the person's own credentials (personal cluster authentication). Only the person
can give those to it when it runs; so we store a template in a bucket, and they create the cluster.
Fields are set in the parsed master, and the adapter writes the YAML, so that no text of a person
can change its structure.
"""

from __future__ import annotations

import re

from shared.domain.manifests.building import branch, copied, manifest, seconds
from shared.domain.manifests.labels import labels_of
from shared.domain.manifests.site import Site
from shared.domain.names import PERSON_KEY
from shared.domain.people.person import Person
from shared.domain.profiles import Profile, SparkTemplate
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest

PERSONAL_AUTH_USER = "dataproc:dataproc.personal-auth.user"
PEOPLE = "people/"  # the folder that has one folder for each person


def folder_of(key: str) -> str:
    """The path below the bucket where the templates of the person of ``key`` are."""
    return f"{PEOPLE}{key}/"


def key_of_path(path: str) -> str:
    """The key of the person in whose folder the file at ``path`` is; '' if it is in none."""
    key, _, file = path.removeprefix(PEOPLE).partition("/")
    in_folder = path.startswith(PEOPLE) and file and re.fullmatch(PERSON_KEY, key)
    return key if in_folder else ""


def cluster_template_manifest(
    profile: Profile, template: SparkTemplate, person: Person, key: str, site: Site
) -> Manifest:
    """The master with the person's, the profile's and the site's fields set in it."""
    body = copied(template.master)
    body["labels"] = labels_of(profile, person, key)
    software = branch(body, "config", "softwareConfig")
    branch(software, "properties")[PERSONAL_AUTH_USER] = person.email
    components = software.setdefault("optionalComponents", [])
    if "JUPYTER" not in components:
        components.append("JUPYTER")
    machines = branch(body, "config", "gceClusterConfig")
    machines["subnetworkUri"] = site.subnet_path(profile.network)
    machines["internalIpOnly"] = not profile.network.public_ip
    if profile.network.tags:
        machines["tags"] = list(profile.network.tags)
    # Jupyter is reached through the component gateway, which checks the user's identity.
    branch(body, "config")["endpointConfig"] = {"enableHttpPortAccess": True}
    branch(body, "config", "lifecycleConfig")["idleDeleteTtl"] = seconds(template.idle_seconds)
    place = f"gs://{site.templates_bucket}/{folder_of(key)}{template.slot}.yaml"
    return manifest(Kind.CLUSTER_TEMPLATE, template.slot, (place,), body)
