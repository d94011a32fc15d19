"""Random value sets in short, and that their generator and their page are what they say."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from pathlib import Path

import pytest
from tests.chart.conftest import CHART
from tests.torture.chart import batches, draw, outcomes, sets
from tests.torture.chart.outcomes import OURS, Batch, Score

SEED = 20261129


@pytest.mark.parametrize("first", range(0, 50, 5))
def test_random_values_are_taken(first: int) -> None:
    """Rendered, linted and valid in three minor versions."""
    found = batches.batch(batches.Schemas(), first, 5, SEED)
    assert found.errors == ()
    assert found.objects > 20


def test_a_set_is_its_seed() -> None:
    """The same number and seed draw the same set, another number another one."""
    assert sets.drawn(3, SEED) == sets.drawn(3, SEED)
    assert sets.drawn(3, SEED) != sets.drawn(4, SEED)


def test_the_sets_touch_every_value() -> None:
    """Each value of the schema is drawn within 100 sets."""
    touched: set[str] = set()
    for which in range(100):
        touched |= set(sets.paths(sets.drawn(which, SEED)))
    assert sets.leaves() - touched == set()


def test_texts_fit_their_patterns() -> None:
    """Every pattern of the schema is drawn from, and what is drawn fits it."""
    patterns = set(re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', (CHART / "values.schema.json").read_text()))
    chance = random.Random(SEED)  # noqa: S311
    assert len(patterns) > 15
    for pattern in map(json.loads, patterns):
        if "(?!" not in pattern:
            assert all(re.search(pattern, draw.text({"pattern": pattern}, chance)) for _ in range(50)), (
                pattern
            )


def test_a_batch_that_was_checked_again_counts_once(tmp_path: Path) -> None:
    """Its last result, in its place; one of another judge or seed is another."""
    first = Batch(0, 50, 1, "a", 9, ("set 7: no",), 3, "c", "2026-11-30T10:00:00+00:00", 1.0)
    again = dataclasses.replace(first, errors=(), started="2026-11-30T11:00:00+00:00")
    others = [dataclasses.replace(first, judge="API server"), dataclasses.replace(first, seed=2)]
    for one in (first, *others, again):
        outcomes.append(one, tmp_path / "chart.jsonl")
    assert outcomes.read(tmp_path / "chart.jsonl") == [*others, again]


def test_the_judges_have_seen_this_chart() -> None:
    """The recorded scores are of the chart as it is, and clean; else: `make score`."""
    last = {one.values: one for one in outcomes.read() if isinstance(one, Score) and one.chart == OURS}
    assert {one.code for one in last.values()} == {outcomes.scored_code()}
    assert [one.values for one in last.values() if not outcomes.clean(one)] == []
