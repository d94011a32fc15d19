"""`ekiben simulate`: a table, JSON, and errors with their exit code."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ekiben.cli import app, progress


def _trace(folder: Path, text: str = "") -> str:
    path = folder / "trace.csv"
    path.write_text(text or "".join(f"{at},{200 if at < 300 else 800}\n" for at in range(0, 600, 10)))
    return str(path)


def _arguments(trace: str, *more: str) -> list[str]:
    return ["simulate", "--trace", trace, "--service-ms", "20", "--objective-ms", "200", *more]


def test_a_trace_gives_a_row_for_each_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The chosen policies, in that order, under a heading; as JSON the same numbers."""
    chosen = ("--policy", "clairvoyant", "--policy", "ekiben demand", "--tau", "20")
    assert app.main(_arguments(_trace(tmp_path), *chosen)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("30,000 requests in 600 s")
    assert [line.split("  ")[0] for line in lines[4:]] == ["clairvoyant", "ekiben demand"]
    assert app.main(_arguments(_trace(tmp_path), *chosen, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["requests"] == 30_000
    assert [row["policy"] for row in found["rows"]] == ["clairvoyant", "ekiben demand"]
    assert f"{found['rows'][1]['cost_ratio']:.2f}" in lines[5]


def test_a_trace_with_a_gap_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, where it is, and what to do."""
    assert app.main(_arguments(_trace(tmp_path, "0,1\n10,1\n40,1\n"))) == 2
    said = capsys.readouterr().err
    assert "expected a row every 10 s, found 30 s from 10 to 40 in line 3" in said
    assert "count 0" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--start-seconds", "inf"), "expected a start and its endpoints to take 0 s or more, found inf"),
        (("--scale", "1e30"), "expected traffic of at most 50,000,000 requests, found 3e+34"),
        (("--objective-ms", "inf"), "expected an objective"),
        (("--min", "100000"), "--min"),
        (("--workers", "100000"), "--workers"),
    ],
)
def test_a_world_that_cannot_be_is_a_usage_error(
    more: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is simulated: times that never end, more than a run may have."""
    assert app.main(_arguments(_trace(tmp_path), *more)) == 2
    assert said in capsys.readouterr().err


def test_where_nobody_looks_no_progress_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even an empty line."""
    short = _trace(tmp_path, "0,10\n60,10\n")
    assert app.main(_arguments(short, "--policy", "static peak", "--json")) == 0
    assert capsys.readouterr().err == ""


def test_progress_begins_before_the_first_result_and_knows_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of a large trace takes seconds a policy: how many are done, of how many."""
    told: list[tuple[int, int | None]] = []

    @contextlib.contextmanager
    def counted(_what: str) -> Iterator[Callable[[int, int | None], None]]:
        yield lambda done, total: told.append((done, total))

    monkeypatch.setattr(progress, "counted", counted)
    short = _trace(tmp_path, "0,10\n60,10\n")
    assert app.main(_arguments(short, "--policy", "static peak", "--policy", "clairvoyant")) == 0
    assert told == [(0, None), (0, 2), (1, 2), (2, 2)]
