"""schemathesis' hooks: which cases of the OpenAPI document are sent.

A document describes a JSON body by a schema; CSV and bytes of tensors it only names, so schemathesis sends
what is neither, and would have it accepted. EKIBEN_TORTURE_MEDIA says which half is sent: `described`, with
all checks, or `named`, where only that acceptance is not judged.
"""

from __future__ import annotations

import os
from typing import Any

import schemathesis

_NAMED = frozenset({"text/csv", "application/octet-stream"})


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Whether a case is of the half that is asked for."""
    del context
    return (case.media_type in _NAMED) == (os.environ.get("EKIBEN_TORTURE_MEDIA") == "named")
