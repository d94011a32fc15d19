"""What a torture run keeps of what programs printed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from tests.torture.pod import results
from tests.torture.pod.results import ROOT, Result
from tests.torture.pod.scenario import Check

HOME = Path.home()
SAID = (
    f"{HOME}/.cache/x/helm upgrade iris {ROOT}/helm --set r=10.97.1.2:5000/iris at 192.168.0.7, 127.0.0.1:80"
)


def test_no_place_of_this_machine_is_kept(tmp_path: Path) -> None:
    """Folders and private addresses are taken out of checks and notes; loopback and all else stay."""
    part = Result(
        target="ekiben", scenario="x", part=0, parts=1, scale="full", seed=1, code="c", commit="d",
        machine="m",
        started="s", seconds=1.0, verdict="failed", number=1,
        checks=(Check("it ended", passed=False, found=SAID),), notes={"said": SAID},
    )  # fmt: skip
    path = tmp_path / "results.jsonl"
    results.append(part, path)
    kept = json.loads(path.read_text())
    plain = "~/.cache/x/helm upgrade iris ./helm --set r=<address>/iris at <address>, 127.0.0.1:80"
    assert kept["checks"][0]["found"] == kept["notes"]["said"] == plain


def test_a_version_is_no_address() -> None:
    """Only the private ranges are taken for one, and only whole ones."""
    said = "kernel 6.18.44, helm 4.1.4, 172.15.0.1, 10.1.2"
    assert results.placeless(said) == said


def test_a_home_among_temporary_files_is_still_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inner folder is named, whichever lies within the other; what only begins alike is neither."""
    inside = Path(tempfile.gettempdir()) / "home"
    monkeypatch.setenv("HOME", str(inside))
    assert results.placeless(f"{inside}/a {inside}s/b {inside.parent}/c") == "~/a $TMPDIR/homes/b $TMPDIR/c"
