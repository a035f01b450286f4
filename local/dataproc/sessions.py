"""Dataproc sessions (serverless Spark). Nothing runs in them; they only change states on the clock.

It must not know HTTP routes or clusters.

Where Google's documents say nothing:
- terminating a session that is ending or has ended is a 400 FAILED_PRECONDITION;
- so is deleting one that is being deleted; one that is terminating can be deleted;
- if a termination or deletion fails, an active session is active again; one that was being created
  is FAILED, because its creation was cancelled;
- a session template that doesn't exist is a 404.
"""

import uuid
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from local.api.discovery import Discovery, refuse
from local.api.http import Incoming
from local.api.operations import Operations
from local.api.store import Collection, listing, page_size
from local.cloud import Cloud
from local.dataproc import rules
from local.dataproc import session_states as states
from local.dataproc.changes import Change, Changes, resource_name
from local.dataproc.filters import session_filter
from local.dataproc.session_templates import SessionTemplates
from local.errors import ApiError

Json = dict[str, Any]

_PAGE_DEFAULT, _PAGE_MOST = 100, 1000


class Sessions:
    def __init__(
        self,
        cloud: Cloud,
        discovery: Discovery,
        operations: Operations,
        templates: SessionTemplates,
    ) -> None:
        self._cloud = cloud
        self._discovery = discovery
        self._operations = operations
        self._templates = templates
        self._changes = Changes(cloud, operations, "sessions")
        self._sessions = Collection()

    def resources(self) -> list[Json]:
        with self._operations.settled():
            return [{"kind": "dataproc.session", **deepcopy(s)} for s in self._sessions]

    def get(self, incoming: Incoming) -> Json:
        with self._operations.settled():
            return deepcopy(self._sessions.get(resource_name(incoming)))

    def list(self, incoming: Incoming) -> Json:
        query = incoming.query
        size = page_size(query.get("pageSize"), _PAGE_DEFAULT, _PAGE_MOST)
        wanted = session_filter(query.get("filter", ""))
        prefix = resource_name(incoming) + "/"
        with self._operations.settled():
            page, token = self._sessions.page(prefix, size, query.get("pageToken", ""), wanted)
        return listing("sessions", page, token)

    def create(self, incoming: Incoming) -> Json:
        name = f"{resource_name(incoming)}/{incoming.query['sessionId']}"
        body = incoming.json()
        self._discovery.check("Session", body, int_enums=True)
        body = self._discovery.normalised("Session", body)
        refuse(rules.session_violations(body, name))

        def begin(now: datetime) -> Change:
            if self._sessions.find(name) is not None:
                raise ApiError.already_exists(name)
            whole = self._with_template(body, name)
            refuse(rules.session_violations(whole, name))
            live = sum(session["state"] not in states.ENDED for session in self._sessions)
            self._cloud.quotas.check_room("dataproc.sessions", live)
            given = {"uuid": str(uuid.uuid4())}
            session = states.new_session(name, whole, given, now)
            self._sessions.add(name, session)
            return _change(
                session,
                self._cloud.operation_time("create"),
                _enter_at_end(session, "ACTIVE"),
                lambda ended, why: _creation_failed(session, ended, why),
            )

        return self._changes.make(
            incoming, "create", name, incoming.query.get("requestId", ""), begin
        )

    def terminate(self, incoming: Incoming) -> Json:
        name, body = resource_name(incoming), incoming.json()
        self._discovery.check("TerminateSessionRequest", body)

        def begin(now: datetime) -> Change:
            session = self._sessions.get(name)
            if session["state"] not in states.LIVE:
                raise ApiError.failed_precondition(
                    f"'{name}' is in state {session['state']}, it can't be terminated."
                )
            undo = self._start_ending(session, now)
            takes = self._cloud.operation_time("stop")
            return _change(session, takes, _enter_at_end(session, "TERMINATED"), undo)

        return self._changes.make(incoming, "terminate", name, body.get("requestId") or "", begin)

    def delete(self, incoming: Incoming) -> Json:
        name = resource_name(incoming)

        def begin(now: datetime) -> Change:
            session = self._sessions.get(name)
            busy = self._operations.busy_with(name)
            if busy is not None and busy.verb == "delete":
                raise ApiError.failed_precondition(f"'{name}' is being deleted already.")
            takes = self._cloud.operation_time("delete")
            if session["state"] not in states.ENDED:  # "it is terminated, and then deleted"
                takes += self._cloud.operation_time("stop")
            undo = self._start_ending(session, now)

            def succeed(_: datetime) -> Json:
                self._sessions.remove(name)
                return states.response(session)

            return _change(session, takes, succeed, undo)

        return self._changes.make(
            incoming, "delete", name, incoming.query.get("requestId", ""), begin
        )

    def _with_template(self, body: Json, name: str) -> Json:
        if not body.get("sessionTemplate"):
            return body
        template_name = rules.template_name(body["sessionTemplate"], name)
        template = self._templates.copy_of(template_name)
        return states.with_template(body | {"sessionTemplate": template_name}, template)

    def _start_ending(self, session: Json, now: datetime) -> Callable[[datetime, str], None]:
        """Start to end a session if it is live; returns the function that undoes it."""
        before = session["state"]
        if before not in states.LIVE:
            return lambda _ended, _why: None
        states.enter(session, "TERMINATING", now)
        creation = self._operations.busy_with(session["name"])
        if creation is not None and creation.verb == "create":
            self._operations.cancel(creation.name)
        restored = "ACTIVE" if before == "ACTIVE" else "FAILED"
        return lambda ended, why: states.enter(session, restored, ended, why)


def _change(
    session: Json,
    takes: timedelta,
    succeed: Callable[[datetime], Json],
    fail: Callable[[datetime, str], None],
) -> Change:
    return Change(
        takes,
        succeed,
        fail,
        describe=lambda operation: states.operation_metadata(operation, session),
    )


def _enter_at_end(session: Json, state: str) -> Callable[[datetime], Json]:
    def succeed(ended: datetime) -> Json:
        states.enter(session, state, ended)
        return states.response(session)

    return succeed


def _creation_failed(session: Json, ended: datetime, why: str) -> None:
    # If a termination cancelled the creation, the session stays TERMINATING.
    if session["state"] == "CREATING":
        states.enter(session, "FAILED", ended, why)
