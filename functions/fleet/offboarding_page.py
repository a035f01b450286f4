"""The offboarding record of a person as an HTML page, to read, print and file.

Must not trust any text in the record: people and APIs have written it, so all of it is escaped.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import jinja2

from shared.domain.environment import Environment

_TEMPLATES = Path(__file__).parent / "templates"


def offboarding_page(environment: Environment) -> str:
    """HTML with one section for each time the person left, the newest first."""
    return _template().render(
        person=environment.person,
        key=environment.key,
        merged_into=environment.merged_into,
        holds=environment.holds.in_force,
        leavings=environment.departure.records[::-1],
    )


@cache
def _template() -> jinja2.Template:
    """Compiled at the first use: most processes never show the page."""
    templates = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
    )
    templates.filters["utc"] = _utc
    return templates.get_template("offboarding_page.html")


def _utc(time: datetime | None) -> str:
    return "" if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
