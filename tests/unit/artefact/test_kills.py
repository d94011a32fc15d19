"""kill -9 while the store is changed: it is as before or as after, and the next run ends the work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_killed_while_it_changes_the_store(tmp_path: Path) -> None:
    """A few random moments of promote, import and prune; `tests.torture.kills` does many."""
    stations = ["promote", "import", "prune"]
    options = [part for name in stations for part in ("--station", name)]
    argv = [sys.executable, "-m", "tests.torture.kills", *options, "--count", "4", "--seed", "7"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "BENTOML_HOME": str(tmp_path / "none")}
    environment["PYTHONPATH"] = os.pathsep.join(["src", "."])
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr or found
    assert [each["station"] for each in found] == stations
    assert all(each["wrong"] == [] and each["killed"] == 4 for each in found)
