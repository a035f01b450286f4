"""The admin routes of the local cloud, below `/_admin`; Google's APIs have none of them.

They advance the clock, script faults, set quotas, permissions and settings, and show resources and
calls. Admin requests aren't API calls: they are not logged, and no fault or quota applies to them.
It must not know any service: services pass in their own admin routes as `AdminRoute`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.routing import Route

from local.api.http import Answer, Handler, Incoming, route
from local.clock import timestamp
from local.cloud import Cloud
from local.errors import ApiError

Json = dict[str, Any]

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")

_INDEX = {
    "GET /_admin/clock": "the cloud's time",
    "POST /_admin/clock": 'advance it: {"advance": "30d"}, "90s", "2h", or a number of seconds',
    "GET /_admin/faults": "scripted faults with their hits",
    "POST /_admin/faults": "script one",
    "DELETE /_admin/faults": "remove all; /_admin/faults/ID removes one",
    "GET /_admin/calls": "the calls made; ?service= &method= &since=SEQ",
    "GET /_admin/calls/counts": "how often each method was called",
    "DELETE /_admin/calls": "remove all calls from the log",
    "GET /_admin/resources": "all resources; ?kind=",
    "GET /_admin/quotas": "the quotas in force",
    "PUT /_admin/quotas": 'replace them: {"live": {"notebooks.instances": 5}, '
    '"per_minute": {"notebooks": 60}, "operations": {"notebooks": 50}}',
    "GET /_admin/shortages": "zones without capacity",
    "PUT /_admin/shortages": 'replace them: {"us-central1-a": ["e2-standard-4"] or true}',
    "GET /_admin/permissions": "what each account may do, and what was revoked",
    "PUT /_admin/permissions": "replace what is revoked: "
    '{"converge": ["notebooks.instances.create"]}, "*" for all accounts',
    "GET /_admin/settings": "latency and the duration of operations",
    "PUT /_admin/settings": "change the settings in the body",
}


@dataclass(frozen=True, slots=True)
class AdminRoute:
    """An admin route of one service, at `path` below `/_admin`."""

    method: str
    path: str
    meaning: str
    handler: Handler


class Admin:
    def __init__(
        self,
        cloud: Cloud,
        sources: Iterable[Callable[[], list[Json]]],
        admin_routes: Iterable[AdminRoute] = (),
    ) -> None:
        self._cloud = cloud
        self._sources = list(sources)
        self._admin_routes = list(admin_routes)

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Handler]] = [
            ("GET", "", self._index),
            ("GET", "/clock", self._clock),
            ("POST", "/clock", self._advance),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._add_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("DELETE", "/faults/{id}", self._remove_fault),
            ("GET", "/calls", self._calls),
            ("GET", "/calls/counts", lambda _: {"counts": self._cloud.calls.counts()}),
            ("DELETE", "/calls", self._clear_calls),
            ("GET", "/resources", self._resources),
            ("GET", "/quotas", lambda _: self._cloud.quotas.to_json()),
            ("PUT", "/quotas", self._set_quotas),
            ("GET", "/permissions", lambda _: self._cloud.accounts.to_json()),
            ("PUT", "/permissions", self._revoke),
            ("GET", "/settings", self._settings),
            ("PUT", "/settings", self._set_settings),
            ("GET", "/shortages", lambda _: self._cloud.shortages.to_json()),
            ("PUT", "/shortages", self._set_shortages),
        ]
        table += [(one.method, one.path, one.handler) for one in self._admin_routes]
        found = [
            route(method, "/_admin" + path, self._after_delayed_requests(handler))
            for method, path, handler in table
        ]
        return [*found, route("GET", "/_admin/", self._index)]

    def _after_delayed_requests(self, handler: Handler) -> Handler:
        """Run delayed requests that are due before answering."""

        def handled(incoming: Incoming) -> Answer:
            self._cloud.delayed_requests.run_due()
            return handler(incoming)

        return handled

    def _index(self, _: Incoming) -> Json:
        own = {f"{one.method} /_admin{one.path}": one.meaning for one in self._admin_routes}
        return {"project": self._cloud.project, "methods": _INDEX | own}

    def _clock(self, _: Incoming) -> Json:
        return {"now": timestamp(self._cloud.clock.now())}

    def _advance(self, incoming: Incoming) -> Json:
        body = incoming.json()
        if set(body) != {"advance"}:
            raise ApiError.invalid('The body must be like {"advance": "30d"}.')
        return {"now": timestamp(self._cloud.clock.advance(parse_span(body["advance"])))}

    def _faults(self, _: Incoming) -> Json:
        return {"faults": [fault.to_json() for fault in self._cloud.faults.list()]}

    def _add_fault(self, incoming: Incoming) -> Json:
        return self._cloud.faults.add(incoming.json()).to_json()

    def _clear_faults(self, _: Incoming) -> Json:
        self._cloud.faults.clear()
        return {}

    def _remove_fault(self, incoming: Incoming) -> Json:
        self._cloud.faults.remove(incoming.params["id"])
        return {}

    def _calls(self, incoming: Incoming) -> Json:
        query = incoming.query
        since = query.get("since", "0")
        if not since.isdecimal():
            raise ApiError.invalid("Invalid request", ["since: must be a call's seq"])
        found = self._cloud.calls.entries(query.get("service"), query.get("method"), int(since))
        return {"calls": [call.to_json() for call in found]}

    def _clear_calls(self, _: Incoming) -> Json:
        self._cloud.calls.clear()
        return {}

    def _resources(self, incoming: Incoming) -> Json:
        kind = incoming.query.get("kind")
        found = [resource for source in self._sources for resource in source()]
        return {"resources": [r for r in found if kind is None or r["kind"] == kind]}

    def _set_quotas(self, incoming: Incoming) -> Json:
        self._cloud.quotas.set(incoming.json())
        return self._cloud.quotas.to_json()

    def _revoke(self, incoming: Incoming) -> Json:
        self._cloud.accounts.revoke(incoming.json())
        return self._cloud.accounts.to_json()

    def _set_shortages(self, incoming: Incoming) -> Json:
        self._cloud.shortages.set(incoming.json())
        return self._cloud.shortages.to_json()

    def _settings(self, _: Incoming) -> Json:
        cloud = self._cloud
        return {
            "latency_seconds": cloud.latency_seconds,
            "older_notebooks": cloud.older_notebooks,
            "operation_seconds": cloud.operation_seconds,
            "proxy_seconds": cloud.proxy_seconds,
            "verb_seconds": dict(cloud.verb_seconds),
        }

    def _set_settings(self, incoming: Incoming) -> Json:
        body = incoming.json()
        violations = _settings_violations(body, self._cloud.verb_seconds)
        if violations:
            raise ApiError.invalid("Invalid settings: " + "; ".join(violations), violations)
        cloud = self._cloud
        cloud.latency_seconds = body.get("latency_seconds", cloud.latency_seconds)
        cloud.older_notebooks = body.get("older_notebooks", cloud.older_notebooks)
        cloud.proxy_seconds = body.get("proxy_seconds", cloud.proxy_seconds)
        cloud.operation_seconds = body.get("operation_seconds", cloud.operation_seconds)
        # A new dict, since a running request may be reading the old one.
        cloud.verb_seconds = cloud.verb_seconds | body.get("verb_seconds", {})
        return self._settings(incoming)


def parse_span(value: object) -> timedelta:
    """A duration: a number of seconds, or text such as "30d", "90s", "2h", "1w", "15m"."""
    try:
        if isinstance(value, str) and (span := _SPAN.fullmatch(value)) is not None:
            return timedelta(seconds=float(span[1]) * _UNIT_SECONDS[span[2]])
        if _seconds(value):
            return timedelta(seconds=float(str(value)))
    except OverflowError:
        pass
    raise ApiError.invalid(
        "Invalid request",
        ['advance: must be a number of seconds, or a text such as "30d", "90s", "2h"'],
    )


def _settings_violations(body: Json, verbs: dict[str, float]) -> list[str]:
    spans = ("latency_seconds", "proxy_seconds")
    known = (*spans, "older_notebooks", "operation_seconds", "verb_seconds")
    found = [f"{key}: unknown field" for key in body if key not in known]
    found += [
        f"{key}: must be a number, 0 or more" for key in spans if not _seconds(body.get(key, 0))
    ]
    if not isinstance(body.get("older_notebooks", False), bool):
        found.append("older_notebooks: must be true or false")
    if not (body.get("operation_seconds") is None or _seconds(body["operation_seconds"])):
        found.append("operation_seconds: must be a number, 0 or more, or null")
    lengths = body.get("verb_seconds", {})
    if not isinstance(lengths, dict):
        return [*found, "verb_seconds: must be an object"]
    found += [f"verb_seconds.{verb}: unknown verb" for verb in lengths if verb not in verbs]
    return found + [
        f"verb_seconds.{verb}: must be a number, 0 or more"
        for verb, seconds in lengths.items()
        if not _seconds(seconds)
    ]


def _seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e10
