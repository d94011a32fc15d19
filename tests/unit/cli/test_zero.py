"""`ekiben zero`: a table, JSON, and errors with their exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.scale.plan import plans as made

from ekiben.cli import app, session
from ekiben.road import plans

ROOT = Path(__file__).resolve().parents[3]
# Three requests in the first row, one in the last of two hours.
TRACE = "".join(f"{at},{3 if at == 0 else 1 if at == 7_140 else 0}\n" for at in range(0, 7_200, 60))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKIBEN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("EKIBEN_PROJECT", str(ROOT))


def _run(folder: Path, *more: str, trace: str = TRACE) -> int:
    path = folder / "trace.csv"
    path.write_text(trace)
    return app.main(["--project", str(ROOT), "zero", "iris", "--trace", str(path), *more])


def test_each_way_has_a_row_and_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What holds requests, what only counts them, what does neither; one of four requests is 25 % bad."""
    assert _run(tmp_path, "--start-seconds", "4", "--bad-ratio", "0.3") == 0
    out = capsys.readouterr().out
    assert out.startswith("zero of iris: a reckoning; nothing is changed")
    for told in (
        "4 requests in 2 h, during which 2 replicas are 4 replica-hours",
        "8.7 s (KEDA and its HTTP add-on), 53 s (KEDA, an ingress counts), never (KEDA, the pod counts)",
        "its interceptor holds each request until a replica is ready",
        "nothing holds requests: without an endpoint behind the Service they are refused, or answered 503",
        "nothing wakes it: from the first sleep on every request fails",
        "Zero pays within the objective with KEDA",
    ):
        assert told in out
    row = next(line for line in out.splitlines() if line.startswith("KEDA, an ingress counts  "))
    assert row.split()[4:6] == ["300", "s"]
    assert "25.00%" in row
    assert row.endswith("pays")


def test_callers_that_give_up_before_a_replica_is_ready_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Iris' callers wait 5 s, a wake takes 8.7: the holder does not help, and the objective says no."""
    assert _run(tmp_path, "--start-seconds", "4", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    holder = found["ways"][0]
    assert holder["numbers"]["timeout_seconds"]["value"] == 5
    assert holder["numbers"]["failed_requests"]["value"] == 1
    assert holder["verdict"] == "violates the objective"
    assert [each["way"] for each in found["ways"]] == ["holder", "counter", "own"]


def test_the_plan_brings_its_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Measured there: 12 s and three replicas; without a plan and without the flag there is no number."""
    assert _run(tmp_path) == 2
    assert "found no capacity plan that measured it" in capsys.readouterr().err
    path = plans.path_of(session.traveller("iris"))
    path.parent.mkdir(parents=True)
    path.write_text(made.plan().text(), encoding="utf-8")
    assert _run(tmp_path, "--json") == 0
    numbers = json.loads(capsys.readouterr().out)["ways"][0]["numbers"]
    assert numbers["start_seconds"]["kind"] == "measured"
    assert numbers["wake_seconds"]["value"] == pytest.approx(0.7 + 2 + 12 + 1 + 1)
    assert numbers["min_replicas"]["value"] == 3


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        ("0,1\n60,1\n180,1\n", "found 120 s from 60 to 180 in line 3"),
        ("60,1\n0,1\n", "ascending"),
        ("-60,1\n0,1\n", "expected times of 0 or more"),
        ("0,1\n60,-1\n", "expected counts of 0 or more"),
    ],
)
def test_a_trace_that_cannot_be_is_a_usage_error(
    trace: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and where it is, as `simulate` says it."""
    assert _run(tmp_path, "--start-seconds", "4", trace=trace) == 2
    assert said in capsys.readouterr().err


def test_rows_longer_than_the_cool_down_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What lies within a row is drawn; by the second, it is known."""
    hours = "0,3\n3600,0\n7200,1\n"
    assert _run(tmp_path, "--start-seconds", "4", trace=hours) == 0
    assert "The rows are 3600 s apart, longer than the cool-down" in capsys.readouterr().out
    assert _run(tmp_path, "--start-seconds", "4") == 0
    assert "longer than the cool-down" not in capsys.readouterr().out


def test_a_service_that_is_always_asked_keeps_its_replicas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A request a second: no gap is long enough, and nothing is to be saved."""
    busy = "".join(f"{at},60\n" for at in range(0, 3_600, 60))
    assert _run(tmp_path, "--start-seconds", "4", trace=busy) == 0
    assert "Zero does not pay within the objective: keep the replicas." in capsys.readouterr().out
