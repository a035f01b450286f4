"""A person's cluster template: the YAML from which ``gcloud dataproc clusters import`` works.

The cluster runs on the person's own credentials (personal cluster authentication), which only they
can hand to it once it is up; so it is a template in a bucket, and they start it. Fields are set in
the parsed master and the whole is written by a YAML writer: nobody's text can become structure.
"""

from __future__ import annotations

import copy
from typing import Any

import yaml

from shared.domain.person import Person
from shared.domain.profiles import Profile, SparkTemplate
from shared.domain.resources import Kind, Want
from shared.domain.wants.labels import labels_of
from shared.domain.wants.making import branch, seconds, want
from shared.domain.wants.site import Site

PERSONAL_AUTH_USER = "dataproc:dataproc.personal-auth.user"

# A constant: a comment is the one place of a YAML file where a person's text could break out.
_HEADER = """\
# Made by Benchkeeper from the profile's master template, and written anew when that changes.
# Make a cluster of it, then hand it your credentials:
#   gcloud dataproc clusters import CLUSTER --region=REGION --source=THIS_FILE
#   gcloud dataproc clusters enable-personal-auth-session CLUSTER --region=REGION
"""


def cluster_template_want(
    profile: Profile, template: SparkTemplate, person: Person, key: str, site: Site
) -> Want:
    """The master with the person's, the profile's and the site's fields set in it."""
    body = copy.deepcopy(template.master)
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
    # Jupyter on such a cluster is reached through the component gateway, which checks who asks.
    branch(body, "config")["endpointConfig"] = {"enableHttpPortAccess": True}
    branch(body, "config", "lifecycleConfig")["idleDeleteTtl"] = seconds(template.idle_seconds)
    place = f"gs://{site.templates_bucket}/people/{key}/{template.slot}.yaml"
    return want(Kind.CLUSTER_TEMPLATE, template.slot, (place,), body)


def render(body: dict[str, Any]) -> bytes:
    """``body`` as YAML that means the same to readers of YAML 1.1 (ours) and 1.2 (gcloud's)."""
    text = yaml.dump(body, Dumper=_Writer, allow_unicode=False, default_flow_style=False, width=200)
    return (_HEADER + text).encode("ascii")


class _Writer(yaml.SafeDumper):
    """Writes plain data: no aliases, and nothing plain that some reader takes for a number."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write_text(writer: _Writer, text: str) -> yaml.ScalarNode:
    # What begins with a letter is resolved alike by both versions. '1e3' and '0o14' are not: text
    # to the one, numbers to the other.
    begins_with_letter = text[:1].isascii() and text[:1].isalpha()
    style = None if begins_with_letter else "'"
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _write_text)
