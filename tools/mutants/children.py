"""Work done in child processes, so that their changes, and endless loops, end with them."""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

# What a child may map, in bytes: an endless loop must not take all the memory of the machine.
_MEMORY = 4 << 30


def in_children(works: Sequence[Callable[[], Any]], jobs: int) -> Iterator[tuple[int, Any]]:
    """Do each work in a child, ``jobs`` at a time.

    Yields, in the order of their ends, the index of the work and what it returned, or the number of
    the signal that ended the child. Raises ``RuntimeError`` if a work raised.
    """
    running: dict[int, tuple[int, int, bytearray]] = {}
    begun = 0
    while begun < len(works) or running:
        while begun < len(works) and len(running) < jobs:
            read, pid = _begin(works[begun])
            running[read] = (pid, begun, bytearray())
            begun += 1
        for read in select.select(list(running), [], [])[0]:
            pid, index, answer = running[read]
            chunk = os.read(read, 1 << 20)
            answer += chunk
            if not chunk:
                del running[read]
                os.close(read)
                yield index, _ended(pid, bytes(answer))


def limit_time(cpu: float, clock: float) -> None:
    """End this process after so many seconds of CPU time or of real time."""
    signal.setitimer(signal.ITIMER_PROF, cpu)
    signal.setitimer(signal.ITIMER_REAL, clock)


def ended_by_its_limit(signal_number: int) -> bool:
    """Whether ``limit_time`` ended the child."""
    return signal_number in (signal.SIGPROF, signal.SIGALRM)


def _begin(work: Callable[[], Any]) -> tuple[int, int]:
    """Fork; return where to read the answer, and the child's process id."""
    sys.stdout.flush()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _be_child(work, write)
    os.close(write)
    return read, pid


def _be_child(work: Callable[[], Any], write: int) -> NoReturn:
    """Send back only the answer; discard what the tests print."""
    nothing = os.open(os.devnull, os.O_RDWR)
    errors = os.dup(2)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        with open(write, "wb") as pipe:
            pickle.dump(work(), pipe)
    except BaseException:  # noqa: BLE001 every error is reported to the parent
        os.write(errors, traceback.format_exc().encode())
        os._exit(1)
    os._exit(0)


def _ended(pid: int, answer: bytes) -> Any:
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    if os.WEXITSTATUS(status) != 0:
        raise RuntimeError("a child process failed; its error is above")
    return pickle.loads(answer)
