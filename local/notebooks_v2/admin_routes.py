"""Admin methods for notebooks: the owners' consent, and states set by hand.

What Google does to a machine that nobody here asked for (maintenance, an upgrade begun in the
console) leaves an instance in UPGRADING, SUSPENDED or PROVISIONING without an operation of ours. It
stays there until somebody sets another state or calls a method that leads elsewhere. It must not
know the API's own routes.
"""

from copy import deepcopy
from typing import Any

from local.api.admin import Lever
from local.api.http import Incoming
from local.api.operations import Operations
from local.api.store import Collection
from local.errors import ApiError
from local.notebooks_v2 import states
from local.notebooks_v2.consents import Consents

Json = dict[str, Any]


class NotebookLevers:
    """`names`: the states an instance can be put in."""

    def __init__(
        self,
        instances: Collection,
        consents: Consents,
        operations: Operations,
        names: list[str],
    ) -> None:
        self._instances = instances
        self._consents = consents
        self._operations = operations
        self._names = names

    def all(self) -> list[Lever]:
        say = 'give or take it: {"instance": "nb1", "given": true}'
        be = 'put one in any state: {"instance": "nb1", "state": "UPGRADING"}'
        return [
            Lever("GET", "/consents", "which owners have consented", self._read_consents),
            Lever("PUT", "/consents", say, self._set_consent),
            Lever("PUT", "/states", be, self._set_state),
        ]

    def _read_consents(self, _: Incoming) -> Json:
        with self._operations.settled():
            return self._consents.to_json()

    def _set_consent(self, incoming: Incoming) -> Json:
        with self._operations.settled():
            self._consents.set(incoming.json())
            return self._consents.to_json()

    def _set_state(self, incoming: Incoming) -> Json:
        """Set the state and return the instance; ACTIVE has a link and health, as after a start."""
        spec = incoming.json()
        wanted, state = spec.get("instance"), spec.get("state")
        if set(spec) != {"instance", "state"} or state not in self._names:
            raise ApiError.invalid(
                'The body must be {"instance": "a name", "state": one of '
                f"{', '.join(self._names)}}}."
            )
        with self._operations.settled() as now:
            instance = self._instances.named(str(wanted))
            if state == "ACTIVE":
                states.run(instance, now)
            else:
                states.enter(instance, str(state), now)
            return deepcopy(instance)
