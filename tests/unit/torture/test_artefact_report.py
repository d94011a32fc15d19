"""The page about tampered artefacts and kills counts what was found, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.torture import kill_stations
from tests.torture.artefact import __main__ as command
from tests.torture.artefact import report, suite
from tests.torture.artefact.suite import Found
from tests.torture.pod import results
from tests.torture.pod.results import Result
from tests.torture.pod.scenario import Check

PART = Result(
    target="ekiben", scenario="mutations", part=0, parts=10, scale="full", seed=7, code="artefact 1",
    commit="c", machine="m", started="2026-01-01T00:00:00+00:00", seconds=30.0, verdict="passed", number=1000,
    checks=(Check("every one is refused", passed=True, found="all were"),),
)  # fmt: skip


def row(text: str, action: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith("|") and action in line]
    return line


def test_what_was_not_run_is_no_pass() -> None:
    """Nothing, some parts, all parts: three different verdicts, with their sum."""
    assert row(report.text([]), "one random change").endswith("| not run |")
    some = row(report.text([PART, replace(PART, part=1)]), "one random change")
    assert "passed so far (2 of 10 parts); 2,000 artefacts, 1.0 min" in some
    every = row(report.text([replace(PART, part=at) for at in range(10)]), "one random change")
    assert "| passed; 10,000 artefacts, 5.0 min |" in every


def test_results_of_older_code_and_short_runs_do_not_count() -> None:
    """The newest code alone is summed."""
    found = [replace(PART, code="artefact 0"), replace(PART, part=1), replace(PART, part=2, scale="short")]
    assert "(1 of 10 parts)" in row(report.text(found), "one random change")


def test_what_failed_is_named_with_its_seed() -> None:
    """Verdict, criterion and finding are on the page."""
    bad = Check("every one is refused", passed=False, found="12: cut card.json")
    text = report.text([replace(PART, verdict="failed", checks=(bad,))])
    assert "**failed**" in row(text, "one random change")
    assert "- mutations: every one is refused: 12: cut card.json (part 1, seed 7)" in text


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part with a result is not done again; one that raises is a failure with its error, not a pass."""
    done: list[int] = []

    def act(seed: int, _: Path, __: str) -> Found:
        done.append(seed)
        if len(done) == 2:
            raise RuntimeError("no registry")
        return Found(3, (Check("x", passed=True, found="y"),), {})

    monkeypatch.setattr(kill_stations, "load", lambda: None)
    scenario = suite.Scenario("kill x", "a", "p", "kills", 2, act)
    path = tmp_path / "results.jsonl"
    assert command.run([scenario], "full", 1, path) == 1
    assert command.run([scenario], "full", 1, path) == 1
    assert len(done) == 2
    first, second = results.read(path)
    assert (first.verdict, first.number, second.verdict) == ("passed", 3, "failed")
    assert "RuntimeError: no registry" in second.checks[0].found
    assert first.seed != second.seed


def test_the_full_run_has_its_numbers() -> None:
    """The full run has 10,000 mutations and 50 kills of each station that writes."""
    plan = suite.BY_NAME
    assert plan["mutations"].parts * suite.MUTATIONS == 10_000
    kills = [each for name, each in plan.items() if name.startswith("kill ")]
    assert {each.name.removeprefix("kill ") for each in kills} >= {"train", "bento", "image"}
    assert {each.parts * suite.KILLS for each in kills} == {50}
