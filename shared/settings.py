"""Settings: read once from a mapping, with all faults reported together.

No other module reads the environment. Only the endpoints differ between Google Cloud and the local
cloud. Three endpoints are variables of Google's clients (``FIRESTORE_EMULATOR_HOST``,
``PUBSUB_EMULATOR_HOST``, ``STORAGE_EMULATOR_HOST``) and not repeated here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

DEFAULT_REGION = "us-central1"
REGION_FORM = r"[a-z]+-[a-z]+[0-9]+"


class SettingsInvalid(Exception):
    """The settings can't be used; the message names every fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("settings: " + "; ".join(faults))
        self.faults = tuple(faults)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a deployment; the variables are the field names in upper case."""

    project: str
    """The Google Cloud project of the notebooks. ``PROJECT``, else ``GOOGLE_CLOUD_PROJECT``."""
    region: str = DEFAULT_REGION
    """The region of the Dataproc templates and of the profiles' zones."""
    allowed_domains: frozenset[str]
    """E-mail domains whose people get environments, separated by commas."""
    state: str = "firestore:(default)"
    """``firestore:DATABASE``, or ``sqlite:PATH`` for local use."""
    profiles: str
    """A bundle, ``gs://BUCKET/NAME.json``, or the location of profiles.yaml and masters/:
    ``gs://BUCKET/PREFIX`` or ``file:DIRECTORY``."""
    templates_bucket: str
    """The bucket for people's cluster templates, without ``gs://``."""
    converge_topic: str = "converge"
    """The topic to which the tick publishes, one message per person."""
    admin_topic: str = "admin-events"
    """The topic of the admin commands; a bulk retry publishes one for each person."""
    announcements_topic: str = "environment-events"
    """The topic for announcements."""
    creations_limit: int = 200
    """How many notebooks may be created at the same time; further ones are queued."""
    older_kinds: bool = False
    """``on``: find leavers' notebooks of the two older kinds, to stop and remove them, even if no
    profile requested them."""
    notebooks_endpoint: str = "https://notebooks.googleapis.com"
    notebooks_v1_endpoint: str = "https://notebooks.googleapis.com"
    """For the two older kinds."""
    compute_endpoint: str = "https://compute.googleapis.com"
    """For snapshots and disks."""
    dataproc_endpoint: str = ""
    """Default: the endpoint of the region, as the Dataproc API requires."""
    clock_endpoint: str = ""
    """For tests: read the time from this URL (``{"now": …}``) instead of the machine."""
    log_level: str = "INFO"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in ``environ``; raises ``SettingsInvalid`` with all faults.

    Reads only ``environ``; ``missing_directories`` checks the file system.
    """
    given, faults = _given(environ)
    domains = [d.strip() for d in str(given.get("allowed_domains", "")).lower().split(",")]
    given["allowed_domains"] = frozenset(filter(None, domains))
    if faults:
        raise SettingsInvalid(faults)
    region = given.get("region", DEFAULT_REGION)
    given["older_kinds"] = str(given.get("older_kinds")).lower() in ("on", "true")
    given.setdefault("dataproc_endpoint", f"https://{region}-dataproc.googleapis.com")
    return msgspec.convert(given, Settings, strict=False)


def setting_faults(environ: Mapping[str, str]) -> list[str]:
    """All faults that prevent a start in ``environ``; [] if there are none."""
    return _given(environ)[1] + missing_directories(environ)


def missing_directories(environ: Mapping[str, str]) -> list[str]:
    """The faults of settings that name a directory which does not exist on this machine."""
    faults = []
    state, profiles = environ.get("STATE", "").strip(), environ.get("PROFILES", "").strip()
    if state.startswith("sqlite:"):
        directory = Path(state.removeprefix("sqlite:")).parent
        if not directory.is_dir():
            faults.append(f"STATE is {state!r}; there is no directory {directory}: create it")
    if profiles.startswith("file:") and not Path(profiles.removeprefix("file:")).is_dir():
        faults.append(f"PROFILES is {profiles!r}; there is no such directory")
    return faults


def _given(environ: Mapping[str, str]) -> tuple[dict[str, object], list[str]]:
    """The values that are set, by field, and the faults of wrong or missing ones."""
    faults = []
    given: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        name = field.name.upper()
        text = environ.get(name, "").strip()
        if name == "PROJECT":
            text = text or environ.get("GOOGLE_CLOUD_PROJECT", "").strip()
        if text:
            given[field.name] = text
        elif field.required:
            faults.append(f"{name} is not set")
    emulators = {name.lower(): environ.get(name, "").strip() for name in _EMULATORS}
    emulators = {name: text for name, text in emulators.items() if text}
    return given, faults + _form_faults(given | emulators)


_DOMAIN = r"[a-z0-9-]+(\.[a-z0-9-]+)+"
_TOPIC = r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}", "a topic's name, without projects/PROJECT/topics/"
_HOST = r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])"
_PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_ENDPOINT = (
    rf"https?://{_HOST}(:{_PORT})?(/\S*)?",
    "a URL that begins with https:// or http://, with a port from 1 to 65535 if it has one",
)
_ADDRESS = rf"{_HOST}:{_PORT}", "HOST:PORT such as 127.0.0.1:8085, without http://"
# Google's clients read these from the environment.
_EMULATORS = ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")
# For each setting: a regular expression, and the description of the form.
_FORMS = {
    "project": (r"[a-z0-9.-]+(:[a-z0-9-]+)?", "a project's id, without projects/"),
    "region": (REGION_FORM, f"a region such as {DEFAULT_REGION}"),
    "allowed_domains": (
        rf"[\s,]*{_DOMAIN}(\s*,[\s,]*{_DOMAIN})*[\s,]*",
        "domains separated by commas, such as example.com,example.org",
    ),
    "state": (r"firestore:\S+|sqlite:.+", "firestore:DATABASE or sqlite:PATH"),
    "profiles": (
        r"gs://[a-z0-9][a-z0-9._-]+(/.*)?|file:.+",
        "gs://BUCKET/NAME.json, gs://BUCKET/PREFIX or file:DIRECTORY",
    ),
    "templates_bucket": (r"[a-z0-9][a-z0-9._-]+", "a bucket's name, without gs://"),
    "converge_topic": _TOPIC,
    "admin_topic": _TOPIC,
    "announcements_topic": _TOPIC,
    "creations_limit": (r"[1-9][0-9]{0,5}", "a number of notebooks from 1 to 999999"),
    "older_kinds": (r"on|off|true|false", "on or off"),
    "notebooks_endpoint": _ENDPOINT,
    "notebooks_v1_endpoint": _ENDPOINT,
    "compute_endpoint": _ENDPOINT,
    "dataproc_endpoint": _ENDPOINT,
    "clock_endpoint": _ENDPOINT,
    "firestore_emulator_host": _ADDRESS,
    "pubsub_emulator_host": _ADDRESS,
    "storage_emulator_host": _ENDPOINT,
    "log_level": (r"debug|info|warning|error|critical", "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
}
_CASE_INSENSITIVE = ("allowed_domains", "older_kinds", "log_level")


def _form_faults(given: Mapping[str, object]) -> list[str]:
    return [
        f"{name.upper()} is {given[name]!r}; it should be {form}"
        for name, (pattern, form) in _FORMS.items()
        if name in given
        and not re.fullmatch(
            pattern, str(given[name]), re.IGNORECASE if name in _CASE_INSENSITIVE else re.NOFLAG
        )
    ]
