"""What the torture starts, it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.torture.pod import target

_PARENT = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
"""


class _Leaving:
    """Its first process ends and leaves another in a session of its own, as BentoML's workers are."""

    name, gauge, scrape_offset = "leaving", "", 0

    def command(self, port: int) -> list[str]:
        del port
        return [sys.executable, "-c", _PARENT]

    def environment(self, port: int, folder: Path, more: Mapping[str, str]) -> dict[str, str]:
        del port, folder
        return dict(more)


def _running(mark: str) -> list[str]:
    """Commands of the processes that have this in their environment."""
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in each.read_bytes():
                found.append((each.parent / "cmdline").read_text())
        except OSError:  # it ended
            continue
    return found


def test_orphans_of_a_server_end_with_it(tmp_path: Path) -> None:
    """What a dead server left behind runs on until `end`, and not after it."""
    served = target.start(_Leaving(), tmp_path, {})
    served.process.wait(10)
    time.sleep(0.05)
    assert len(_running(served.mark)) == 1
    served.end()
    assert _running(served.mark) == []
