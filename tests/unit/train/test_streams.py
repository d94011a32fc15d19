"""In a process of its own: a test runner has other streams."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, os, sys
from ekiben.train import streams
with streams.to_stderr():
    print("python")
    os.write(1, b"descriptor\\n") if sys.stdout else None
    ctypes.CDLL(None).printf(b"compiled\\n")
print("result")
"""


@pytest.mark.parametrize(("closing", "out"), [("", "result\n"), (" >&-", "")])
def test_only_what_is_printed_outside_reaches_stdout(closing: str, out: str) -> None:
    """C keeps what it prints to a pipe in a buffer: it is written while stdout is still elsewhere."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    found = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1"{closing}', sys.executable, PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert found.stdout == out
    assert closing or sorted(found.stderr.split()) == ["compiled", "descriptor", "python"]
