"""Rows of the comparison: where they lie, and that limits of float64 stand for casts to float32."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ekiben.artefact.forms import rows
from ekiben.artefact.forms.ensembles import ensemble_of, limits
from ekiben.artefact.forms.scaling import apply, peel
from ekiben.serving.schema import Input

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


def test_random_rows_lie_in_range_and_on_types() -> None:
    """Between smallest and largest value; whole numbers where the column holds such."""
    found = rows.within(INPUTS, KNOWN, 500, random())
    assert found.shape == (500, 3)
    assert (found >= KNOWN.min(axis=0)).all()
    assert (found <= KNOWN.max(axis=0)).all()
    assert set(found[:, 1].tolist()) == {0.0, 1.0}


def test_rows_on_the_resolution_of_the_known_ones() -> None:
    """A column of one decimal gives one decimal; a column without a resolution gives known values."""
    found = rows.as_known(INPUTS, KNOWN, 500, random())
    assert np.array_equal(found[:, 0], found[:, 0].round(1))
    assert len(set(found[:, 0].tolist())) > 40
    assert set(found[:, 2].tolist()) <= set(KNOWN[:, 2].tolist())


@pytest.mark.parametrize("scaled", [False, True])
def test_rows_beside_splits_surround_them(scaled: bool) -> None:
    """For every split there are rows that go left and rows that go right, nearer than float32 can tell."""
    scaler = StandardScaler(with_mean=scaled, with_std=scaled).fit(KNOWN)
    known = scaler.transform(KNOWN)
    steps, _ = peel(make_pipeline(scaler, LogisticRegression()))
    assert len(steps) == (2 if scaled else 0)
    found = ensemble_of(RandomForestClassifier(3, max_depth=3, random_state=0).fit(known, LABELS))
    beside = apply(steps, rows.beside_splits(found, steps, KNOWN, 5_000, random()))
    for tree in found.trees:
        for node in np.flatnonzero(tree.left >= 0):
            distance = beside[:, tree.feature[node]] - tree.limit[node]
            near = np.abs(distance) <= 1e-6 * max(abs(tree.limit[node]), 1e-3)
            assert (distance[near] <= 0).any()
            assert (distance[near] > 0).any()


def test_a_bounded_number_of_them() -> None:
    """Never more than asked for."""
    found = ensemble_of(RandomForestClassifier(30, random_state=0).fit(KNOWN, LABELS))
    assert len(rows.beside_splits(found, (), KNOWN, 100, random())) <= 100


def test_rows_beside_the_boundary_of_a_line() -> None:
    """The two sides of a line have different labels, and both are nearer than 1e-6."""
    line = LogisticRegression().fit(KNOWN, LABELS)
    found = rows.beside_boundaries(line.predict, KNOWN, 400, random())
    assert 50 < len(found) <= 400
    margin = line.decision_function(found)
    half = len(found) // 2
    assert (np.sign(margin[:half]) == -np.sign(margin[half:])).all()
    assert np.abs(margin).max() < 1e-6
    assert np.abs(margin).min() > 1e-12


def test_one_label_has_no_boundary() -> None:
    """Then there are no such rows."""
    assert len(rows.beside_boundaries(lambda given: np.zeros(len(given)), KNOWN, 100, random())) == 0
