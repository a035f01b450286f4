"""Finds and checks ports before servers start; its errors are one line and say what to do.

It must not know the servers.
"""

from __future__ import annotations

import itertools
import os
import random
import socket

_UNASSIGNED = range(20_000, 32_000)  # Linux assigns ports from 32768 on, other systems from 49152
_LAST_PORT = 65_535


class CannotStart(RuntimeError):
    """A server can't start; the message explains why to the user."""


def fixed_ports(first: int, count: int) -> range:
    """``count`` ports from ``first`` on; raises ``CannotStart`` unless all are free."""
    ports = range(first, first + count)
    if not 1 <= first <= _LAST_PORT - count + 1:
        last = _LAST_PORT - count + 1
        raise CannotStart(f"PORT is {first}; it should be a number from 1 to {last}")
    reasons = {port: reason for port in ports if (reason := _in_use(port))}
    if not reasons:
        return ports
    named = ", ".join(f"port {port} ({reason})" for port, reason in reasons.items())
    raise CannotStart(
        f"can't listen on {named}; {ports[0]} to {ports[-1]} are needed: "
        f"stop what listens there, or choose others, such as PORT={_alternative(first, count)}"
    )


def free_ports(count: int) -> list[int]:
    """Free loopback ports outside the range from which the system assigns ports.

    A port in that range could be assigned to another process before our server binds it.
    """
    ports = (p for p in random.sample(_UNASSIGNED, len(_UNASSIGNED)) if not _in_use(p))
    found = list(itertools.islice(ports, count))
    if len(found) < count:
        raise CannotStart(f"{count} ports are needed, but only {len(found)} are free")
    return found


def _in_use(port: int) -> str:
    """Why a server can't listen on ``port``; '' if it can."""
    with socket.socket() as probe:
        # As servers do: ignore closing connections of an earlier server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return os.strerror(error.errno or 0).lower()
    return ""


def _alternative(first: int, count: int) -> int:
    """The first of ``count`` free ports in a row, if possible close to ``first``."""
    starts = [*range(first + 10, _LAST_PORT - count, 10), *_UNASSIGNED[::10]]
    free = (s for s in starts if not any(_in_use(port) for port in range(s, s + count)))
    return next(free, first)
