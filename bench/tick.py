"""What one minute tick asks of the cloud and the state while many notebooks are being made.

Everybody really joins, through the real entry points, and no notebook is ever finished: so the tick
finds all of them due each time. Counted is the tick and all the converging that it asks for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from bench import events
from bench.calls import STATE, methods, of
from bench.cloud import Cloud
from bench.crew import MINUTE, Crew
from bench.instance import Post
from bench.report import Row

_PAGE = 500  # of the listings of notebooks, and of the records that are due
_LIST_ABOVE = 100  # up to here a look at each is allowed
_LASTING = timedelta(minutes=35)  # operations; after 40 they count as stuck, and are looked at


def rows(cloud: Cloud, directory: Path, sizes: Sequence[int]) -> Iterator[Row]:
    """Calls a tick, by size; ``cloud`` must be empty; its clock will be advanced."""
    cloud.operations_take(_LASTING.total_seconds())
    there = 0
    with Crew(cloud, cloud.settings(f"sqlite:{directory / 'tick.db'}")) as crew:
        for size in sizes:
            crew.handle("onboard", [_post(number) for number in range(there, size)])
            there = size
            crew.advance(MINUTE)
            calls = _calls_of_a_tick(cloud, crew)
            yield from _rows(size, calls)


def _calls_of_a_tick(cloud: Cloud, crew: Crew) -> Counter[str]:
    cloud.forget_calls()
    state = crew.tick().state
    return Counter({f"{STATE}.{n}": c for n, c in state.items()}) + Counter(cloud.calls())


def _rows(size: int, calls: Counter[str]) -> Iterator[Row]:
    pages = -(-size // _PAGE)
    is_large = size > _LIST_ABOVE
    for api, budget in (("notebooks", pages if is_large else size), (STATE, pages + 2)):
        name = f"{size} under way: {api}"
        limit = budget if is_large or api == "notebooks" else None
        yield Row(name, of(calls, api), limit, note=methods(calls, api))


def _post(number: int) -> Post:
    email = f"maker-{number}@example.com"
    return Post("onboarding", events.envelope(events.join(email), email)["message"])
