"""``make simulate N=5000``: many lives from a printed seed; ``SEED= LIFE=`` repeats one of them."""

from __future__ import annotations

import argparse
import gc
import logging
import multiprocessing
import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.support.simulation.coverage import Coverage
from tests.support.simulation.driver import Lived, live
from tests.support.simulation.minimise import minimised
from tests.support.simulation.rules import RULES, Rule, named
from tests.support.simulation.story import report

_CHUNK = 100
_EVERY = 10.0  # seconds between lines of progress


class Failed(NamedTuple):
    """A life that failed: its number, where it broke, and what broke in words."""

    number: int
    kind: str
    failure: str


class Part(NamedTuple):
    """What a worker reports of some lives."""

    coverage: Coverage
    failed: list[Failed]
    cpu_seconds: float


class Work(NamedTuple):
    """Some lives of a seed, for a worker; rules by name, so that they can be sent."""

    seed: int
    numbers: range
    rules: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate them; 0 if none failed. Of each kind of failure one is minimised and printed."""
    options = _options(arguments)
    logging.getLogger("shared").setLevel(logging.CRITICAL)  # every life fails now and then
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    rules = named(options.also, options.without)
    if options.life is not None:
        return _tell(seed, options.life, live(seed, options.life, rules))
    print(f"{options.lives} lives, seed {seed}, {options.jobs} processes", flush=True)
    began = time.monotonic()
    total = _all(options.lives, seed, rules, options.jobs)
    rate = options.lives / max(total.cpu_seconds, 0.001)
    print(total.coverage.report(rules))
    took = time.monotonic() - began
    print(f"{options.lives} lives in {took:.0f} s, {rate:.0f} a CPU second", end="; ")
    if not total.failed:
        print("all well")
        return 0
    kinds: dict[str, list[Failed]] = {}
    for failed in sorted(total.failed):
        kinds.setdefault(failed.kind, []).append(failed)
    print(f"{len(total.failed)} FAILED in {len(kinds)} ways")
    for kind, some in sorted(kinds.items(), key=lambda item: -len(item[1])):
        numbers = ", ".join(str(failed.number) for failed in some[:5])
        print(f"{len(some)} x {kind}\n    {some[0].failure[:300]}\n    lives {numbers}")
    for some in list(kinds.values())[: options.stories]:
        _tell(seed, some[0].number, live(seed, some[0].number, rules))
    return 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--lives", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--life", type=int, default=None, help="only the life of that number")
    parser.add_argument("--stories", type=int, default=5, help="how many failures are reported")
    parser.add_argument("--with", dest="also", nargs="*", default=[], choices=sorted(RULES))
    parser.add_argument("--without", nargs="*", default=[], choices=sorted(RULES))
    return parser.parse_args(arguments)


def _all(lives: int, seed: int, rules: Sequence[Rule], jobs: int) -> Part:
    names = tuple(rule.name for rule in rules)
    starts = range(0, lives, _CHUNK)
    work = [Work(seed, range(start, min(start + _CHUNK, lives)), names) for start in starts]
    coverage, failed, cpu_seconds, told_at = Coverage(), [], 0.0, time.monotonic()
    for part in _parts(work, jobs):
        coverage.merge(part.coverage)
        failed += part.failed
        cpu_seconds += part.cpu_seconds
        if time.monotonic() - told_at > _EVERY:
            told_at = time.monotonic()
            print(f"  {coverage.lives} lived, {len(failed)} failed", flush=True)
    return Part(coverage, failed, cpu_seconds)


def _parts(work: list[Work], jobs: int) -> Iterator[Part]:
    if jobs == 1:
        yield from map(some_lives, work)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(some_lives, work)


def some_lives(work: Work) -> Part:
    """Simulate some lives, in a worker."""
    logging.getLogger("shared").setLevel(logging.CRITICAL)
    rules = tuple(RULES[name] for name in work.rules)
    gc.collect()  # once a chunk is enough: most of what a life makes has no cycles
    gc.disable()
    coverage, failed, began = Coverage(), [], time.process_time()
    for number in work.numbers:
        lived = live(work.seed, number, rules)
        coverage.add(lived)
        if lived.failure:
            failed.append(Failed(number, lived.kind, lived.failure))
    gc.enable()
    return Part(coverage, failed, time.process_time() - began)


def _tell(seed: int, number: int, lived: Lived) -> int:
    print(f"\nlife {number} of seed {seed}: make simulate SEED={seed} LIFE={number}")
    if not lived.failure:
        print(f"all well, {len(lived.steps)} steps")
        return 0
    print(report(minimised(lived)), flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
