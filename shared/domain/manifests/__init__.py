"""Makes the manifests of one person from their profile: the bodies of requests to Google. Pure.

Bodies are Google's JSON (camelCase, 64-bit integers as text); ``make check`` compares them with
the discovery documents. Must not know how they are sent, or which resources exist.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.domain.manifests.cluster_template import cluster_template_manifest
from shared.domain.manifests.dataproc_hub import dataproc_hub_manifest
from shared.domain.manifests.labels import is_ours, labels_of
from shared.domain.manifests.managed_notebook import managed_notebook_manifest
from shared.domain.manifests.session_template import session_template_manifest
from shared.domain.manifests.site import Site
from shared.domain.manifests.workbench import workbench_manifest
from shared.domain.people.person import Person
from shared.domain.profiles import Profile
from shared.domain.resources.manifest import Manifest

__all__ = ["Site", "is_ours", "labels_of", "manifests_of"]


def manifests_of(profile: Profile, person: Person, key: str, site: Site) -> tuple[Manifest, ...]:
    """The manifests of everything that ``profile`` gives to ``person``, whose key is ``key``.

    Templates, which are created at once, come first, so that they don't wait for a slow notebook.
    """
    sessions = [
        session_template_manifest(profile, template, person, key, site)
        for template in profile.session_templates
    ]
    clusters = [
        cluster_template_manifest(profile, template, person, key, site)
        for template in profile.cluster_templates
    ]
    return (*sessions, *clusters, *_notebooks(profile, person, key, site))


def _notebooks(profile: Profile, person: Person, key: str, site: Site) -> Iterator[Manifest]:
    if profile.workbench is not None:
        yield workbench_manifest(profile, profile.workbench, person, key, site)
    if profile.managed_notebook is not None:
        yield managed_notebook_manifest(profile, profile.managed_notebook, person, key, site)
    if profile.dataproc_hub is not None:
        yield dataproc_hub_manifest(profile, profile.dataproc_hub, person, key, site)
