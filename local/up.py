"""``make up``: the stack, kept running until Ctrl-C, and the commands to try on it."""

from __future__ import annotations

import argparse
import re
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from local.profile_check import ProfileCheck
from local.stack import PROFILES, Stack
from local.starting import CannotStart

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

    gcloud pubsub topics publish offboarding --message='{{"email":"ana@example.com"}}'
    curl -s $FLEET_URL/environments/ana@example.com/leaving        # what was done; .html to print
    gcloud compute snapshots list                                  # taken before the removal
    gcloud pubsub topics publish admin-events \
      --message='{{"action":"hold","email":"ana@example.com","reason":"legal hold"}}'

  What was announced (one line each), and what was refused:

    gcloud pubsub subscriptions pull environment-events --auto-ack --limit=20 \
      --format='value(message.data.decode(base64).decode(utf-8).sub({line}, "\1  \2  \3"))'
    curl -s $FLEET_URL/parked

  Without gcloud:

    curl -s $LOCAL_CLOUD_URL/v1/projects/{project}/topics/onboarding:publish -d \
      '{{"messages":[{{"data":"'$(printf '{{"email":"ana@example.com"}}' |
      base64 | tr -d '\n')'"}}]}}'

  README.md leads through a whole life. All admin routes (clock, faults, quotas, calls):
    curl -s $LOCAL_CLOUD_URL/_admin

  Who gets what is in {profiles}/profiles.yaml; a change is in force at once.

  fleet {fleet}   local cloud {cloud}   logs {logs}
  Ctrl-C stops everything.
"""
# Of an announcement: its time, address and news.
_LINE = '".*time.:.(.{19}).*email.:.([^,]*).,.*news.:.([a-z]*).*"'


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage: what was typed are variables of make."""
        self.exit(2, f"{self.prog}: {re.sub('^argument --[a-z]+: ', '', message)}\n")


def main() -> int:
    """Run until interrupted (a second interrupt is not needed); the exit code."""
    parser = _Parser(prog="make up", description=__doc__)
    parser.add_argument("--port", type=_port, default=0, help="first of 8 fixed ports")
    parser.add_argument("--profiles", default=str(PROFILES), help="directory of profiles.yaml")
    parser.add_argument("--region", type=_region, default="us-central1", help="where the site is")
    options = parser.parse_args()
    interrupted: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: interrupted.append(number))
    try:
        profiles = _profiles(options.profiles)
        check = ProfileCheck(profiles, options.region)
        if faults := check.faults():
            raise CannotStart(f"the profiles in {profiles} can't be used\n{faults}")
        print("starting the local cloud and the functions …", flush=True)
        with Stack(
            _DIRECTORY.resolve(), port=options.port, profiles=profiles, region=options.region
        ) as stack:
            _announce(stack, profiles)
            while not interrupted:  # no Event: a handler that sets one may find its lock taken
                time.sleep(0.1)
                if check.has_changed():
                    _tell_of_change(check)
    except CannotStart as error:
        print(f"make up: {error}", file=sys.stderr)
        return 1
    print("stopped")
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or len(text) > 5:
        raise argparse.ArgumentTypeError(f"PORT is {text!r}; it should be a number such as 8080")
    return int(text)


def _region(text: str) -> str:
    if not re.fullmatch("[a-z]+-[a-z]+[0-9]+", text):
        raise argparse.ArgumentTypeError(
            f"REGION is {text!r}; it should be a region such as us-central1"
        )
    return text


def _profiles(text: str) -> Path:
    directory = Path(text.removeprefix("file:"))
    if not (directory / "profiles.yaml").is_file():
        raise CannotStart(
            f"PROFILES is {text!r}; it should be a directory with a profiles.yaml in it"
        )
    return directory


def _announce(stack: Stack, profiles: Path) -> None:
    write_endpoints(stack, _DIRECTORY / "endpoints.env")
    names = {
        "project": stack.gcloud_environment()["CLOUDSDK_CORE_PROJECT"],
        "fleet": stack.fleet_url,
        "cloud": stack.local.url,
        "logs": _DIRECTORY / "logs",
        "profiles": profiles,
        "line": _LINE,
    }
    print(_TRY.format(**names), flush=True)


def _tell_of_change(check: ProfileCheck) -> None:
    if faults := check.faults():
        print(f"the profiles are not valid; the last good ones stay in force\n{faults}", flush=True)
    else:
        print("the profiles have changed, are valid and in force", flush=True)


def write_endpoints(stack: Stack, path: Path) -> None:
    """A file to ``source``: ``export`` lines that point gcloud and curl at the stack."""
    lines = [f"export {k}={shlex.quote(v)}" for k, v in stack.gcloud_environment().items()]
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
