"""Rows of the comparison: where they lie, and that limits of float64 stand for casts to float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ekiben.artefact.forms import rows
from ekiben.artefact.forms.ensembles import ensemble_of, limits
from ekiben.artefact.forms.population import Population, population_of
from ekiben.serving.schema import Input, Output, Schema

DRAW = np.random.default_rng(5)
KNOWN = np.column_stack([DRAW.uniform(0, 8, 80).round(1), DRAW.integers(0, 2, 80), DRAW.normal(size=80)])
LABELS = (KNOWN[:, 0] + KNOWN[:, 2] > 4).astype(int)
INPUTS = (Input("length", "float64"), Input("flag", "bool"), Input("noise", "float64"))


def random() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("scale", [1e-42, 1e-30, 1e-3, 1.0, 1e5, 1e30])
def test_a_limit_is_the_last_value_that_goes_left(scale: float) -> None:
    """At the limit `float32(value) <= threshold` holds, and at the next float64 it does not."""
    thresholds = np.concatenate([DRAW.normal(size=2_000), DRAW.normal(size=2_000).astype(np.float32)]) * scale
    thresholds = np.concatenate([thresholds, thresholds.astype(np.float32), [0.0, -0.0]])
    found = limits(thresholds)
    assert (found.astype(np.float32) <= thresholds).all()
    assert not (np.nextafter(found, np.inf).astype(np.float32) <= thresholds).any()


def population(predict: Callable[[Any], Any] = lambda rows: np.zeros(len(rows))) -> Population:
    return population_of(KNOWN, Schema(INPUTS, Output("regression")), predict)


def draw(thresholds: rows.Thresholds | None = None, label: Any = None, count: int = 4_000) -> rows.Draw:
    return rows.Draw(population(), KNOWN[:10], thresholds, label, count, 7)


def of(found: rows.Draw, origin: str) -> Any:
    """Rows of an origin alone."""
    parts = [(block, *found.rows(block)) for block in found.blocks()]
    return np.concatenate([given[:count] for block, given, count in parts if block.origin == origin])


def test_random_rows_lie_in_range_and_on_types() -> None:
    """Between smallest and largest value; whole numbers where the column holds such."""
    found = population().within(500, random())
    assert found.shape == (500, 3)
    assert (found >= KNOWN.min(axis=0)).all()
    assert (found <= KNOWN.max(axis=0)).all()
    assert set(found[:, 1].tolist()) == {0.0, 1.0}


def test_rows_on_the_resolution_of_the_known_ones() -> None:
    """A column of one decimal gives one decimal; a column without a resolution gives known values."""
    found = population()
    assert found.decimals == (1, 0, None)
    drawn = found.on_resolution(500, random())
    assert np.array_equal(drawn[:, 0], drawn[:, 0].round(1))
    assert len(set(drawn[:, 0].tolist())) > 40
    assert set(drawn[:, 2].tolist()) <= set(KNOWN[:, 2].tolist())


def test_a_half_on_the_resolution_and_a_quarter_beside_thresholds() -> None:
    """Blocks make up exactly the rows that were asked for, whatever the thresholds give."""
    line = LogisticRegression().fit(KNOWN, LABELS)
    for label in (None, line.predict):
        found = draw(label=label, count=20_001)
        counts = dict.fromkeys(rows.ORIGINS, 0)
        for block in found.blocks():
            counts[block.origin] += block.count
            assert len(found.rows(block)[0]) == block.count <= rows.BLOCK
        assert counts["resolution"] == 10_000
        assert counts["held out"] == 10
        assert counts["threshold"] == (0 if label is None else 5_000)
        assert sum(counts.values()) == 20_001


@pytest.mark.parametrize("scaled", [False, True])
def test_every_split_has_rows_on_both_sides_that_are_neighbours(scaled: bool) -> None:
    """Neighbours go left and right of each split; values at the float32 numbers around it are there."""
    scaler = StandardScaler(with_mean=scaled, with_std=scaled).fit(KNOWN)
    forest = RandomForestClassifier(3, max_depth=3, random_state=0).fit(scaler.transform(KNOWN), LABELS)
    sources = [frozenset({number}) for number in range(3)]
    thresholds = rows.thresholds_of(ensemble_of(forest), sources, scaler.transform)
    found = draw(thresholds)
    assert found.thresholds() == (len(thresholds.threshold),) * 2
    beside = of(found, "threshold")
    taken = scaler.transform(beside).astype(np.float32)
    reals = thresholds.column != 1  # a truth value has no neighbours
    for column, threshold in zip(thresholds.column[reals], thresholds.threshold[reals], strict=True):
        left = taken[:, column] <= threshold
        last, first = beside[left, column].max(), beside[~left, column].min()
        assert np.nextafter(last, np.inf) == first
        single = np.float32(threshold)
        for neighbour in (
            np.nextafter(single, np.float32(-np.inf)),
            np.nextafter(single, np.float32(np.inf)),
        ):
            assert (taken[:, column] == neighbour).any()


def test_rows_beside_the_boundary_of_a_line() -> None:
    """Two sides a billionth of the value beyond the boundary in each feature, solved for by hand."""
    line = LogisticRegression().fit(KNOWN, LABELS)
    found = of(draw(label=line.predict), "threshold")
    assert 200 < len(found) <= 1_000
    pairs = found.reshape(-1, 2, 3)
    beyond = 0
    for low, high in pairs:
        [moved] = np.flatnonzero(low != high)
        if moved == 1:
            assert (low[1], high[1]) == (0, 1)  # a truth value
            continue
        rest = line.coef_[0] @ low - line.coef_[0, moved] * low[moved] + line.intercept_[0]
        boundary = -rest / line.coef_[0, moved]
        assert low[moved] == pytest.approx(boundary, rel=2e-9)
        assert high[moved] == pytest.approx(boundary, rel=2e-9)
        beyond += high[moved] - low[moved] > 1e-9 * abs(boundary)
    assert 0.6 < beyond / len(pairs) < 0.9  # the others are the nearest there are


def test_one_label_has_no_boundary() -> None:
    """Then random rows stand instead."""
    assert len(of(draw(label=lambda given: np.zeros(len(given))), "threshold")) == 0


def test_blocks_can_be_drawn_in_any_order() -> None:
    """A block depends on the seed and its number alone."""
    found = draw(label=LogisticRegression().fit(KNOWN, LABELS).predict, count=20_000)
    blocks = list(found.blocks())
    forward = [found.rows(each)[0] for each in blocks]
    backward = [found.rows(each)[0] for each in reversed(blocks)][::-1]
    assert all(np.array_equal(one, other) for one, other in zip(forward, backward, strict=True))


def test_what_an_estimator_refuses_is_not_drawn() -> None:
    """A column in which it knows certain values alone gives these; strings come with strangers elsewhere."""
    table = np.array([["red", 1.0, "a"], ["blue", 2.0, "b"], ["red", 4.0, "a"]] * 4, dtype=object)
    inputs = (Input("colour", "string"), Input("size", "int64"), Input("kind", "string"))

    def predict(given: Any) -> Any:
        if not {*given[:, 0]} <= {"red", "blue"} or not {*given[:, 1]} <= {1, 2, 4}:
            raise ValueError("unknown")
        return np.zeros(len(given))

    found = population_of(table, Schema(inputs, Output("regression")), predict)
    assert found.closed == {0, 1}
    drawn = found.decode(found.on_resolution(300, random()))
    predict(drawn)
    assert {*drawn[:, 2]} > {"a", "b"}
    assert {type(each) for each in drawn[:, 1]} == {int}
    assert np.array_equal(found.decode(found.encode(table)), table)
