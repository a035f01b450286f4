"""Admin routes for notebooks: the owners' consent, and an instance's state.

On Google Cloud an instance can be in UPGRADING, SUSPENDED or PROVISIONING without an operation of
the client (maintenance, an upgrade in the console). A state set here stays until another is set or
a method of the API changes it. It must not know the API's routes.
"""

from copy import deepcopy
from typing import Any

from local.api.admin import AdminRoute
from local.api.http import Incoming
from local.api.operations import Operations
from local.api.store import Collection
from local.errors import ApiError
from local.notebooks_v2 import states
from local.notebooks_v2.consents import Consents

Json = dict[str, Any]


class NotebookAdminRoutes:
    """`names`: the states that can be set."""

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

    def all(self) -> list[AdminRoute]:
        consent = 'give or revoke it: {"instance": "nb1", "given": true}'
        state = 'set the state of an instance: {"instance": "nb1", "state": "UPGRADING"}'
        return [
            AdminRoute("GET", "/consents", "which owners have consented", self._read_consents),
            AdminRoute("PUT", "/consents", consent, self._set_consent),
            AdminRoute("PUT", "/states", state, self._set_state),
        ]

    def _read_consents(self, _: Incoming) -> Json:
        with self._operations.settled():
            return self._consents.to_json()

    def _set_consent(self, incoming: Incoming) -> Json:
        with self._operations.settled():
            self._consents.set(incoming.json())
            return self._consents.to_json()

    def _set_state(self, incoming: Incoming) -> Json:
        """Set the state; ACTIVE also sets proxy address and health, as a start does."""
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
