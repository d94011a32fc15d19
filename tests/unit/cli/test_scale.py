"""`ekiben loadtest`: what it takes, what it refuses, where it sends from, what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ekiben.cli import app, scale
from ekiben.road.scaling import Scaled
from ekiben.scale.load.measurement import measure
from ekiben.scale.load.records import Outcome, Records, Sent

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKIBEN_STATE", str(tmp_path))
    monkeypatch.setenv("EKIBEN_PROJECT", str(ROOT))  # whatever project a command was given before


def _run(*argv: str) -> int:
    return app.main(["--project", str(ROOT), "loadtest", "iris", "--dry-run", *argv])


def test_a_load_says_what_it_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    """HTTP from one process unless it is told otherwise; --dry-run sends nothing."""
    assert _run("--rate", "5", "--seconds", "7") == 0
    assert "5 requests/s for 7 s (poisson arrivals) over http from 1 process" in capsys.readouterr().out
    assert _run("--protocol", "grpc", "--senders", "16") == 0
    assert "over grpc from 16 process" in capsys.readouterr().out


def test_what_it_would_do_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    """The shape of the load, and nothing else on stdout."""
    assert _run("--rate", "5", "--seconds", "7", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "rate": 5, "duration_seconds": 7, "arrivals": "poisson"
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [["--rate", "inf"], ["--rate", "6000"], ["--seconds", "inf"], ["--rate", "5000", "--seconds", "3600"]],
)
def test_what_no_sender_holds_is_refused_before_it_is_tried(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run promises nothing that the load itself would refuse."""
    assert _run(*wrong) == 2
    assert capsys.readouterr().err.startswith("ekiben: expected ")


@pytest.mark.parametrize("wrong", [["--protocol", "h2"], ["--senders", "0"], ["--senders", "17"]])
def test_what_it_cannot_do_is_refused(wrong: list[str]) -> None:
    """Another protocol, no sender, more than 16."""
    assert _run(*wrong) == 2


def test_a_load_without_books_shows_no_figures() -> None:
    """Where a sender died, people read the reason and nothing that looks like a result."""
    dead = Sent(seconds=5.0, interrupted=True, faults=("sender 2 of 2: it ended with -9",))
    measured = measure(dead, started_at=0, planned=10, seed=0)
    assert scale.lines(Scaled("http://x", measured, ())) == ["invalid   sender 2 of 2: it ended with -9"]
    records = Records()
    records.end(records.begin(0.0, 0.5), 0.6, Outcome.OK, 200)
    late = measure(Sent(records, 1.0, 1.0, 0.1), started_at=0, planned=1, seed=0)
    shown = scale.lines(Scaled("http://x", late, ()))
    assert shown[0].startswith("sent      1 requests")
    assert shown[-1].startswith("invalid   the generator was late")


def test_refused_requests_are_told_with_their_status() -> None:
    """A path that nobody answers and a key that is missing look different."""
    records = Records()
    for status in (404, 404, 401):
        records.end(records.begin(0.0, 0.001), 0.01, Outcome.HTTP_STATUS, status)
    refused = measure(Sent(records, 1.0, 1.0, 0.1), started_at=0, planned=3, seed=0)
    assert scale.lines(Scaled("http://x", refused, ()))[1] == (
        "failed    3, 3 http_status (1 of 401, 2 of 404)"
    )


@pytest.mark.parametrize(("right", "code"), [(0, 5), (1, 0)])
def test_a_load_that_nobody_answered_is_no_success(
    right: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its figures are told, and the exit code is 5: a script goes on only where something was answered."""
    records = Records()
    for number in range(3):
        end = (Outcome.OK, 200) if number < right else (Outcome.HTTP_STATUS, 503)
        records.end(records.begin(0.0, 0.001), 0.01, *end)
    found = measure(Sent(records, 1.0, 1.0, 0.1), started_at=0, planned=3, seed=0)
    monkeypatch.setattr("ekiben.road.scaling.load", lambda *_, **__: Scaled("http://x", found, ()))
    argv = ["--project", str(ROOT), "loadtest", "iris", "--url", "http://127.0.0.1:1/predict", "--json"]
    assert app.main(argv) == code
    out, err = capsys.readouterr()
    assert json.loads(out)["load"]["outcomes"]["ok"] == right
    assert ("no request got its right answer" in err) == (right == 0)


def test_a_job_and_an_address_of_this_machine_do_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    """A loopback address would be the pod's own: refused before a cluster is asked."""
    assert _run("--in-cluster", "--url", "http://127.0.0.1:3000/predict") == 2
    assert "found both" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "place"), [([], ""), (["--in-cluster"], "a Job in the namespace shop")])
def test_a_dry_run_says_where_it_would_send_from(
    options: list[str], place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The namespace of the Job where there would be one."""
    assert _run("--rate", "30", "--seconds", "9", "-n", "shop", *options) == 0
    said = capsys.readouterr().out
    assert place in said
    assert ("Job" in said) is bool(place)
