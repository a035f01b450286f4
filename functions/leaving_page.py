"""The leaving record as a page to read, print and file: one table a departure, nothing to click.

Everything a person or a cloud has written is escaped, and the page may load nothing.
"""

from __future__ import annotations

from datetime import UTC
from functools import cache
from typing import Any

from shared.domain.environment import Environment

PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Leaving record of {{ person.email }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #bbb;
         vertical-align: top; overflow-wrap: anywhere; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
dt { font-weight: 600; float: left; clear: left; width: 11rem; }
dd { margin: 0 0 .2rem 11rem; }
@media print { body { margin: 0; } }
</style>
</head>
<body>
<h1>Leaving record of {{ person.display_name or person.email }}</h1>
<p>{{ person.email }} ({{ key }}){% for hold in holds %}; on hold since {{ hold.at | moment }}:
{{ hold.reason }} ({{ hold.id }}{% if hold.by %}, by {{ hold.by }}{% endif %}){% endfor %}</p>
{% for leaving in leavings %}
<h2>Left {{ leaving.left_at | moment }}</h2>
<dl>
<dt>Event</dt><dd>{{ leaving.event_id }} from {{ leaving.source }},
of {{ leaving.occurred_at | moment }}</dd>
{% if leaving.reason %}<dt>Reason</dt><dd>{{ leaving.reason }}</dd>{% endif %}
{% if leaving.moved_to %}<dt>Moved to</dt><dd>{{ leaving.moved_to }}</dd>{% endif %}
<dt>Removal due</dt><dd>{{ leaving.removal_at | moment }}
{%- if leaving.immediate %} (immediate){% endif %}</dd>
<dt>Outcome</dt><dd>
{%- if leaving.completed_at %}everything gone {{ leaving.completed_at | moment }}{% endif %}
{%- if leaving.completed_at and leaving.returned_at %}; {% endif %}
{%- if leaving.returned_at %}came back {{ leaving.returned_at | moment }}{% endif %}
{%- if not leaving.completed_at and not leaving.returned_at %}under way{% endif %}</dd>
<dt>Snapshots</dt><dd>{{ leaving.snapshots | join(", ") or "none" }}</dd>
</dl>
<table><caption>What there was</caption>
<tr><th>What</th><th>Name</th><th>State when first looked at</th></tr>
{% for thing in leaving.had %}<tr><td>{{ thing.about }}</td><td>{{ thing.name }}</td>
<td>{{ thing.state }}</td></tr>{% else %}<tr><td colspan="3">nothing</td></tr>{% endfor %}
</table>
<table><caption>What was done</caption>
<tr><th>Begun</th><th>Step</th><th>What</th><th>Operation</th><th>Ended</th><th>Outcome</th></tr>
{% for deed in leaving.deeds %}<tr><td>{{ deed.begun_at | moment }}</td><td>{{ deed.step }}</td>
<td>{{ deed.about }}</td><td>{{ deed.operation }}</td>
<td>{{ deed.ended_at | moment }}</td><td>{{ deed.outcome or "under way" }}</td></tr>
{% else %}<tr><td colspan="6">nothing</td></tr>{% endfor %}
</table>
{% if leaving.scan %}<table><caption>Final look, {{ leaving.scan.at | moment }}</caption>
<tr><th>Finding</th></tr>
{% for found in leaving.scan.leftovers %}<tr><td>left over: {{ found }}</td></tr>{% endfor %}
{% for found in leaving.scan.kept %}<tr><td>kept: {{ found }}</td></tr>{% endfor %}
{% if not leaving.scan.leftovers %}<tr><td>nothing left over</td></tr>{% endif %}
</table>{% endif %}
{% else %}<p>This person has not left.</p>{% endfor %}
</body>
</html>
"""


def leaving_page(environment: Environment) -> str:
    """The departures in the record, the newest first, as HTML."""
    page: str = _template().render(
        person=environment.person,
        key=environment.key,
        holds=environment.holds,
        leavings=environment.leavings[::-1],
    )
    return page


@cache
def _template() -> Any:
    # Only this page needs it: the JSON answers shouldn't wait for its import.
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["moment"] = _moment
    return environment.from_string(_PAGE)


def _moment(at: Any) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
