"""Writes the body of a cluster template as YAML. It must not know where the text is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import SafeDumper
else:  # the same output in a fifth of the time
    from yaml import CSafeDumper as SafeDumper

# Constant text only: nothing in a YAML comment is quoted or escaped.
_HEADER = """\
# Written by Benchkeeper from the profile's master template, and overwritten when that changes.
# To create a cluster from it, and then to give the cluster your credentials:
#   gcloud dataproc clusters import CLUSTER --region=REGION --source=THIS_FILE
#   gcloud dataproc clusters enable-personal-auth-session CLUSTER --region=REGION
"""


def render(body: dict[str, Any]) -> bytes:
    """``body`` as YAML with the same meaning in YAML 1.1 (our reader) and 1.2 (gcloud's)."""
    text = yaml.dump(body, Dumper=_Writer, allow_unicode=False, default_flow_style=False, width=200)
    return (_HEADER + text).encode("ascii")


class _Writer(SafeDumper):
    """Writes no aliases, and no unquoted text that a reader could take for a number."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write_text(writer: _Writer, text: str) -> yaml.ScalarNode:
    # Both versions resolve text that begins with a letter alike, but not '1e3' or '0o14', which
    # one of them reads as text and the other as a number.
    begins_with_letter = text[:1].isascii() and text[:1].isalpha()
    style = None if begins_with_letter else "'"
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _write_text)
