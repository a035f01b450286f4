"""Errors that prevent servers from starting have clear messages."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local.stack.function_servers import FunctionServers, Target
from local.stack.ports import CannotStart, fixed_ports, free_ports


@pytest.fixture
def listening() -> Iterator[int]:
    """A port in use on all addresses of the machine."""
    [port] = free_ports(1)
    with closing(socket.socket()) as blocker:
        blocker.bind(("0.0.0.0", port))
        blocker.listen()
        yield port


def test_the_error_names_every_port_in_use_and_free_ones(listening: int) -> None:
    with pytest.raises(CannotStart) as refused:
        fixed_ports(listening - 2, 4)
    message = str(refused.value)
    assert f"port {listening} (address already in use)" in message
    assert f"; {listening - 2} to {listening + 1} are needed: " in message
    other = int(message.rpartition("PORT=")[2])
    assert fixed_ports(other, 4) == range(other, other + 4)


@pytest.mark.parametrize("first", [0, -1, 65_533, 70_000])
def test_invalid_port_numbers_are_refused(first: int) -> None:
    with pytest.raises(CannotStart, match=r"it should be a number from 1 to 65532$"):
        fixed_ports(first, 4)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            """print('{"message": "settings: PROJECT is not set"}'); raise SystemExit(1)""",
            "handle did not start: settings: PROJECT is not set",
        ),
        ("raise RuntimeError('a slip')", "RuntimeError: a slip"),
    ],
)
def test_the_error_has_the_reason_why_a_server_ended(
    tmp_path: Path, source: str, message: str
) -> None:
    main = tmp_path / "main.py"
    main.write_text(source)
    [port] = free_ports(1)
    target = Target("handle", "http", port)
    servers = FunctionServers(main, [target], lambda _: os.environ, tmp_path / "logs")
    try:
        with pytest.raises(CannotStart) as refused:
            servers.start()
    finally:
        servers.stop()
    assert message in str(refused.value)
