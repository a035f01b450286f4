"""Writes a cluster template's body as YAML; making the body needs no YAML at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import SafeDumper
else:  # the same output in a fifth of the time
    from yaml import CSafeDumper as SafeDumper

# A constant: a comment is the one place of a YAML file where a person's text could break out.
_HEADER = """\
# Made by Benchkeeper from the profile's master template, and written anew when that changes.
# Make a cluster of it, then hand it your credentials:
#   gcloud dataproc clusters import CLUSTER --region=REGION --source=THIS_FILE
#   gcloud dataproc clusters enable-personal-auth-session CLUSTER --region=REGION
"""


def render(body: dict[str, Any]) -> bytes:
    """``body`` as YAML that means the same to readers of YAML 1.1 (ours) and 1.2 (gcloud's)."""
    text = yaml.dump(body, Dumper=_Writer, allow_unicode=False, default_flow_style=False, width=200)
    return (_HEADER + text).encode("ascii")


class _Writer(SafeDumper):
    """Writes plain data: no aliases, and nothing plain that some reader takes for a number."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write_text(writer: _Writer, text: str) -> yaml.ScalarNode:
    # What begins with a letter is resolved alike by both versions. '1e3' and '0o14' are not: text
    # to the one, numbers to the other.
    begins_with_letter = text[:1].isascii() and text[:1].isalpha()
    style = None if begins_with_letter else "'"
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _write_text)
