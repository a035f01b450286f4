"""The state that all services of one local cloud share, and the checks on every API call.

It must not know any service, HTTP or gRPC.
"""

from local.cloud.cloud import VERB_SECONDS, Cloud

__all__ = ["VERB_SECONDS", "Cloud"]
