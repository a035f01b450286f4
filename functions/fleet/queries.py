"""The query parameters of `fleet`, and the filter that the store cannot apply.

Strict, because a mistyped filter that is ignored would give a wrong list: unknown, repeated and
invalid parameters raise ``BadRequest``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from functions.fleet.routes import shorten
from shared.domain.environment import Environment
from shared.domain.resources.kinds import State

PRETTY = {"": True, "1": True, "true": True, "0": False, "false": False}
_DEFAULT_LIMIT, _MAX_LIMIT = 100, 1000

Parameters = MultiDict[str, str]
_Choice = TypeVar("_Choice", bound=StrEnum)


def check_parameters(parameters: Parameters, *known: str) -> None:
    """Reject parameters other than ``known`` and ``pretty``, and any that is given twice."""
    known = (*known, "pretty")
    for name in sorted(parameters):
        if name not in known:
            hint = f"known parameters: {', '.join(known)}{_suggestion(name, known)}"
            raise BadRequest(f"unknown parameter {shorten(name)!r}; {hint}")
        if len(parameters.getlist(name)) > 1:
            raise BadRequest(f"{name}: is given more than once; send it once")


def check_pretty(parameters: Parameters) -> None:
    """Reject a value of ``pretty`` that is not in ``PRETTY``."""
    text = parameters.get("pretty", "")
    if text not in PRETTY:
        raise BadRequest(f"pretty: {text[:20]!r} is neither 1 nor 0")


def parse_page(parameters: Parameters, *filters: str) -> tuple[int, str]:
    """``limit`` and ``cursor`` ('' is the first page); ``filters``: which others are known."""
    check_parameters(parameters, "limit", "cursor", *filters)
    text = parameters.get("limit", str(_DEFAULT_LIMIT))
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= _MAX_LIMIT:
        raise BadRequest(f"limit: {text[:20]!r} is not a number from 1 to {_MAX_LIMIT}")
    return int(text), parameters.get("cursor", "")


def parse_choice(parameters: Parameters, name: str, choices: type[_Choice]) -> _Choice | None:
    """The value of parameter ``name``; None if it is not given."""
    text = parameters.get(name)
    if text is None:
        return None
    try:
        return choices(text)
    except ValueError:
        known = ", ".join(choices)
        reason = f"{name}: {shorten(text)!r} is not one of {known}"
        raise BadRequest(f"{reason}{_suggestion(text, list(choices))}") from None


def parse_unopened_days(text: str | None) -> int | None:
    """A number of days; None if the parameter is not given."""
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,4}", text):
        raise BadRequest(f"unopened_days: {text[:20]!r} is not a number of days")
    return int(text)


def never_opened(environment: Environment, since: datetime) -> bool:
    """Whether the notebook has been ready since then and its owner has not yet consented."""
    notebook = environment.notebook
    return (
        notebook is not None
        and notebook.state is State.READY
        and notebook.access.consented is False
        and notebook.usage.ready_since is not None
        and notebook.usage.ready_since <= since
    )


def _suggestion(text: str, known: Collection[str]) -> str:
    closest = get_close_matches(text.lower(), known, n=1)
    return f"; did you mean {str(closest[0])!r}?" if closest else ""
