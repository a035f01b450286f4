"""The project, region and bucket of a deployment, which are the same for all people."""

from __future__ import annotations

import msgspec

from shared.domain.profiles import Network


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where resources are created; ``templates_bucket`` without ``gs://``."""

    project: str
    region: str
    templates_bucket: str

    def network_path(self, network: Network) -> str:
        """``network`` as ``projects/P/global/networks/N``."""
        name = network.network
        return name if "/" in name else f"projects/{self.project}/global/networks/{name}"

    def subnet_path(self, network: Network) -> str:
        """The subnet of ``network`` as ``projects/P/regions/R/subnetworks/S``."""
        name = network.subnet
        if "/" in name:
            return name
        return f"projects/{self.project}/regions/{self.region}/subnetworks/{name}"
