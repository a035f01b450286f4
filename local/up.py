"""``make up``: the stack, kept running until Ctrl-C, and the commands to try on it."""

from __future__ import annotations

import argparse
import shlex
import signal
import time
from pathlib import Path

from local.stack import Stack

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

  fleet {fleet}   local cloud {cloud}   logs {logs}
  Ctrl-C stops everything.
"""
# Of an announcement: its time, address and news.
_LINE = '".*time.:.(.{19}).*email.:.([^,]*).,.*news.:.([a-z]*).*"'


def main() -> None:
    """Run until interrupted; a second interrupt is not needed."""
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="first of 8 fixed ports")
    options = parser.parse_args()
    interrupted: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: interrupted.append(number))
    print("starting the local cloud and the functions …", flush=True)
    with Stack(_DIRECTORY.resolve(), port=options.port) as stack:
        write_endpoints(stack, _DIRECTORY / "endpoints.env")
        names = {
            "project": stack.gcloud_environment()["CLOUDSDK_CORE_PROJECT"],
            "fleet": stack.fleet_url,
            "cloud": stack.local.url,
            "logs": _DIRECTORY / "logs",
            "line": _LINE,
        }
        print(_TRY.format(**names), flush=True)
        while not interrupted:  # no Event: a handler that sets one may find its lock taken
            time.sleep(0.1)
    print("stopped")


def write_endpoints(stack: Stack, path: Path) -> None:
    """A file to ``source``: ``export`` lines that point gcloud and curl at the stack."""
    lines = [f"export {k}={shlex.quote(v)}" for k, v in stack.gcloud_environment().items()]
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
