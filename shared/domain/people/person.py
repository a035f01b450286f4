"""One individual, and the check that an e-mail address is that of an individual.

The address decides who owns a notebook and whose credentials a query runs on, so it is read
strictly: plain ASCII (no look-alike letters), an allowed domain, no group, no service account.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from shared.domain.contracts.rejections import Rejected, RejectionCode

# RFC 5321: local part at most 64 octets, the whole address at most 254.
_ADDRESS = re.compile(
    r"(?P<local>[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*)"
    r"@(?P<domain>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+)"
)
_PRINCIPAL_PREFIXES = ("group:", "serviceaccount:", "domain:", "principal:", "principalset:")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One individual, as the last accepted event described them.

    ``email`` is in lower case. ``groups``: the names that the identity system uses, in its order.
    """

    email: str
    person_id: str | None = None
    display_name: str | None = None
    groups: tuple[str, ...] = ()
    team: str | None = None
    cost_center: str | None = None


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are equal apart from upper and lower case.

    Google returns an address as somebody typed it; ours are in lower case. Only ASCII letters are
    compared without case, as in ``parse_email``.
    """
    if one.isascii() and other.isascii():
        return one.lower() == other.lower()
    return one == other


def parse_email(text: str, *, allowed_domains: Collection[str] | None = None) -> str:
    """The address in lower case; raises ``Rejected`` with what is wrong with it.

    ``allowed_domains``: see ``check_domain``; None: any domain is allowed.
    """
    # Only ASCII is changed to lower case: the lower case of the Kelvin sign is a k.
    address = text.strip().lower() if text.isascii() else text
    shown = repr(text if len(text) <= 80 else text[:77] + "...")
    if address.startswith(_PRINCIPAL_PREFIXES):
        raise Rejected(
            RejectionCode.NOT_A_PERSON,
            f"email: {shown} names a group or a service account; send one event for each person",
        )
    found = _ADDRESS.fullmatch(address)
    if found is None or len(found["local"]) > 64 or len(address) > 254:
        raise Rejected(
            RejectionCode.BAD_EMAIL,
            f"email: {shown} is not an e-mail address; send it as name@domain in plain ASCII",
        )
    if found["domain"].endswith(".gserviceaccount.com"):
        raise Rejected(
            RejectionCode.NOT_A_PERSON,
            f"email: {shown} is a service account; personal environments are for people",
        )
    if allowed_domains is not None:
        check_domain(address, allowed_domains)
    return address


def check_domain(
    address: str,
    allowed_domains: Collection[str],
    *,
    field: str = "email",
    because: str = "",
) -> None:
    """Raise ``Rejected`` if ``address`` (as ``parse_email`` returns it) is in no allowed domain.

    Domains are compared as a whole: ``example.com`` does not include ``sub.example.com``.
    ``field``: the field of the event that has the address, ``because``: a text to insert before
    "is not in an allowed domain"; both for the message.
    """
    if address.partition("@")[2] in allowed_domains:
        return
    raise Rejected(
        RejectionCode.FOREIGN_DOMAIN,
        f"{field}: {address!r} {because}is not in an allowed domain "
        f"({', '.join(sorted(allowed_domains))}); "
        "add the domain to ALLOWED_DOMAINS if its people are meant to have environments",
    )
