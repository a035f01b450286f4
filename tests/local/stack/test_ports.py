"""Everything that prevents servers from starting is reported in plain words."""

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
    """A port on which somebody else listens, on every address of the machine."""
    [port] = free_ports(1)
    with closing(socket.socket()) as taken:
        taken.bind(("0.0.0.0", port))
        taken.listen()
        yield port


def test_every_port_in_use_is_named_with_others_to_take(listening: int) -> None:
    with pytest.raises(CannotStart) as refused:
        fixed_ports(listening - 2, 4)
    said = str(refused.value)
    assert f"port {listening} (address already in use)" in said
    assert f"; {listening - 2} to {listening + 1} are needed: " in said
    other = int(said.rpartition("PORT=")[2])
    assert fixed_ports(other, 4) == range(other, other + 4)


@pytest.mark.parametrize("first", [0, -1, 65_533, 70_000])
def test_ports_that_there_are_not_are_refused(first: int) -> None:
    with pytest.raises(CannotStart, match=r"it should be a number from 1 to 65532$"):
        fixed_ports(first, 4)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            """print('{"message": "settings: PROJECT is not set"}'); raise SystemExit(1)""",
            "handle did not start: settings: PROJECT is not set",
        ),
        ("raise RuntimeError('a slip')", "RuntimeError: a slip"),
    ],
)
def test_a_server_that_ends_at_once_has_its_last_words_passed_on(
    tmp_path: Path, source: str, said: str
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
    assert said in str(refused.value)
