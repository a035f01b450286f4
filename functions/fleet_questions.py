"""What `fleet` is asked: path and query parameters, read strictly. Knows nothing of the answers.

A WSGI server decodes the path before it is routed, so ``%2F`` has become ``/`` by then. An address
may contain slashes before its ``@`` and none after it, so the last ``@`` of the path, not the first
slash, tells where an address ends. What has no ``@`` may be the key of a person's record, as log
lines and the names of resources show it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from enum import StrEnum

import flask
import msgspec

from shared.domain.environment import Phase
from shared.domain.names import PERSON_KEY

_PAGE, _PAGE_MOST = 100, 1000
_SHOWN = 80  # characters of what was asked, in a message


class View(StrEnum):
    """What can be asked for, as its path is documented."""

    ENVIRONMENTS = "/environments"
    ENVIRONMENT = "/environments/EMAIL"
    LEAVING = "/environments/EMAIL/leaving"
    LEAVING_PAGE = "/environments/EMAIL/leaving.html"
    PARKED = "/parked"


WAYS = "GET " + ", ".join(View)
_PARTS = {"": View.ENVIRONMENT, "leaving": View.LEAVING, "leaving.html": View.LEAVING_PAGE}


class Unanswerable(Exception):
    """The question has no answer; ``message`` says what to ask instead."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Question(msgspec.Struct, frozen=True):
    """What is asked for: of one person, ``email`` in lower case or ``key``; '' for the listings."""

    view: View
    email: str = ""
    key: str = ""


def question_of(method: str, path: str) -> Question:
    """What a request asks for; ``path`` is decoded. ``Unanswerable`` 405 or 404 if nothing."""
    if method not in ("GET", "HEAD"):
        raise Unanswerable(
            405,
            f"{method} is not answered: fleet only reads, and changes are published as events; "
            f"there are {WAYS}",
        )
    plain = path.removesuffix("/")
    if plain in (View.ENVIRONMENTS, View.PARKED):
        return Question(View(plain))
    if plain.startswith(View.ENVIRONMENTS + "/"):
        return _about_one(plain.removeprefix(View.ENVIRONMENTS + "/"), path)
    raise nothing_at(path)


def _about_one(rest: str, path: str) -> Question:
    local, at, after = rest.rpartition("@")
    if not at:
        return _by_key(rest, path)
    domain, _, part = after.partition("/")
    if part not in _PARTS:
        raise nothing_at(path)
    address = f"{local}@{domain}".strip()
    # As an event is read: only plain ASCII is lowered.
    return Question(_PARTS[part], address.lower() if address.isascii() else address)


def _by_key(rest: str, path: str) -> Question:
    key, _, part = rest.partition("/")
    if not re.fullmatch(PERSON_KEY, key):
        raise Unanswerable(
            404,
            f"no environment of {_shown(rest)}: this is neither an e-mail address (name@domain) "
            "nor a key (ana-rzb4un3qciuo); GET /environments lists who has one "
            f"(there are {WAYS})",
        )
    if part not in _PARTS:
        raise nothing_at(path)
    return Question(_PARTS[part], key=key)


def no_environment_of(person: str) -> Unanswerable:
    """The refusal where nobody of this address or key is known."""
    return Unanswerable(
        404,
        f"no environment of {_shown(person)}; GET /environments lists who has one, and GET /parked "
        f"the events that were refused (there are {WAYS})",
    )


def nothing_at(path: str) -> Unanswerable:
    """The refusal of a path that means nothing."""
    return Unanswerable(404, f"nothing is answered at {_shown(path)}; there are {WAYS}")


def refuse_unknown(request: flask.Request, *known: str) -> None:
    """``Unanswerable`` if a parameter is unknown here, or given more than once."""
    all_known = (*known, "pretty")
    there_are = f"there are {', '.join(all_known)}" if known else "there is only pretty here"
    for name in sorted(request.args):
        if name not in all_known:
            message = f"unknown parameter {_shown(name)!r}; {there_are}{_nearest(name, all_known)}"
            raise Unanswerable(400, message)
        if len(request.args.getlist(name)) > 1:
            raise Unanswerable(400, f"{name}: is given more than once; give it once")


def paging(request: flask.Request, *filters: str) -> tuple[int, str]:
    """How many to list at most, and from which cursor ('' is the beginning)."""
    refuse_unknown(request, "limit", "cursor", *filters)
    text = request.args.get("limit", str(_PAGE))
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= _PAGE_MOST:
        raise Unanswerable(400, f"limit: {text[:20]!r} is not a number from 1 to {_PAGE_MOST}")
    return int(text), request.args.get("cursor", "")


def phase_of(text: str | None) -> Phase | None:
    """The phase to list, None for all."""
    if text is None:
        return None
    try:
        return Phase(text)
    except ValueError:
        phases = ", ".join(Phase)
        message = f"phase: {_shown(text)!r} is none of {phases}{_nearest(text, list(Phase))}"
        raise Unanswerable(400, message) from None


def days_of(text: str | None) -> int | None:
    """A number of days, None if it wasn't asked for."""
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,4}", text):
        raise Unanswerable(400, f"unopened_days: {text[:20]!r} is not a number of days")
    return int(text)


def _nearest(text: str, known: Collection[str]) -> str:
    near = get_close_matches(text.lower(), known, n=1)
    return f"; did you mean {str(near[0])!r}?" if near else ""


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
