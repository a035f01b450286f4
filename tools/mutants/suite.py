"""The tests, collected once and run many times, each time in a child process of its own.

A child inherits all that was imported, swaps the code of one function for the changed one, runs
the tests that reach the change, and stops at the first that fails. What a test did to the process
dies with the child.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tools.mutants.changes import Mutant
from tools.mutants.children import ended_by_its_limit, in_children, limit_time

_Lines = set[tuple[str, int]]


@dataclass(frozen=True)
class Reached:
    """What one test did on the code as it is: why it failed, seconds taken, and what it ran."""

    failure: str
    seconds: float
    lines: frozenset[tuple[str, int]]


@dataclass(frozen=True)
class Verdict:
    """What came of a mutant: the test that noticed it, or '' for a survivor; tests run; seconds."""

    mutant: Mutant
    killer: str
    tests: int
    seconds: float
    timed_out: bool = False


class Suite:
    """The collected tests, and what each of them reaches. Paths are relative to ``root``."""

    def __init__(self, items: Sequence[pytest.Item], root: Path, files: Iterable[str]) -> None:
        self._items = {item.nodeid: item for item in items}
        self._root = root
        self._files = {str(root / file): file for file in files}
        self._functions = _functions_of(self._files)
        self._kills: dict[str, Counter[str]] = defaultdict(Counter)
        self.reached: dict[str, Reached] = {}

    def rehearse(self, jobs: int) -> list[str]:
        """Run everything once on the code as it is.

        The tests that failed, and why; no mutant is tried on them.
        """
        names = list(self._items)
        shares = [names[start::jobs] for start in range(min(jobs, len(names)))]
        for answer in in_children([partial(self._rehearsed, share) for share in shares], jobs):
            self.reached |= answer[1]
        return [f"{name}: {r.failure}" for name, r in self.reached.items() if r.failure]

    def _rehearsed(self, names: Sequence[str]) -> dict[str, Reached]:
        found = {}
        for name, following in zip(names, [*names[1:], None], strict=True):
            started = time.perf_counter()
            with _tracing(self._files) as lines:
                failure = self._failure(name, following)
            found[name] = Reached(failure, time.perf_counter() - started, frozenset(lines))
        return found

    def _failure(self, name: str, following: str | None) -> str:
        """Run one test; why it failed, or ''."""
        item = self._items[name]
        after = self._items[following] if following is not None else None
        reports = runtestprotocol(item, log=False, nextitem=after)
        return "\n".join(str(report.longrepr) for report in reports if report.failed)

    def tests_for(self, mutant: Mutant) -> list[str]:
        """The tests that reach it, those first that killed others like it, then by their time."""
        first, last = mutant.statement
        lines = {(mutant.file, line) for line in range(first, last + 1)}
        near = self._kills[f"{mutant.file}:{mutant.function}"]
        found = [
            name
            for name, reached in self.reached.items()
            if reached.lines & lines and not reached.failure
        ]
        seconds = {name: self.reached[name].seconds for name in found}
        return sorted(found, key=lambda n: (near[n] == 0, seconds[n] / (1 + near[n]), n))

    def try_all(self, mutants: Sequence[Mutant], jobs: int) -> Iterator[Verdict]:
        """Each mutant's verdict, as it comes."""
        tries = [partial(self._tried, mutant) for mutant in mutants]
        for index, answer in in_children(tries, jobs):
            mutant = mutants[index]
            verdict = answer if isinstance(answer, Verdict) else self._died(mutant, answer)
            if verdict.killer:
                self._kills[f"{mutant.file}:{mutant.function}"][verdict.killer] += 1
            yield verdict

    def _tried(self, mutant: Mutant) -> Verdict:
        started = time.perf_counter()
        names = self.tests_for(mutant)
        self._swap(mutant)
        for count, name in enumerate(names, start=1):
            usual = self.reached[name].seconds
            limit_time(cpu=2 + 10 * usual, clock=30 + 60 * usual)
            following = names[count] if count < len(names) else None
            if self._failure(name, following):
                return Verdict(mutant, name, count, time.perf_counter() - started)
        return Verdict(mutant, "", len(names), time.perf_counter() - started)

    def _died(self, mutant: Mutant, signal_number: int) -> Verdict:
        """Count a child that its limits ended as having detected the change."""
        if not ended_by_its_limit(signal_number):
            raise RuntimeError(f"{mutant.file}:{mutant.line}: child ended with {signal_number}")
        return Verdict(mutant, "its time limit", 0, 0, timed_out=True)

    def _swap(self, mutant: Mutant) -> None:
        """Give the live function the changed code; every importer has the same function object."""
        path = str(self._root / mutant.file)
        changed = _code_of(compile(mutant.source, path, "exec"), mutant.function)
        for function in self._functions[mutant.file, mutant.function]:
            if not changed.co_freevars:
                # It may have called ``super()`` before: a function keeps the cells it has.
                changed = changed.replace(co_freevars=function.__code__.co_freevars)
            function.__code__ = changed


def _functions_of(files: Mapping[str, str]) -> dict[tuple[str, str], list[FunctionType]]:
    """The live functions of those files, by file and qualified name."""
    found = defaultdict(list)
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename in files:
            code = thing.__code__
            found[files[code.co_filename], code.co_qualname].append(thing)
    return dict(found)


def _code_of(code: CodeType, qualname: str) -> CodeType:
    """The code of that function, within the code of its module."""
    waiting = [code]
    while waiting:
        inner = [c for c in waiting.pop().co_consts if isinstance(c, CodeType)]
        for candidate in inner:
            if candidate.co_qualname == qualname:
                return candidate
        waiting += inner
    raise LookupError(f"no function {qualname}")


@contextlib.contextmanager
def _tracing(files: Mapping[str, str]) -> Iterator[_Lines]:
    """Collects the lines of ``files`` that run, in all threads."""
    lines: _Lines = set()

    def each_line(frame: FrameType, event: str, _: Any) -> Any:
        lines.add((files[frame.f_code.co_filename], frame.f_lineno))
        return each_line

    def each_call(frame: FrameType, event: str, argument: Any) -> Any:
        return each_line if frame.f_code.co_filename in files else None

    threading.settrace(each_call)
    sys.settrace(each_call)
    try:
        yield lines
    finally:
        sys.settrace(None)
        threading.settrace(None)
