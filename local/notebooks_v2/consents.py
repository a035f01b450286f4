"""The owners' consent to their instance using their own credentials.

On Google Cloud an owner consents in the browser when first opening the instance; here an admin
route sets it. A consent is for one instance: a later one of the same name needs a new consent. It
must not know HTTP routes or operations.
"""

from datetime import datetime
from typing import Any

from local.api.store import Collection
from local.clock import timestamp
from local.errors import ApiError

Json = dict[str, Any]

_CONSENT_PAGE = "https://accounts.google.com/o/oauth2/v2/auth?state="


class Consents:
    def __init__(self, instances: Collection) -> None:
        self._instances = instances
        self._given: set[str] = set()  # unique ids of instances

    def authorization(self, instance: Json, now: datetime) -> Json:
        """CheckAuthorizationResponse; always a success without managed credentials."""
        answer: Json = {"success": self._has(instance), "createTime": timestamp(now)}
        return (
            answer if answer["success"] else answer | {"oauth_uri": _CONSENT_PAGE + instance["id"]}
        )

    def to_json(self) -> Json:
        """For every instance that needs consent, whether it is given."""
        needing = (i for i in self._instances if i.get("enableManagedEuc"))
        return {"consents": {i["name"]: self._has(i) for i in needing}}

    def set(self, spec: Json) -> None:
        """{"instance": full name or unique id, "given": true}."""
        wanted, given = spec.get("instance"), spec.get("given")
        if set(spec) != {"instance", "given"} or not isinstance(given, bool):
            raise ApiError.invalid('The body must be {"instance": "a name", "given": true}.')
        instance = self._instances.named(str(wanted))
        if not instance.get("enableManagedEuc"):
            raise ApiError.failed_precondition(f"'{instance['name']}' needs no consent.")
        if given:
            self._given.add(instance["id"])
        else:
            self._given.discard(instance["id"])

    def _has(self, instance: Json) -> bool:
        return not instance.get("enableManagedEuc") or instance["id"] in self._given
