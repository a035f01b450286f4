"""Collections of resources as API-shaped JSON, by full name, with listing as Google's APIs list.

Generic: a collection neither knows what its resources mean nor locks; its owner does both.
Names are kept sorted, so that a page costs its own length however large the fleet is.
"""

import base64
import binascii
import re
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from local.errors import ApiError

Json = dict[str, Any]
Filter = Callable[[Json], bool]


class Collection:
    """Resources of one kind, such as all notebook instances of all projects and zones."""

    def __init__(self) -> None:
        self._resources: dict[str, Json] = {}
        self._names: list[str] = []

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Json]:
        """Every resource in the order of names; not copies, for reading only."""
        return (self._resources[name] for name in self._names)

    def names(self) -> list[str]:
        """Every full name, in order."""
        return list(self._names)

    def get(self, name: str) -> Json:
        """The resource itself, which the owner may change in place; 404 when there is none."""
        resource = self._resources.get(name)
        if resource is None:
            raise ApiError.not_found(name)
        return resource

    def find(self, name: str) -> Json | None:
        return self._resources.get(name)

    def named(self, name: str) -> Json:
        """The one of that full name, or of that last part where only one has it; 404 or 400."""
        found = [full for full in self._names if name in (full, full.rsplit("/", 1)[1])]
        if not found:
            raise ApiError.not_found(name)
        if len(found) > 1:
            raise ApiError.invalid(f"There are {len(found)} of '{name}': say the full name.")
        return self._resources[found[0]]

    def add(self, name: str, resource: Json) -> None:
        """Add a new resource; 409 ALREADY_EXISTS when the name is taken."""
        if name in self._resources:
            raise ApiError.already_exists(name)
        self._resources[name] = resource
        insort(self._names, name)

    def replace(self, name: str, resource: Json) -> None:
        """Put `resource` in the place of the one of that name; 404 when there is none."""
        self.get(name)
        self._resources[name] = resource

    def remove(self, name: str) -> None:
        if self._resources.pop(name, None) is not None:
            del self._names[bisect_right(self._names, name) - 1]

    def page(
        self, prefix: str, size: int, token: str = "", wanted: Filter = lambda _: True
    ) -> tuple[list[Json], str]:
        """Copies of up to `size` resources whose names start with `prefix`, and the next token.

        The token is "" on the last page. Resources that come or go between two pages shift nothing:
        the token says after which name to go on.
        """
        page: list[Json] = []
        last = ""
        start = bisect_right(self._names, max(prefix, decode_token(token)))
        for name in self._names[start:]:
            if not name.startswith(prefix):
                break
            if not wanted(self._resources[name]):
                continue
            if len(page) == size:
                return page, encode_token(last)
            page.append(deepcopy(self._resources[name]))
            last = name
        return page, ""


def page_size(text: str | None, default: int, most: int) -> int:
    """A pageSize as Google reads it: 0 is the default, too large the most, negative a 400."""
    try:
        size = int(text or 0)
    except ValueError:
        size = -1
    if size < 0:
        raise ApiError.invalid("Invalid request", ["pageSize: must be a number, 0 or more"])
    return min(size or default, most)


def listing(field: str, page: list[Json], token: str) -> Json:
    """A list answer: like Google's, without its field where there is nothing to list."""
    answer: Json = {field: page} if page else {}
    return answer | ({"nextPageToken": token} if token else {})


def encode_token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def decode_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ApiError.invalid("Invalid request", ["pageToken: is not one of ours"]) from error


# One `field = value`; a value may be quoted. Joined by AND, which some APIs let be left out.
_TERM = re.compile(
    r'\s*(?P<field>[A-Za-z][\w.-]*)\s*(?P<operator>=|:)\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"()]+))'
    r"(?:\s+AND\b|\s+(?=[A-Za-z])|\s*$)"
)


def parse_filter(text: str, fields: frozenset[str] = frozenset()) -> Filter:
    """A filter of terms joined by AND: `labels.key=value`, `labels.key=*`, and `fields`.

    Anything else is refused with 400: a fake that ignored it would list what the cloud doesn't.
    """
    terms: list[tuple[list[str], str]] = []
    position = 0
    while position < len(text.rstrip()):
        term = _TERM.match(text, position)
        if term is None:
            raise ApiError.invalid("Invalid request", [f"filter: can't read {text[position:]!r}"])
        field = term["field"]
        if field not in fields and not re.fullmatch(r"labels\.[^.]+", field):
            raise ApiError.invalid("Invalid request", [f"filter: can't filter on {field}"])
        value = term["quoted"] if term["quoted"] is not None else term["plain"]
        path = (
            ["labels", field.removeprefix("labels.")] if field not in fields else field.split(".")
        )
        terms.append((path, value))
        position = term.end()
    return lambda resource: all(_fits(resource, path, value) for path, value in terms)


def _fits(resource: Json, path: list[str], wanted: str) -> bool:
    value: Any = resource
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value is not None if wanted == "*" else value == wanted
