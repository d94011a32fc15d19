"""Where the user's code prints to: stdout has results alone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

_STDOUT, _STDERR = 1, 2


@contextlib.contextmanager
def to_stderr() -> Iterator[None]:
    """Let everything that is printed to stdout meanwhile go to stderr, from compiled code as well.

    With `verbose`, scikit-learn's estimators use Python's `print`; LIBSVM and LIBLINEAR use C's `printf`.
    """
    if sys.stdout is None:  # closed by whoever started this process: the number may be another file's
        yield
        return
    kept = os.dup(_STDOUT)
    sys.stdout.flush()
    os.dup2(_STDERR, _STDOUT)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        ctypes.CDLL(None).fflush(None)  # C keeps what it prints to a pipe in a buffer
        os.dup2(kept, _STDOUT)
        os.close(kept)
