"""Settings: read once, from a mapping, checked all together; the core never sees the environment.

Endpoints are what tells Google from the laptop, and nothing else does. Three of them are the
clients' own variables (``FIRESTORE_EMULATOR_HOST``, ``PUBSUB_EMULATOR_HOST``,
``STORAGE_EMULATOR_HOST``) and aren't repeated here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

DEFAULT_REGION = "us-central1"
REGION_FORM = r"[a-z]+-[a-z]+[0-9]+"


class SettingsInvalid(Exception):
    """The settings can't be used; every fault is named."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("settings: " + "; ".join(faults))
        self.faults = tuple(faults)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All that a deployment can set; the names of the variables are the fields' in upper case."""

    project: str
    """The Google Cloud project of the notebooks. ``PROJECT``, else ``GOOGLE_CLOUD_PROJECT``."""
    region: str = DEFAULT_REGION
    """The region of the Dataproc templates; the zones of the profiles are in it, too."""
    allowed_domains: frozenset[str]
    """E-mail domains whose people get environments, separated by commas."""
    state: str = "firestore:(default)"
    """``firestore:DATABASE``, or ``sqlite:PATH`` for the embedded default of a laptop."""
    profiles: str
    """``gs://BUCKET/NAME.json``, a bundle; or where profiles.yaml and masters/ are:
    ``gs://BUCKET/PREFIX`` or ``file:DIRECTORY``."""
    templates_bucket: str
    """The bucket of the people's cluster templates, without ``gs://``."""
    converge_topic: str = "converge"
    """The topic that the tick publishes to, one message a person."""
    announcements_topic: str = "environment-events"
    """The topic that announcements go to."""
    creations_limit: int = 200
    """How many notebooks may be made at once; the others wait for their turn."""
    older_kinds: bool = False
    """``on``: look for leavers' notebooks of the two older kinds, to stop and remove them, even if
    no profile asked for them."""
    notebooks_endpoint: str = "https://notebooks.googleapis.com"
    notebooks_v1_endpoint: str = "https://notebooks.googleapis.com"
    """Of the two older kinds."""
    compute_endpoint: str = "https://compute.googleapis.com"
    """Of the snapshots."""
    dataproc_endpoint: str = ""
    """Default: the region's own, as the Dataproc API wants it."""
    clock_endpoint: str = ""
    """Ask this URL for the time (``{"now": …}``) instead of the machine; for rehearsals."""
    log_level: str = "INFO"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in ``environ``; raises ``SettingsInvalid`` naming everything that is wrong.

    Reads nothing but ``environ``: what must exist on this machine, ``missing_directories`` says.
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
    """Everything for which a function refuses to start in ``environ``; [] if it would start."""
    return _given(environ)[1] + missing_directories(environ)


def missing_directories(environ: Mapping[str, str]) -> list[str]:
    """The faults of those settings that name a directory of this machine which isn't there."""
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
    """The texts that are set, by field, and what is wrong with them or missing."""
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
    return given, faults + _wrong_form(given | emulators)


_DOMAIN = r"[a-z0-9-]+(\.[a-z0-9-]+)+"
_TOPIC = r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}", "a topic's name, without projects/PROJECT/topics/"
_HOST = r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])"
_PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_ENDPOINT = (
    rf"https?://{_HOST}(:{_PORT})?(/\S*)?",
    "a URL that begins with https:// or http://, with a port from 1 to 65535 if it has one",
)
_ADDRESS = rf"{_HOST}:{_PORT}", "HOST:PORT such as 127.0.0.1:8085, without http://"
# Of Google's clients, which take them from the environment themselves.
_EMULATORS = ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")
# Of each setting, how it is written and how that is said.
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
_ANY_CASE = ("allowed_domains", "older_kinds", "log_level")


def _wrong_form(given: Mapping[str, object]) -> list[str]:
    return [
        f"{name.upper()} is {given[name]!r}; it should be {form}"
        for name, (pattern, form) in _FORMS.items()
        if name in given
        and not re.fullmatch(
            pattern, str(given[name]), re.IGNORECASE if name in _ANY_CASE else re.NOFLAG
        )
    ]
