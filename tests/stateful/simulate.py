"""``make simulate N=5000``: many lives from a printed seed; ``SEED=`` runs the same ones again."""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.machine import Lives


def main() -> int:
    """Run them; a failure prints the shortest life that shows it, and its seed."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--as-found", action="store_true", help="don't look for a shorter life")
    options = parser.parse_args()
    number = secrets.randbelow(2**32) if options.seed is None else options.seed
    logging.getLogger("shared").setLevel(logging.CRITICAL)  # every life fails now and then
    print(f"{options.examples} lives, seed {number}", flush=True)
    began = time.monotonic()
    try:
        run_state_machine_as_test(
            seed(number)(Lives),
            settings=settings(
                max_examples=options.examples,
                stateful_step_count=50,
                deadline=None,
                database=None,
                phases=[Phase.generate] if options.as_found else list(Phase),
                suppress_health_check=list(HealthCheck),
            ),
        )
    except BaseException:
        print(f"FAILED; again with: make simulate N={options.examples} SEED={number}")
        raise
    print(f"all well, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
