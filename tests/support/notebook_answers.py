"""Replaces ``Rest`` below the workbench driver with prepared answers of the v2 API.

For answers that the local cloud never gives, and for counting the calls.
"""

from __future__ import annotations

from typing import Any, cast

from shared.adapters.google_api.rest import Rest
from shared.adapters.notebooks_v2.driver import WorkbenchDriver
from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Drift, Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from tests.support.grouped_fields import a_resource

KEY = "ana-abcdefghijkl"
EMAIL = "ana@example.com"
NAME = f"projects/demo/locations/us-central1-a/instances/wb-{KEY}"
OPERATION = "projects/demo/locations/us-central1-a/operations/op-1"


class Answers:
    """Replaces ``Rest``: returns the given answer for each path, otherwise 404.

    Operations are listed one per page; the page token is the number of the next one.
    """

    def __init__(
        self,
        *,
        operations: tuple[dict[str, Any], ...] = (),
        **answers: dict[str, Any] | CloudFault,
    ) -> None:
        self._answers = answers
        self._operations = operations
        self.asked: list[str] = []
        self.sent: dict[str, Any] = {}

    def get(self, path: str, **params: str) -> dict[str, Any]:
        if path.endswith("/operations"):
            return self._page(int(params.get("pageToken", "0")))
        return self._answer("operation" if "/operations/" in path else "instance")

    def post(self, path: str, body: dict[str, Any], **params: str) -> dict[str, Any]:
        self.sent = body
        return self._answer("post")

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._answer("ask")

    def patch(self, path: str, body: dict[str, Any], **params: str) -> dict[str, Any]:
        self.sent = {"body": body, **params}
        return self._answer("patch")

    def delete(self, path: str, **params: str) -> dict[str, Any]:
        return self._answer("post")

    def _page(self, number: int) -> dict[str, Any]:
        self.asked.append("operations")
        more = {"nextPageToken": str(number + 1)} if number + 1 < len(self._operations) else {}
        return {"operations": list(self._operations[number : number + 1]), **more}

    def _answer(self, what: str) -> dict[str, Any]:
        self.asked.append(what)
        answer = self._answers.get(what, CloudFault(Disposition.PERMANENT, "NOT_FOUND", "none"))
        if isinstance(answer, CloudFault):
            raise answer
        return answer


def driver(answers: Answers) -> WorkbenchDriver:
    return WorkbenchDriver(cast("Rest", answers))


def instance(state: str, **more: Any) -> dict[str, Any]:
    labels = {"managed-by": "benchkeeper", "benchkeeper-person": KEY}
    return {"name": NAME, "labels": labels, "instanceOwners": [EMAIL], "state": state, **more}


def resource(**more: Any) -> Resource:
    return a_resource(kind=Kind.WORKBENCH, slot="main", name=NAME, **more)


def observe(
    answers: Answers, remembered: Resource | None = None, wanted: Manifest | None = None
) -> Observation:
    return driver(answers).observe(remembered or resource(), KEY, EMAIL, wanted)


def manifest(**setup: Any) -> Manifest:
    body = {
        "labels": {"managed-by": "benchkeeper", "benchkeeper-person": KEY},
        "instanceOwners": [EMAIL],
        "gceSetup": setup,
    }
    return Manifest(kind=Kind.WORKBENCH, slot="main", places=(NAME,), body=body, digest="d")


MACHINE = {"machineType": "e2-standard-4"}
OTHER = manifest(machineType="n2-standard-8")
MACHINE_DRIFT = Drift(at_rest=("machine type e2-standard-4 -> n2-standard-8",))
