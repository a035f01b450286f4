"""Dataproc session templates: their methods are synchronous, and updates replace all fields.

It must not know HTTP routes, sessions or clusters.
"""

import threading
import uuid
from copy import deepcopy
from typing import Any

from local.api.discovery import Discovery, refuse
from local.api.http import Incoming
from local.api.store import Collection, listing, page_size, parse_filter
from local.clock import timestamp
from local.cloud import Cloud
from local.dataproc import rules
from local.errors import ApiError
from local.iam.callers import USER_EMAIL

Json = dict[str, Any]

_SET_BY_SERVER = ("uuid", "creator", "createTime", "updateTime")


class SessionTemplates:
    def __init__(self, cloud: Cloud, discovery: Discovery) -> None:
        self._cloud = cloud
        self._discovery = discovery
        self._lock = threading.Lock()
        self._templates = Collection()

    def resources(self) -> list[Json]:
        with self._lock:
            return [{"kind": "dataproc.sessionTemplate", **deepcopy(t)} for t in self._templates]

    def copy_of(self, name: str) -> Json:
        """A copy of the template with that full name; 404 if there is none."""
        with self._lock:
            return deepcopy(self._templates.get(name))

    def create(self, incoming: Incoming) -> Json:
        body = self._read(incoming.json())
        refuse(rules.template_violations(body, _name(incoming)))
        with self._lock:
            if self._templates.find(body["name"]) is not None:
                raise ApiError.already_exists(body["name"])
            self._cloud.quotas.check_room("dataproc.sessionTemplates", len(self._templates))
            now = timestamp(self._cloud.clock.now())
            given = {"uuid": str(uuid.uuid4()), "creator": USER_EMAIL}
            template = body | given | {"createTime": now, "updateTime": now}
            self._templates.add(body["name"], template)
            return deepcopy(template)

    def get(self, incoming: Incoming) -> Json:
        return self.copy_of(_name(incoming))

    def list(self, incoming: Incoming) -> Json:
        query = incoming.query
        size = page_size(query.get("pageSize"), 100, 1000)
        wanted = parse_filter(query.get("filter", ""))
        with self._lock:
            page, token = self._templates.page(
                _name(incoming) + "/", size, query.get("pageToken", ""), wanted
            )
        return listing("sessionTemplates", page, token)

    def patch(self, incoming: Incoming) -> Json:
        name = _name(incoming)
        with self._lock:
            known = self._templates.get(name)
            # A client that sends back a template that it read sends these fields too.
            unchanged = {key for key in _SET_BY_SERVER if incoming.json().get(key) == known[key]}
            sent = {k: v for k, v in incoming.json().items() if k not in unchanged}
            # REST clients move the name from the body into the path.
            body = self._read({"name": name} | sent)
            refuse(rules.template_violations(body, name))
            # The method has no update mask: fields missing in the body are removed.
            template = body | {key: known[key] for key in _SET_BY_SERVER}
            template["updateTime"] = timestamp(self._cloud.clock.now())
            self._templates.replace(name, template)
            return deepcopy(template)

    def delete(self, incoming: Incoming) -> Json:
        name = _name(incoming)
        with self._lock:
            self._templates.get(name)
            self._templates.remove(name)
            return {}

    def _read(self, body: Json) -> Json:
        self._discovery.check("SessionTemplate", body, int_enums=True)
        return self._discovery.normalised("SessionTemplate", body)


def _name(incoming: Incoming) -> str:
    return incoming.path.removeprefix("/v1/")
