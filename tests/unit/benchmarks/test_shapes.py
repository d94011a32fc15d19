"""What the cores of a replica are worth: the order of turns, what is left, the page."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from benchmarks.capacity import models
from benchmarks.results import Journal
from benchmarks.shapes import page, runs
from benchmarks.shapes.runs import Settings

FACTS = {
    "series": "s", "code": "c0de", "commit": "abc", "seed": 1, "at": "2026-01-01T00:00:00Z",
    "machine": {"cpu": "A processor", "cores": 2},
}  # fmt: skip


def record(cores: int, number: int, **found: Any) -> dict[str, Any]:
    spec = {"name": "digits-kernel", "predictor": "scikit-learn", "rows": 1, "objective_seconds": 0.03}
    return {**FACTS, "model": spec["name"], "spec": spec, "cores": cores, "number": number, **found}


def test_shapes_of_a_model_are_measured_in_turns() -> None:
    """One core first in the first round, the most first in the second: what drifts meets both."""
    order = [(each.cores, each.number) for each in runs.turns(Settings(rounds=2, cores=2))]
    assert order[:2] == [(1, 0), (2, 0)]
    assert order[-2:] == [(2, 1), (1, 1)]
    assert len(order) == 2 * 2 * len(runs.MODELS)


def test_what_was_measured_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second go does what the first had no time for; a failure is a result."""
    asked = []

    def measured(turn: runs.Turn, _settings: Settings, _scratch: Path) -> dict[str, Any]:
        asked.append(turn.name)
        return {"failure": "no"} if turn.cores == 2 else {"rate": 10.0, "saturation_rate": 20.0}

    monkeypatch.setattr(runs, "_measured", measured)
    monkeypatch.setattr(runs, "MODELS", ("credit", "tickets"))
    journal, settings = Journal(tmp_path / "journal"), Settings(rounds=1, cores=2)
    assert runs.run(journal, settings, tmp_path, -math.inf) == 4
    assert asked == []
    assert runs.run(journal, settings, tmp_path, math.inf) == 0
    assert runs.run(journal, settings, tmp_path, math.inf) == 0
    assert asked == [("credit", 1, 0), ("credit", 2, 0), ("tickets", 1, 0), ("tickets", 2, 0)]
    assert len(journal.read()) == 4


def test_worth_is_the_ratio_of_each_round() -> None:
    """100 and 180 are 0.9 of as many of one core, 100 and 220 are 1.1; a round that failed says why."""
    records = [
        record(1, 0, rate=100.0, saturation_rate=120.0), record(2, 0, rate=180.0, saturation_rate=240.0),
        record(2, 1, rate=220.0, saturation_rate=230.0), record(1, 1, rate=100.0, saturation_rate=125.0),
        record(2, 2, failure="the sender was late"), record(1, 2, rate=100.0, saturation_rate=119.0),
    ]  # fmt: skip
    text = page.text(records)
    row = "| scikit-learn | 1 | 30 | 2 | 200 (180 to 220) | 235 (230 to 240) | 100 (90 to 110) |"
    assert f"{row} 1.00 (0.90 to 1.10) | 2 of 3 |" in text
    assert "| 1 | 100 (100 to 100) | 120 (119 to 125) | 100 (100 to 100) | 1 | 3 of 3 |" in text
    assert "- digits-kernel on 2, round 3: the sender was late" in text
    assert "| not run |" in page.text([])


def test_every_model_is_one_of_capacity() -> None:
    """Their names are found there."""
    assert {each.name for each in models.chosen(list(runs.MODELS))} == set(runs.MODELS)
