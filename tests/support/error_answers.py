"""Errors in the forms of Google's APIs, and the faults for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from shared.adapters.google_api.fault_table import translated
from shared.domain.faults import CloudFault


def answer(
    http: int, error: dict[str, Any] | None = None, *, text: str = "", **headers: str
) -> requests.Response:
    """A response with ``error`` in Google's envelope, or with the body ``text``."""
    response = requests.Response()
    response.status_code = http
    response.reason = "Because"
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    body = json.dumps({"error": error}) if error is not None else text
    response._content = body.encode()
    return response


def caught(error: Exception, *, changes: bool = True) -> CloudFault:
    """The fault raised for ``error``, which must be its cause."""
    with pytest.raises(CloudFault) as raised, translated(changes=changes):
        raise error
    assert raised.value.__cause__ is error
    return raised.value
