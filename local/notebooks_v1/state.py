"""All v1 notebooks of one cloud, and their methods.

REST and gRPC both use it, so that they give the same answers. It must not know either.

Where Google's documents say nothing, it does the same as Notebooks v2: a change during another
change is a 409 ABORTED; starting a running notebook or stopping a stopped one ends at once and
changes nothing; an operation that fails leaves the notebook as it was, a failed create leaves none.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime

from local.api.discovery import Discovery, refuse
from local.api.operations import Operations
from local.api.store import Collection, listing, page_size, parse_filter
from local.clock import timestamp
from local.cloud import Cloud
from local.errors import ApiError
from local.notebooks_v1.kinds import Json, Kind
from local.notebooks_v1.requests import KINDS, SERVICE, Request
from local.notebooks_v2.changes import Change, Changes, without_own_name

_TYPE = "type.googleapis.com/google.cloud.notebooks.v1."
_EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}
_PAGE_DEFAULT, _PAGE_MOST = 100, 1000
# The state during the operation, and the one after it.
_STATE_CHANGES = {
    "start": ("STARTING", "ACTIVE"),
    "stop": ("STOPPING", "STOPPED"),
    "reset": ("STARTING", "ACTIVE"),
}


class State:
    """All runtimes and instances, and their operations."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._discovery = Discovery("notebooks", "v1")
        self._notebooks = {kind.collection: Collection() for kind in KINDS}
        self.operations = Operations(cloud.clock)
        self._changes = Changes(cloud, self.operations, service=SERVICE, version="v1")
        self._methods: dict[str, Callable[[Request, Json], Json]] = {
            "list": self._list,
            "get": self._get,
            "create": self._create,
            "delete": self._delete,
            "setLabels": self._set_labels,
            **dict.fromkeys(_STATE_CHANGES, self._change_state),
        }

    def serve(self, request: Request, body: Json) -> Json:
        """Do the request, or raise; to be called inside `Cloud.call`."""
        described = f"notebooks.projects.locations.{request.call}"
        self._discovery.check_query(described, request.query.items())
        return self._methods[request.method](request, body)

    def seed(self, kind: Kind, name: str, body: Json) -> Json:
        """Add a notebook that is ACTIVE at once, without an operation."""
        self._discovery.check(kind.schema, body, partial=True)
        body = self._discovery.normalised(kind.schema, body)
        _, _, _, location, _, own_id = name.split("/")
        refuse(kind.place_violations(location, own_id) + kind.body_violations(body))
        with self.operations.settled() as now:
            notebook = kind.new_notebook(name, body, now)
            kind.enter(notebook, "ACTIVE", now)
            self._notebooks[kind.collection].add(name, notebook)
            return kind.shown(notebook)

    def resources(self) -> list[Json]:
        """All notebooks for `/_admin/resources`, with "Input only" fields."""
        with self.operations.settled():
            return [
                {"kind": kind.resource_kind, **deepcopy(notebook)}
                for kind in KINDS
                for notebook in self._notebooks[kind.collection]
            ]

    # Reading

    def _get(self, request: Request, _: Json) -> Json:
        with self.operations.settled():
            return request.kind.shown(self._of(request).get(request.name))

    def _list(self, request: Request, _: Json) -> Json:
        query, kind = request.query, request.kind
        if query.get("orderBy", "") not in ("", "name"):
            refuse(['orderBy: the local cloud sorts by "name" only'])
        size = page_size(query.get("pageSize"), _PAGE_DEFAULT, _PAGE_MOST)
        wanted = parse_filter(query.get("filter", ""))
        prefix = request.parent.removesuffix("-")  # location "-" is every location
        if prefix == request.parent:
            prefix += f"/{kind.collection}/"
        with self.operations.settled():
            page, token = self._of(request).page(prefix, size, query.get("pageToken", ""), wanted)
        return listing(kind.collection, [kind.shown(notebook) for notebook in page], token)

    # Changing

    def _create(self, request: Request, body: Json) -> Json:
        kind, name, notebooks = request.kind, request.target, self._of(request)
        if not self._cloud.older_notebooks:
            raise ApiError.failed_precondition(
                f"{kind.title} have been deprecated and new instances cannot be created. "
                "Create a Vertex AI Workbench instance instead."
            )
        body = without_own_name(body, name)
        refuse(kind.place_violations(request.parent.split("/")[3], request.own_id))
        self._discovery.check(kind.schema, body)
        body = self._discovery.normalised(kind.schema, body)
        refuse(kind.body_violations(body))

        def begin(now: datetime) -> Change:
            if notebooks.find(name) is not None:
                raise ApiError.already_exists(name)
            self._cloud.quotas.check_room(f"{SERVICE}.{kind.collection}", len(notebooks))
            notebooks.add(name, kind.new_notebook(name, body, now))
            succeed = self._enter_at_end(kind, name, "ACTIVE")
            return Change("create", succeed, lambda _: notebooks.remove(name))

        return self._change(request, begin)

    def _change_state(self, request: Request, body: Json) -> Json:
        kind, name, verb = request.kind, request.name, request.method
        self._discovery.check(f"{verb.capitalize()}{kind.schema}Request", body)
        during, after = _STATE_CHANGES[verb]

        def begin(now: datetime) -> Change:
            notebook = self._of(request).get(name)
            before = deepcopy(notebook)
            succeed = self._enter_at_end(kind, name, after)
            if verb != "reset" and notebook["state"] == after:
                unchanged = _response(kind, before)
                return Change(verb, lambda _: unchanged, lambda _: None, immediate=True)
            if verb == "reset" and notebook["state"] != "ACTIVE":
                raise ApiError.failed_precondition(f"'{name}' doesn't run, it can't be reset.")
            kind.enter(notebook, during, now)
            return Change(verb, succeed, lambda _: self._of(request).replace(name, before))

        return self._change(request, begin, body.get("requestId", ""))

    def _set_labels(self, request: Request, body: Json) -> Json:
        kind, name = request.kind, request.name
        self._discovery.check("SetInstanceLabelsRequest", body)
        labels = body.get("labels", {})
        refuse(kind.body_violations({"labels": labels}))

        def begin(_: datetime) -> Change:
            notebook = self._of(request).get(name)

            def succeed(ended: datetime) -> Json:
                notebook["labels"] = labels
                notebook["updateTime"] = timestamp(ended)
                return _response(kind, notebook)

            return Change("update", succeed, lambda _: None)

        return self._change(request, begin)

    def _delete(self, request: Request, _: Json) -> Json:
        kind, name, notebooks = request.kind, request.name, self._of(request)

        def begin(now: datetime) -> Change:
            notebook = notebooks.get(name)
            before = deepcopy(notebook)
            kind.enter(notebook, kind.deleting, now)

            def succeed(_: datetime) -> Json:
                notebooks.remove(name)
                return dict(_EMPTY)

            return Change("delete", succeed, lambda _: notebooks.replace(name, before))

        return self._change(request, begin)

    def _change(
        self, request: Request, begin: Callable[[datetime], Change], request_id: str = ""
    ) -> Json:
        request_id = request_id or request.query.get("requestId", "")
        return self._changes.make(request.call, request.target, request_id, begin)

    def _enter_at_end(self, kind: Kind, name: str, state: str) -> Callable[[datetime], Json]:
        def succeed(ended: datetime) -> Json:
            notebook = self._notebooks[kind.collection].get(name)
            kind.enter(notebook, state, ended)
            return _response(kind, notebook)

        return succeed

    def _of(self, request: Request) -> Collection:
        return self._notebooks[request.kind.collection]


def _response(kind: Kind, notebook: Json) -> Json:
    return {"@type": _TYPE + kind.schema, **kind.shown(notebook)}
