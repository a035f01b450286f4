"""Collections of resources as JSON in the form of the API, with Google's listing and filters.

Names are kept sorted, so that the cost of a page doesn't depend on the size of the collection. A
collection doesn't lock; its owner does. It must not know what its resources mean.
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
        """Every resource, ordered by name; not copies, for reading only."""
        return (self._resources[name] for name in self._names)

    def names(self) -> list[str]:
        """Every full name, in order."""
        return list(self._names)

    def get(self, name: str) -> Json:
        """The resource itself, which the owner may change in place; 404 if there is none."""
        resource = self._resources.get(name)
        if resource is None:
            raise ApiError.not_found(name)
        return resource

    def find(self, name: str) -> Json | None:
        return self._resources.get(name)

    def named(self, name: str) -> Json:
        """The resource with that full name or unique id; 404, or 400 if several have the id."""
        found = [full for full in self._names if name in (full, full.rsplit("/", 1)[1])]
        if not found:
            raise ApiError.not_found(name)
        if len(found) > 1:
            raise ApiError.invalid(
                f"{len(found)} resources are called '{name}': give the full name."
            )
        return self._resources[found[0]]

    def add(self, name: str, resource: Json) -> None:
        """Add a new resource; 409 ALREADY_EXISTS if the name is in use."""
        if name in self._resources:
            raise ApiError.already_exists(name)
        self._resources[name] = resource
        insort(self._names, name)

    def replace(self, name: str, resource: Json) -> None:
        """Replace the resource of that name; 404 if there is none."""
        self.get(name)
        self._resources[name] = resource

    def remove(self, name: str) -> None:
        if self._resources.pop(name, None) is not None:
            del self._names[bisect_right(self._names, name) - 1]

    def page(
        self, prefix: str, size: int, token: str = "", wanted: Filter = lambda _: True
    ) -> tuple[list[Json], str]:
        """Copies of up to `size` resources whose names start with `prefix`, and the next token.

        The token is "" on the last page. It contains the last name of the page, so that resources
        created or deleted between two pages don't shift the next one.
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
    """A pageSize as Google reads it: 0 means `default`, at most `most`, negative is a 400."""
    try:
        size = int(text or 0)
    except ValueError:
        size = -1
    if size < 0:
        raise ApiError.invalid("Invalid request", ["pageSize: must be a number, 0 or more"])
    return min(size or default, most)


def listing(field: str, page: list[Json], token: str) -> Json:
    """The answer of a list method; as Google does, without the field if the list is empty."""
    answer: Json = {field: page} if page else {}
    return answer | ({"nextPageToken": token} if token else {})


def encode_token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def decode_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ApiError.invalid("Invalid request", ["pageToken: is not valid"]) from error


# One `field = value`; the value may be quoted. Terms are joined by AND or by nothing.
_TERM = re.compile(
    r'\s*(?P<field>[A-Za-z][\w.-]*)\s*(?P<operator>=|:)\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"()]+))'
    r"(?:\s+AND\b|\s+(?=[A-Za-z])|\s*$)"
)


def parse_filter(text: str, fields: frozenset[str] = frozenset()) -> Filter:
    """A filter of terms joined by AND: `labels.key=value`, `labels.key=*`, and `fields`.

    Anything else is a 400; if it were ignored, the list would differ from Google's.
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
    return lambda resource: all(_matches(resource, path, value) for path, value in terms)


def _matches(resource: Json, path: list[str], wanted: str) -> bool:
    value: Any = resource
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value is not None if wanted == "*" else value == wanted
