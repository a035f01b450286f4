"""What a tool sees of the machine: nothing of the caller, and no network."""

from __future__ import annotations

import os
from pathlib import Path

# For Terraform: providers come from this directory only, which is empty.
_CONFIGURATION = """
provider_installation {
  filesystem_mirror {
    path = "%s"
  }
}
"""


def isolated(scratch: Path) -> dict[str, str]:
    """An environment without variables, credentials or settings of the caller.

    ``scratch`` is a temporary directory that serves as home.
    """
    configuration = scratch / "terraformrc"
    providers = scratch / "providers"
    providers.mkdir()
    configuration.write_text(_CONFIGURATION % providers)
    return {
        "PATH": os.defpath,
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": str(configuration),
        "TF_IN_AUTOMATION": "1",
        "GOGC": "400",  # memory is there for a moment only: a quarter less CPU in tests
        # Whatever tries all the same, such as a module from a git address, fails at once.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": "false",
    }
