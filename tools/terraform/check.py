"""The whole check of infra/: format, schemas, tests, checkov, at the same time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools.terraform.checkov import checkov, unexplained
from tools.terraform.environment import Unavailable, python_of
from tools.terraform.findings import Finding, place_of
from tools.terraform.roots import has_tests, roots_below, unreached
from tools.terraform.terraform import Terraform, fmt
from tools.terraform.versions import DISTRIBUTIONS, schema_file

_PARTS = 5  # at the same time; they mostly wait for processes


@dataclass(frozen=True)
class Outcome:
    """``skipped``: parts by the reason why the machine can't run them."""

    findings: list[Finding]
    skipped: Mapping[str, list[str]]


def check(infra: Path, cache: Path) -> Outcome:
    """Check all configurations below ``infra``; the tools are in ``cache``, or put there."""
    if not roots_below(infra):
        return Outcome([Finding(place_of(infra), "no directory in it has versions.tf")], {})
    with ThreadPoolExecutor(_PARTS) as pool:
        python = pool.submit(python_of, "terraform", cache)  # once, also where it fails
        running = {
            "fmt": pool.submit(lambda: fmt(python.result(), infra)),
            **{
                _schema_name(major): pool.submit(on_schema, infra, major, python, cache)
                for major in DISTRIBUTIONS
            },
            "checkov": pool.submit(lambda: checkov(python_of("checkov", cache), infra)),
        }
    found, skipped = _results(running)
    return Outcome(sorted({*unexplained(infra), *_merged(found)}), skipped)


def on_schema(infra: Path, major: str, python: Future[Path], cache: Path) -> list[Finding]:
    """What one version of the provider's schema says of every configuration and its tests."""
    roots = roots_below(infra)
    found: list[Finding] = []
    modules: set[Path] = set()
    schema = schema_file(major, cache)
    with Terraform(python.result(), schema) as core:
        for root in roots:
            found += problems_of(core, root, test=has_tests(root))
            modules |= core.modules(root)
    return found or unreached(infra, roots, modules)


def problems_of(core: Terraform, root: Path, *, test: bool) -> list[Finding]:
    """Stops at the first stage that finds anything: what follows would only repeat it."""
    return core.init(root) or core.validate(root) or (core.test(root) if test else [])


def _schema_name(major: str) -> str:
    return f"google {major}"


def _results(
    running: Mapping[str, Future[list[Finding]]],
) -> tuple[dict[str, list[Finding]], dict[str, list[str]]]:
    found: dict[str, list[Finding]] = {}
    skipped: defaultdict[str, list[str]] = defaultdict(list)
    for name, part in running.items():
        try:
            found[name] = part.result()
        except Unavailable as reason:
            skipped[str(reason)].append(name)
    return found, skipped


def _merged(found: Mapping[str, list[Finding]]) -> list[Finding]:
    """All findings; one that only some of the schemas have says which."""
    schemas = {name for name in map(_schema_name, DISTRIBUTIONS) if name in found}
    merged = [finding for name in found.keys() - schemas for finding in found[name]]
    for name in sorted(schemas):
        for finding in found[name]:
            everywhere = all(finding in found[other] for other in schemas)
            text = finding.text if everywhere else f"{finding.text} [{name} only]"
            merged.append(Finding(finding.place, text))
    return merged
