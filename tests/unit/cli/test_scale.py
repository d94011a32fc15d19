"""`ekiben loadtest`: where it sends from, and what does not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from ekiben.cli import app

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKIBEN_STATE", str(tmp_path))
    monkeypatch.setenv("EKIBEN_PROJECT", str(ROOT))  # whatever project a command was given before


def _run(*argv: str) -> int:
    return app.main(["--project", str(ROOT), "loadtest", "iris", *argv])


def test_a_job_and_an_address_of_this_machine_do_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    """A loopback address would be the pod's own: refused before a cluster is asked."""
    assert _run("--in-cluster", "--url", "http://127.0.0.1:3000/predict") == 2
    assert "found both" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "place"), [([], ""), (["--in-cluster"], "a Job in the namespace shop")])
def test_a_dry_run_says_where_it_would_send_from(
    options: list[str], place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rate, the length, and the namespace of the Job where there would be one."""
    assert _run("--dry-run", "--rate", "30", "--seconds", "9", "-n", "shop", *options) == 0
    said = capsys.readouterr().out
    assert "30 requests/s for 9 s" in said
    assert place in said
    assert ("Job" in said) is bool(place)
