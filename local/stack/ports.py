"""Checks before servers start; an error of one line says what to do.

Knows ports and nothing of who will listen on them.
"""

from __future__ import annotations

import itertools
import os
import random
import socket

_UNASSIGNED = range(20_000, 32_000)  # Linux hands out ports from 32768 on, others from 49152
_LAST_PORT = 65_535


class CannotStart(RuntimeError):
    """A server can't start; the message says why, for the person who started it."""


def fixed_ports(first: int, count: int) -> range:
    """``count`` ports from ``first`` on, all of them free; raises ``CannotStart``."""
    ports = range(first, first + count)
    if not 1 <= first <= _LAST_PORT - count + 1:
        last = _LAST_PORT - count + 1
        raise CannotStart(f"PORT is {first}; it should be a number from 1 to {last}")
    reasons = {port: reason for port in ports if (reason := _taken(port))}
    if not reasons:
        return ports
    named = ", ".join(f"port {port} ({reason})" for port, reason in reasons.items())
    raise CannotStart(
        f"can't listen on {named}; {ports[0]} to {ports[-1]} are needed: "
        f"stop what listens there, or choose others, such as PORT={_another(first, count)}"
    )


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on just now, and that the system hands to nobody.

    A port out of the system's own range could be given to somebody else, another server or a mere
    connection, before the one it is meant for has bound it.
    """
    ports = (p for p in random.sample(_UNASSIGNED, len(_UNASSIGNED)) if not _taken(p))
    found = list(itertools.islice(ports, count))
    if len(found) < count:
        raise CannotStart(f"{count} ports are wanted and only {len(found)} free")
    return found


def _taken(port: int) -> str:
    """Why a server could not listen on ``port``; '' if it could."""
    with socket.socket() as probe:
        # As servers do: connections of an earlier server that are still closing don't matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return os.strerror(error.errno or 0).lower()
    return ""


def _another(first: int, count: int) -> int:
    """The beginning of a run of free ports, if possible not far from ``first``."""
    starts = [*range(first + 10, _LAST_PORT - count, 10), *_UNASSIGNED[::10]]
    free = (s for s in starts if not any(_taken(port) for port in range(s, s + count)))
    return next(free, first)
