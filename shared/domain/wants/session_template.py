"""A person's Spark session template: a Dataproc SessionTemplate on their own credentials."""

from __future__ import annotations

from shared.domain.names import resource_id
from shared.domain.person import Person
from shared.domain.profiles import Profile, SparkTemplate
from shared.domain.resources import Kind, Want
from shared.domain.wants.labels import labels_of
from shared.domain.wants.making import branch, copied, seconds, want
from shared.domain.wants.site import Site


def session_template_want(
    profile: Profile, template: SparkTemplate, person: Person, key: str, site: Site
) -> Want:
    """The master with the person's, the profile's and the site's fields set in it."""
    template_id = resource_id("st", key, template.slot)
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
    return want(Kind.SESSION_TEMPLATE, template.slot, (name,), body)
