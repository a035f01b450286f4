"""The query parameters of `fleet`, and the one filter that the store cannot apply.

Strict, because a mistyped filter that is ignored would give a wrong list: unknown, repeated and
invalid parameters raise ``BadRequest``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from functions.fleet.routes import shorten
from shared.domain.environment import Environment
from shared.domain.resources.kinds import State
from shared.domain.status import Health, Phase
from shared.ports import Filter

FILTERS = Filter.__struct_fields__
PRETTY = {"": True, "1": True, "true": True, "0": False, "false": False}
_DEFAULT_LIMIT, _MAX_LIMIT = 100, 1000
_DEFAULT_DAYS, _MAX_DAYS = 30, 3660
_LONGEST = 200  # characters of a team, a cost centre, a profile or a code
_BOOLEANS = {"true": True, "false": False}

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


def parse_filter(parameters: Parameters) -> Filter:
    """The filter in the parameters ``FILTERS``; see ``Filter`` for their meaning."""
    return Filter(
        phase=parse_choice(parameters, "phase", Phase),
        health=parse_choice(parameters, "health", Health),
        profile=_text(parameters, "profile"),
        team=_text(parameters, "team"),
        cost_center=_text(parameters, "cost_center"),
        held=_boolean(parameters, "held"),
        running=_boolean(parameters, "running"),
        merged=_boolean(parameters, "merged"),
        problem=_code(parameters, "problem"),
        leaves_before=_moment(parameters, "leaves_before"),
        removal_before=_moment(parameters, "removal_before"),
    )


def parse_days(parameters: Parameters) -> int:
    """``days``: how many days ahead leaves and removals are counted."""
    text = parameters.get("days", str(_DEFAULT_DAYS))
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= _MAX_DAYS:
        raise BadRequest(f"days: {text[:20]!r} is not a number from 1 to {_MAX_DAYS}")
    return int(text)


def _text(parameters: Parameters, name: str) -> str | None:
    text = parameters.get(name)
    if text is not None and not text.strip():
        raise BadRequest(f"{name}: is empty; send the whole text, as the list shows it")
    if text is not None and len(text) > _LONGEST:
        raise BadRequest(f"{name}: has more than {_LONGEST} characters")
    return text


def _code(parameters: Parameters, name: str) -> str | None:
    text = _text(parameters, name)
    if text is not None and not re.fullmatch("[!-~]+", text):
        raise BadRequest(
            f"{name}: {shorten(text)!r} is not the code of a problem; send one as problem_codes in "
            "the list shows it, such as STOCK_OUT"
        )
    return text


def _boolean(parameters: Parameters, name: str) -> bool | None:
    text = parameters.get(name)
    if text is None:
        return None
    if text not in _BOOLEANS:
        raise BadRequest(f"{name}: {shorten(text)!r} is neither true nor false")
    return _BOOLEANS[text]


def _moment(parameters: Parameters, name: str) -> datetime | None:
    """A time with its zone, or the begin of a day in UTC."""
    text = parameters.get(name)
    if text is None:
        return None
    try:
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadRequest(
        f"{name}: {shorten(text)!r} is neither a day nor a time with its zone; send it such as "
        "2026-12-31 (its begin in UTC) or 2026-12-31T17:00:00Z, and a + as %2B"
    )


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
