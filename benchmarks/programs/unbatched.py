"""The product without micro-batches, for the row that says what they are worth; no figure of its own.

It has no such setting: here a batch is full once it has one row.
"""

from __future__ import annotations

import sys

from ekiben.serving import lane
from ekiben.serving.__main__ import main

_LIMIT = "_BATCH_ROWS"

if __name__ == "__main__":
    if not hasattr(lane, _LIMIT):
        sys.exit(
            f"expected {_LIMIT} in {lane.__name__}, found none: it bounds a batch under another name now"
        )
    setattr(lane, _LIMIT, 1)
    sys.exit(main())
