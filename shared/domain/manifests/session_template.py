"""A person's Spark session template: a Dataproc SessionTemplate on their own credentials."""

from __future__ import annotations

from shared.domain.manifests.building import branch, copied, manifest, seconds
from shared.domain.manifests.labels import labels_of
from shared.domain.manifests.site import Site
from shared.domain.names import key_in, resource_id
from shared.domain.people.person import Person
from shared.domain.profiles import Profile, SparkTemplate
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest

_PREFIX = "st"


def key_of_template(name: str) -> str:
    """The key of the person for whom ``name`` is the id of a template; '' if it is not ours.

    It may be a wrong one, if the slot looks like the hash in a key: labels are more reliable.
    """
    return key_in(name) if name.startswith(f"{_PREFIX}-") else ""


def session_template_manifest(
    profile: Profile, template: SparkTemplate, person: Person, key: str, site: Site
) -> Manifest:
    """The master with the person's, the profile's and the site's fields set in it."""
    template_id = resource_id(_PREFIX, key, template.slot)
    name = f"projects/{site.project}/locations/{site.region}/sessionTemplates/{template_id}"
    body = copied(template.master)
    body["name"] = name
    body["labels"] = labels_of(profile, person, key)
    execution = branch(body, "environmentConfig", "executionConfig")
    execution["authenticationConfig"] = {"userWorkloadAuthenticationType": "END_USER_CREDENTIALS"}
    execution["subnetworkUri"] = site.subnet_path(profile.network)
    execution["idleTtl"] = seconds(template.idle_seconds)
    if profile.network.tags:
        execution["networkTags"] = list(profile.network.tags)
    return manifest(Kind.SESSION_TEMPLATE, template.slot, (name,), body)
