"""C* against the truth: what is resumed, what the page says, the search before a virtual replica."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.capacity import goals, page, runs, virtual
from benchmarks.capacity.__main__ import main
from benchmarks.capacity.models import LIVE_MODEL, SPECS
from benchmarks.capacity.runs import Measuring, Settings
from benchmarks.results import Journal

from ekiben.errors import ConfigError
from ekiben.scale.capacity.step import Objective

IRIS = SPECS[0]
FACTS = {
    "series": "s", "code": "c0de", "commit": "abc", "seed": 1,
    "machine": {"cpu": "A processor", "cores": 2, "kernel": "6.1"},
}  # fmt: skip


def record(model: str, part: str, number: int = 0, **found: Any) -> dict[str, Any]:
    return {**FACTS, "part": part, "model": model, "number": number, **found}


def search(model: str, rate: float, seconds: float = 320.0) -> dict[str, Any]:
    return record(
        model, "search", rate=rate, failing_rate=None, estimate=rate, limited=False, seconds=seconds,
        steps=[{"verdict": "meets"}, {"verdict": "invalid"}],
    )  # fmt: skip


def truth(model: str, crossing: float, rounds: int = 6) -> list[dict[str, Any]]:
    """Rounds whose counts cross 1 % at a rate, with a steepness of 20."""
    found = []
    for number in range(rounds):
        blocks = []
        for off in (-0.05, -0.025, 0.0, 0.025, 0.05):
            odds = 0.01 / 0.99 * math.exp(20 * off)
            bad = round(100_000 * odds / (1 + odds))
            blocks.append({"rate": crossing * (1 + off), "requests": 100_000, "bad": bad})
        found.append(record(model, "truth", number, blocks=blocks, faults=[]))
    return found


def repeats(model: str, above: int, number: int = 100) -> list[dict[str, Any]]:
    return [
        record(
            model, "repeats", each, rate=95.0, estimate=99.0, truth=100.0,
            bad_ratio=0.011 if each < above else 0.009,
        )
        for each in range(number)
    ]  # fmt: skip


def verdicts(records: list[dict[str, Any]]) -> list[str]:
    return [verdict for _, _, verdict in goals.goals(goals.gathered(records))]


def test_a_page_without_results_says_so() -> None:
    """Every goal, every model and the live repeats are `not run`; nothing is met."""
    text = page.text([])
    assert text.count("| **not run** |") == 3
    assert all(f"| {spec.name} | {spec.predictor} |" in text for spec in SPECS)
    assert f"Live repeats ({LIVE_MODEL}): not run." in text
    assert "met**" not in text


def test_a_part_of_the_models_is_no_goal_met() -> None:
    """Nine of ten models: seconds and repeats are open; ten, and all is met."""
    records: list[dict[str, Any]] = []
    for spec in SPECS[:9]:
        records += [search(spec.name, 97.0), *truth(spec.name, 100.0), *repeats(spec.name, 5)]
    assert verdicts(records) == ["not run", "met", "not run"]
    last = SPECS[9].name
    records += [search(last, 90.0), *truth(last, 100.0), *repeats(last, 5)]
    assert verdicts(records) == ["met", "met", "met"]
    assert "| 97 | - | 97 | 100 (" in page.text(records)
    assert "| -3.0 % | -3.0 % | 320 | 1 of 2 |" in page.text(records)


def test_each_goal_can_be_missed() -> None:
    """A search of seven minutes; two models 6 % off; six of 100 repeats above."""
    records: list[dict[str, Any]] = []
    for place, spec in enumerate(SPECS):
        records += [search(spec.name, 94.0 if place < 2 else 99.0, 420.0 if place == 0 else 300.0)]
        records += [*truth(spec.name, 100.0), *repeats(spec.name, 6 if place == 4 else 0)]
    assert verdicts(records) == ["missed", "missed", "missed"]


def test_an_unfinished_truth_judges_nothing() -> None:
    """Five of six rounds, one of them twice, or a round with faults: no truth yet."""
    five = [*truth("credit", 100.0)[:5], truth("credit", 100.0)[0]]
    faulty = truth("credit", 100.0)[5] | {"faults": ["the sender was late"]}
    (found,) = (
        each for each in goals.gathered([search("credit", 99.0), *five, faulty])
        if each.spec.name == "credit"
    )  # fmt: skip
    assert (found.truth, found.rounds, found.invalid, found.off_ratio) == (None, 5, 1, None)


def test_a_go_carries_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    """Rounds that are there and valid are not missing; faulty, failed, torn and other series' ones are."""
    journal = Journal(tmp_path / "c.jsonl")
    first = Measuring(journal, Settings())
    assert first.missing(IRIS, "truth") == [0, 1, 2, 3, 4, 5]
    first.add(IRIS, "truth", 0, 1, {"blocks": [], "faults": []})
    first.add(IRIS, "truth", 1, 1, {"blocks": [], "faults": ["the sender was late"]})
    first.add(IRIS, "search", 0, 1, {"failure": "no valid step"})
    first.add(IRIS, "truth", 2, 1, {"blocks": [], "faults": []})
    text = journal.path.read_text()
    journal.path.write_text(text[:-30])
    again = Measuring(journal, Settings())
    assert again.series("truth") == first.series("truth")
    assert again.missing(IRIS, "truth") == [1, 2, 3, 4, 5]
    assert again.missing(IRIS, "search") == [0]
    assert again.missing(replace(IRIS, rows=1), "truth") == [0, 1, 2, 3, 4, 5]
    assert Measuring(journal, Settings(seed=2)).missing(IRIS, "truth") == [0, 1, 2, 3, 4, 5]
    assert journal.read()[0]["settings"] == asdict(Settings())


def test_other_series_are_left_out() -> None:
    """What another code or machine measured live is not mixed in; repeats have a series of their own."""
    old = search("credit", 50.0) | {"series": "old"}
    repeated = repeats("credit", 0, 1)[0] | {"series": "v"}
    found = runs.newest([old, repeated, *truth("credit", 100.0)])
    assert [each["series"] for each in found] == ["v"] + ["s"] * 6
    assert runs.newest([]) == []


def test_nothing_begins_after_the_budget(tmp_path: Path) -> None:
    """A go without time measures nothing and says how much is left: 1 + 6 + 1 + 100 of one model."""
    measuring = Measuring(Journal(tmp_path / "c.jsonl"), Settings(), deadline=0.0)
    assert runs.run(measuring, [IRIS], runs.PARTS, tmp_path) == 108
    assert not (tmp_path / "c.jsonl").exists()


def test_trials_are_kept_out_of_the_journal() -> None:
    """A truth of one second is refused before anything is measured, unless it goes elsewhere."""
    with pytest.raises(ConfigError, match="usual settings"):
        main(["run", "--truth-seconds", "1"])


def test_the_search_finds_the_capacity_of_a_virtual_queue() -> None:
    """Exponential services of 0.25 ms, 2 ms allowed: C* lies below mu - ln(1/eps)/X, by a third at most."""
    drawn = np.random.default_rng(0).exponential(0.00025, (200, 100))
    found = virtual.searched(drawn, Objective(0.002, 0.01), 100.0, 3)
    truth = 1 / drawn.mean() - math.log(100) / 0.002
    assert 0.66 * truth < found["rate"] < 1.02 * truth
    assert (found["bad_ratio"] < 0.01) == (found["rate"] < truth)
    assert 30 < found["seconds"] < 105


def test_the_share_of_a_long_run_is_the_closed_form() -> None:
    """Exponential services at 80 % of the load: e^-((mu - rate) X), to a tenth."""
    drawn = np.random.default_rng(0).exponential(0.001, (500, 100))
    rate = 0.8 / drawn.mean()
    share, requests = virtual.share_at(drawn, rate, Objective(0.02, 0.01), 0, longest=1_000_000)
    assert share == pytest.approx(math.exp(-0.02 * (1 / drawn.mean() - rate)), rel=0.1)
    assert requests in (500_000, 1_000_000)
