"""Verifies a deployment with a synthetic join and leave; exits 0 if all is well, 1 if not.

    make canary                          after `source .local/endpoints.env`, against `make up`
    make canary PROJECT=my-project FLEET_URL=https://…

Settings come from the environment, each may be given as an option. Credentials are those of the
environment (`gcloud auth application-default login`); for fleet they must be a service account's,
or FLEET_TOKEN holds an identity token (`gcloud auth print-identity-token`).
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import requests
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError

from tools.canary.course import Course, Limits
from tools.canary.google_side import Fleet, Notebooks, PubSub, fetch_identity_token

_ANY_AUDIENCE = "https://fleet.example.com"  # to see whether there would be a token for fleet


def main(arguments: Sequence[str], environ: Mapping[str, str], run_id: str) -> int:
    """Run once; the exit code."""
    options = _parser(environ).parse_args(arguments)
    if not options.project:
        print("canary: PROJECT is not set: the project of the deployment", file=sys.stderr)
        return 1
    if options.preflight:
        return _preflight(options.fleet_url, environ)
    begun = time.monotonic()

    def say(text: str) -> None:
        lines = text.replace("\n", f"\n{'':9}")
        print(f"{time.monotonic() - begun:5.0f} s  {lines}", flush=True)

    try:
        with PubSub(options.project, options.announcements_topic, run_id) as messages:
            course = Course(
                email=options.email,
                run_id=run_id,
                messages=messages,
                records=_fleet(options.fleet_url, environ),
                listing=_notebooks(options),
                clock=time.monotonic,
                begun_at=datetime.now(UTC),
                say=say,
                limits=Limits(
                    ready=options.ready_seconds,
                    removed=options.removed_seconds,
                    settle=options.settle_seconds,
                    fleet=options.fleet_seconds,
                ),
                profile=options.profile,
            )
            return 0 if course.run() else 1
    except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
        say(f"FAILED: {type(error).__name__}: {error}{_hint(error, options.project)}")
        return 1


def _preflight(fleet_url: str, environ: Mapping[str, str]) -> int:
    """Whether a run could ask fleet as somebody, without asking it; the exit code.

    That this program runs at all shows that its packages could be installed.
    """
    try:
        if not environ.get("FLEET_TOKEN"):
            fetch_identity_token(fleet_url or _ANY_AUDIENCE)
    except (GoogleAuthError, requests.RequestException) as error:
        print(f"canary: no identity token: {error}{_hint(error, '')}", file=sys.stderr)
        return 1
    print("canary: ready to verify")
    return 0


def _hint(error: Exception, project: str) -> str:
    """What to do about ``error``, on a line of its own; '' if nothing is known."""
    if isinstance(error, NotFound):
        return f"\n  look at: PROJECT, which is {project!r}: is Benchkeeper deployed there?"
    if isinstance(error, GoogleAuthError):
        return (
            "\n  look at: the credentials (`gcloud auth application-default login`); those of a"
            " person need FLEET_TOKEN=$(gcloud auth print-identity-token), too"
        )
    return ""


def _fleet(url: str, environ: Mapping[str, str]) -> Fleet | None:
    return Fleet(url, environ.get("FLEET_TOKEN", "")) if url else None


def _notebooks(options: argparse.Namespace) -> Notebooks | None:
    return Notebooks(options.notebooks_endpoint, options.project) if options.list else None


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    project = environ.get("PROJECT") or environ.get("CLOUDSDK_CORE_PROJECT", "")
    notebooks = environ.get("NOTEBOOKS_ENDPOINT") or "https://notebooks.googleapis.com"
    topic = environ.get("ANNOUNCEMENTS_TOPIC") or "environment-events"
    email = environ.get("CANARY_EMAIL") or "canary@example.com"
    parser = argparse.ArgumentParser(prog="canary", description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--project", default=project, help="PROJECT: the project of the deployment")
    add("--email", default=email, help="CANARY_EMAIL: nobody's address, in an allowed domain")
    add("--profile", default=environ.get("CANARY_PROFILE", ""), help="CANARY_PROFILE: a profile")
    add("--fleet-url", default=environ.get("FLEET_URL", ""), help="FLEET_URL: fleet is asked too")
    add("--announcements-topic", default=topic, help="ANNOUNCEMENTS_TOPIC")
    add("--notebooks-endpoint", default=notebooks, help="NOTEBOOKS_ENDPOINT")
    add("--preflight", action="store_true", help="only see whether a token can be had")
    add("--list", action="store_true", help="list the project's notebooks at the end, too")
    defaults = Limits()
    add("--ready-seconds", type=float, default=defaults.ready, help="for the join")
    add("--removed-seconds", type=float, default=defaults.removed, help="for the leave")
    add("--settle-seconds", type=float, default=defaults.settle, help="before it, without fleet")
    add("--fleet-seconds", type=float, default=defaults.fleet, help="until fleet answers at all")
    return parser


if __name__ == "__main__":
    # `kill` ends it in order: the canary still leaves. A build that is cancelled ends its container
    # with whatever runs in it; then the next run removes what is left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:], os.environ, secrets.token_hex(4)))
