"""``make up``: runs the stack until Ctrl-C and prints commands to try."""

from __future__ import annotations

import argparse
import re
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from local.stack.directory_lock import locked_directory
from local.stack.ports import CannotStart
from local.stack.profile_check import ProfileCheck
from local.stack.stack import PROFILES, Stack

_DIRECTORY = Path(".local")

_TRY = r"""
ready

  In another shell, from this directory:

    source .local/endpoints.env
    gcloud pubsub topics publish onboarding --message='{{"email":"ana@example.com"}}'
    curl -s $FLEET_URL/environments                                # provisioning
    curl -s $LOCAL_CLOUD_URL/_admin/clock -d '{{"advance":"2m"}}'    # a notebook takes 90 s to make
    curl -s $FLEET_URL/environments/ana@example.com                # ready, a moment later
    gcloud workbench instances list --location=-
    gcloud beta dataproc session-templates list --location=us-central1
    gcloud storage ls -r gs://{project}-templates/

  A leaver is suspended two minutes of the cloud's time later, removed after the grace period:

    gcloud pubsub topics publish offboarding --message='{{"email":"ana@example.com"}}'; sleep 2
    curl -s $LOCAL_CLOUD_URL/_admin/clock -d '{{"advance":"2m"}}'    # suspended, a moment later
    curl -s $FLEET_URL/environments/ana@example.com/leaving        # what was done; .html to print
    curl -s $LOCAL_CLOUD_URL/_admin/clock -d '{{"advance":"15d"}}'   # past the grace period
    gcloud compute snapshots list                                  # taken before the removal
    gcloud pubsub topics publish admin-events \
      --message='{{"action":"hold","email":"ana@example.com","reason":"legal hold"}}'

  Announcements (one line each), and events that were refused:

    gcloud pubsub subscriptions pull environment-events --auto-ack --limit=20 \
      --format='value(message.data.decode(base64).decode(utf-8).sub({line}, "\1  \2  \3"))'
    curl -s $FLEET_URL/parked

  Without gcloud:

    curl -s $LOCAL_CLOUD_URL/v1/projects/{project}/topics/onboarding:publish -d \
      '{{"messages":[{{"data":"'$(printf '{{"email":"ana@example.com"}}' |
      base64 | tr -d '\n')'"}}]}}'

  README.md has a longer example. All admin routes (clock, faults, quotas, calls):
    curl -s $LOCAL_CLOUD_URL/_admin

  {profiles}/profiles.yaml says who gets what; a change is in force at once.

  fleet {fleet}   local cloud {cloud}   logs {logs}
  Ctrl-C stops everything.
"""
# The time, address and news of an announcement.
_LINE = '".*time.:.(.{19}).*email.:.([^,]*).,.*news.:.([a-z]*).*"'


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line without the usage: users set variables of make, not options."""
        self.exit(2, f"{self.prog}: {message}\n")


def main() -> int:
    """Run until interrupted; the exit code."""
    parser = _Parser(prog="make up", description=__doc__)
    parser.add_argument("--port", default="0", help="first of 20 fixed ports")
    parser.add_argument("--profiles", default=str(PROFILES), help="directory of profiles.yaml")
    parser.add_argument("--region", default="us-central1", help="region of the site")
    options = parser.parse_args()
    interrupted: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: interrupted.append(number))
    endpoints = _DIRECTORY / "endpoints.env"
    try:
        with locked_directory(_DIRECTORY):
            try:
                _run(options, endpoints, interrupted)
            finally:
                endpoints.unlink(missing_ok=True)  # these endpoints don't answer any more
    except CannotStart as error:
        print(f"make up: {error}", file=sys.stderr)
        return 1
    print("stopped")
    return 0


def _run(options: argparse.Namespace, endpoints: Path, interrupted: list[int]) -> None:
    profiles = Path(options.profiles.removeprefix("file:"))
    check = ProfileCheck(profiles, options.region)
    stack = _checked(options, profiles)
    print("starting the local cloud and the functions …", flush=True)
    with stack:
        write_endpoints(stack, endpoints)
        _announce(stack, profiles)
        while not interrupted:  # not an Event: its lock may be held when the signal handler runs
            time.sleep(0.1)
            if check.has_changed():
                _report_change(check)
        print("stopping …", flush=True)


def _checked(options: argparse.Namespace, profiles: Path) -> Stack:
    """The stack for these options, checked; ``CannotStart`` with all errors."""
    errors: list[str] = []
    known: tuple[str, ...] = ()
    if not (profiles / "profiles.yaml").is_file():
        form = "a directory with a profiles.yaml in it"
        errors.append(f"PROFILES is {options.profiles!r}; it should be {form}")
        known = ("PROFILES ", "the profiles in ")  # reported above, with the path as it was given
    try:
        stack = _stack(options, profiles, _port(options.port))
    except CannotStart as error:
        errors.append(str(error))
        stack = _stack(options, profiles, 0)  # to find the other errors
    errors += [error for error in stack.start_errors() if not error.startswith(known)]
    if errors:
        raise CannotStart("; ".join(errors))
    return stack


def _stack(options: argparse.Namespace, profiles: Path, port: int) -> Stack:
    return Stack(_DIRECTORY.resolve(), port=port, profiles=profiles, region=options.region)


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text):
        raise CannotStart(f"PORT is {text!r}; it should be a number such as 8080")
    return int(text)


def _announce(stack: Stack, profiles: Path) -> None:
    names = {
        "project": stack.gcloud_environment()["CLOUDSDK_CORE_PROJECT"],
        "fleet": stack.fleet_url,
        "cloud": stack.local.url,
        "logs": _DIRECTORY / "logs",
        "profiles": profiles,
        "line": _LINE,
    }
    print(_TRY.format(**names), flush=True)


def _report_change(check: ProfileCheck) -> None:
    if errors := check.errors():
        print(f"the profiles are not valid; the last good ones stay in force\n{errors}", flush=True)
    else:
        print("the profiles have changed, are valid and in force", flush=True)


def write_endpoints(stack: Stack, path: Path) -> None:
    """Write ``export`` lines that point gcloud and curl at the stack, for ``source``."""
    lines = [f"export {k}={shlex.quote(v)}" for k, v in stack.gcloud_environment().items()]
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
