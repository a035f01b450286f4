"""Makes join events of the user list of the Terraform blueprint that Benchkeeper replaces.

    python -m tools.blueprint_events sample.tf --domains example.com > joins.jsonl

Reads every ``notebook_users_list = […]`` of a Terraform or variables file, or a plain list with an
address a line (``-`` for standard input). Prints one event a person, a line each, to be published
on topic ``onboarding``; or, if any address could not join, all that is wrong and nothing else.
Every event says that it happened now: published again later, it changes nothing for somebody who
has left in the meantime.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from shared.domain.contracts.inbound_events import read_event
from shared.domain.contracts.rejections import Rejected
from shared.domain.people.person import parse_email

_VARIABLE = "notebook_users_list"
# A text in double quotes is kept, a comment is not: which of both begins first decides.
_COMMENTS = re.compile(r'("(?:[^"\\\n]|\\.)*")|#[^\n]*|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LIST = re.compile(rf"\b{_VARIABLE}\s*=\s*(?:toset\s*\(\s*)?\[([^\]]*)\]")
_ITEM = re.compile(r'\s*"([^"\\$]*)"\s*')


class Unreadable(Exception):
    """The list can't be read; the message says what to do instead."""


def addresses(text: str, *, is_terraform: bool) -> list[str]:
    """The addresses in ``text`` in their order, as they stand there, each once."""
    found = _of_terraform(text) if is_terraform else _of_lines(text)
    return list(dict.fromkeys(address.strip() for address in found))


def events(
    found: Sequence[str], domains: Collection[str], now: datetime, fields: dict[str, str]
) -> tuple[list[str], list[str]]:
    """A join for each person as JSON, and what is wrong with those who can't join.

    The reasons are those for which the deployment would park the event.
    """
    joins: dict[str, str] = {}
    wrong: list[str] = []
    for address in found:
        # The same person gets the same id, so that a list that is sent twice is known as one.
        digest = hashlib.sha256(address.lower().encode()).hexdigest()[:16]
        event = {"email": address, "event_id": f"blueprint-{digest}", "source": "blueprint"}
        event |= {"occurred_at": now.isoformat(timespec="seconds")} | fields
        data = json.dumps(event)
        try:
            email = parse_email(read_event(data.encode()).email, allowed_domains=domains)
        except Rejected as refused:
            wrong.append(f"{address}: {refused.message}")
        else:
            joins.setdefault(email, data)
    return list(joins.values()), wrong


def _of_terraform(text: str) -> list[str]:
    text = _COMMENTS.sub(lambda match: match[1] or "", text)
    lists = _LIST.findall(text)
    if len(lists) < len(re.findall(rf"\b{_VARIABLE}\s*=", text)) or not lists:
        raise Unreadable(
            f'no {_VARIABLE} = ["…"] with the addresses themselves; write them into a file, '
            "an address a line, such as from `terraform console`"
        )
    return [address for one in lists for address in _items(one)]


def _items(inside: str) -> list[str]:
    items = [item for item in inside.split(",") if item.strip()]
    matches = [_ITEM.fullmatch(item) for item in items]
    if bad := [item.strip() for item, match in zip(items, matches, strict=True) if not match]:
        raise Unreadable(f"{bad[0]!r} in {_VARIABLE} is no plain text in double quotes")
    return [match[1] for match in matches if match]


def _of_lines(text: str) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def main(arguments: Sequence[str], now: datetime) -> int:
    """Print the events, or on standard error what is wrong; the exit code."""
    parser = argparse.ArgumentParser(
        prog="blueprint_events", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "file", help="*.tf, *.tfvars, or a list with an address a line; - for stdin"
    )
    parser.add_argument("--domains", required=True, help="ALLOWED_DOMAINS, separated by commas")
    parser.add_argument(
        "--profile", help="the profile of all; else their groups or the default say"
    )
    options = parser.parse_args(arguments)
    text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text()
    is_terraform = options.file.endswith((".tf", ".tfvars"))
    domains = [domain.strip().lower() for domain in options.domains.split(",")]
    fields = {"profile": options.profile} if options.profile else {}
    try:
        joins, wrong = events(addresses(text, is_terraform=is_terraform), domains, now, fields)
    except Unreadable as error:
        joins, wrong = [], [f"{options.file}: {error}"]
    if wrong:
        print(*wrong, f"{len(wrong)} can't join; nothing was printed", sep="\n", file=sys.stderr)
        return 1
    for join in joins:
        print(join)
    print(f"{len(joins)} joins", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], datetime.now(UTC)))
