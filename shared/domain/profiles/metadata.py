"""Which Workbench metadata keys a profile may set, and why it may not set the others.

Reserved are Google's protected keys ("Manage features through metadata" in the Workbench
documentation, as of 2026-11) and the keys that its Terraform provider ignores as set by the
system. Google overwrites values for them, so a profile that sets one would have no effect.
"""

from __future__ import annotations

import re

# Keys that we set from fields of `workbench`; a second value for them could contradict the field.
OURS = {
    "disable-mixer": "spark_kernels",
    "idle-timeout-seconds": "idle_minutes",
    "notebook-disable-downloads": "downloads",
    "notebook-disable-nbconvert": "downloads",
    "notebook-disable-root": "root",
    "notebook-disable-terminal": "terminal",
    "notebook-upgrade-schedule": "upgrade_schedule",
}

_RESERVED_PREFIXES = (
    "agent-health-check-",
    "custom-container-",
    "dataproc-",
    "generate-diagnostics-",
    "last_updated_diagnostic",
    "notebooks-api",
    "proxy-",
)
_RESERVED = {
    "container",
    "cos-update-strategy",
    "data-disk-uri",
    "disable-check-xsrf",
    "disable-swap-binaries",
    "euc-enabled",
    "framework",
    "gcs-data-bucket",
    "google-logging-enabled",
    "image-url",
    "install-monitoring-agent",
    "install-nvidia-driver",
    "installed-extensions",
    "notebooks-examples-location",
    "notebooks-location",
    "nvidia-driver-gcs-path",
    "report-container-health",
    "report-event-url",
    "report-notebook-metrics",
    "report-system-health",
    "report-system-status",
    "resource-url",
    "restriction",
    "serial-port-logging-enable",
    "service-account-mode",
    "shutdown-script",
    "title",
    "use-collaborative",
    "user-data",
    "version",
}
_SCRIPTS = {
    "post-startup-script",
    "post-startup-script-behavior",
    "startup-script",
    "startup-script-url",
    "workbench-startup-scripts",
}
_SSH = {
    "block-project-ssh-keys",
    "enable-oslogin",
    "ssh-keys",
    "sshKeys",
}
_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")  # Compute Engine's rule


def is_reserved(key: str) -> bool:
    """Whether Workbench sets metadata ``key`` itself, and overwrites what others set."""
    return key in _RESERVED or key.startswith(_RESERVED_PREFIXES)


def objection(key: str, value: str | None) -> str | None:
    """Why a profile can't set metadata ``key`` to ``value`` (None: any value); None if it can."""
    if key in OURS:
        return f"is set by us; use workbench.{OURS[key]} instead"
    if is_reserved(key):
        return "is reserved: Workbench overwrites it with a value of its own"
    if key in _SCRIPTS:
        return (
            "a notebook that runs on its owner's credentials can't have a startup script; "
            "build an image with what the script would install, and name it in workbench.image"
        )
    if key in _SSH:
        return "a notebook that runs on its owner's credentials can't be reached by SSH"
    if key == "enable-guest-attributes" and value is not None and value.lower() != "true":
        return "must stay on: without guest attributes an idle notebook is never shut down"
    if not _KEY.fullmatch(key):
        return "is not a metadata key: letters, digits, _ and -, at most 128"
    if value is not None and len(value.encode()) > 256 * 1024:
        return "is longer than Compute Engine accepts (256 KiB)"
    return None
