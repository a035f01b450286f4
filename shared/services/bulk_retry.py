"""A bulk retry: publishes one `retry` for each person whose record shows a problem.

One page of people for each message, so that no run takes long: the last message of a page is the
bulk retry itself, to go on with the next page. A redelivered one publishes the same commands again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from shared.domain.contracts.bulk_retry import BulkRetry
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.suggest import suggestion
from shared.ports import BadCursor, EnvironmentStore, Facet, Filter, Publisher

log = logging.getLogger(__name__)

_PAGE = 500
_MOST_NAMED = 20  # codes that a rejection names


class BulkRetries:
    """Publishes to ``topic``, from which the admin commands come."""

    def __init__(self, *, store: EnvironmentStore, publisher: Publisher, topic: str) -> None:
        self._store = store
        self._publisher = publisher
        self._topic = topic

    def run(self, order: BulkRetry) -> int:
        """Retry the next page of people; returns how many.

        Raises ``Rejected`` if nobody's record shows the problem, and ``NotPublished``.
        """
        try:
            page = self._store.page(_PAGE, order.after, Filter(problem=order.problem))
        except BadCursor as error:
            advice = "the admin function sets it: leave it out"
            raise Rejected(RejectionCode.WRONG_SHAPE, f"after: {error}; {advice}") from error
        if not page.items and not page.next and not order.after:
            raise self._unknown(order.problem)
        messages = [order.for_person(record.key) for record in page.items]
        if page.next:
            messages.append(order.continued(page.next))
        self._publisher.publish(self._topic, messages)
        count = len(page.items)
        log.info(
            f"retry of {count} people whose record shows {order.problem}"
            + ("; it goes on with the next ones" if page.next else ""),
            extra={"action": "order.bulk", "problem": order.problem, "count": count},
        )
        return count

    def _unknown(self, problem: str) -> Rejected:
        hint = suggestion(problem, self._codes())
        message = f"problem: nobody's record shows {problem!r} now; {hint}"
        return Rejected(RejectionCode.UNKNOWN_PROBLEM, message)

    def _codes(self) -> Iterator[str]:
        code = ""
        for _ in range(_MOST_NAMED):
            code = self._store.next_value(Facet.PROBLEM, code)
            if not code:
                return
            yield code
