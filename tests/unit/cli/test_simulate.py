"""`ekiben simulate`: a table, JSON, and errors with their exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ekiben.cli import app


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
