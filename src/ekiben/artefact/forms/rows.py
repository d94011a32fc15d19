"""Rows on which forms of an estimator are compared: where they would differ if they did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.artefact.forms.ensembles import LEAF, Ensemble
from ekiben.artefact.forms.scaling import Step, apply, undo
from ekiben.serving.predictors.onnx import FLOAT32_OVERFLOW
from ekiben.serving.schema import Input

Rows = npt.NDArray[np.float64]
_MOST_DECIMALS = 12  # beyond that a column has no resolution of its own
_MISSING_RATIO = 0.1  # of the values that may be missing
_HALVINGS = 50
_BEYOND = 1e-9  # of the way between two rows; nearer ones are ties
_PER_SPLIT = 18  # values that `beside_splits` makes of one split


def within(inputs: Sequence[Input], known: Rows, count: int, random: np.random.Generator) -> Rows:
    """Random rows between the smallest and largest value of each column; some values that may be missing are.

    Args:
        inputs: Declarations of the columns.
        known: Training rows, shape (rows, inputs).
        count: How many.
        random: Source of randomness.
    """
    lowest, highest = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
    rows = random.uniform(lowest, highest, size=(count, known.shape[1]))
    for column, each in enumerate(inputs):
        if each.type != "float64":
            rows[:, column] = np.rint(rows[:, column])
        if each.missing == "nan":
            rows[random.uniform(size=count) < _MISSING_RATIO, column] = np.nan
    return rows


def as_known(inputs: Sequence[Input], known: Rows, count: int, random: np.random.Generator) -> Rows:
    """Random rows on the resolution of the training rows: there values fall onto thresholds.

    A column with more than 12 decimals has none; its values are drawn from the known ones.
    Arguments as for `within`.
    """
    rows = within(inputs, known, count, random)
    for column in range(known.shape[1]):
        present = known[~np.isnan(known[:, column]), column]
        decimals = _decimals(present)
        if decimals is None:
            missing = np.isnan(rows[:, column])
            rows[:, column] = np.where(missing, np.nan, random.choice(present, size=count))
        else:
            rows[:, column] = np.round(rows[:, column], decimals)
    return rows


def _decimals(column: Rows) -> int | None:
    for decimals in range(_MOST_DECIMALS + 1):
        if np.array_equal(np.round(column, decimals), column):
            return decimals
    return None


def beside_splits(
    ensemble: Ensemble, steps: Sequence[Step], known: Rows, count: int, random: np.random.Generator
) -> Rows:
    """Known rows with one value moved to a threshold and to its neighbours in float32 and float64.

    Args:
        ensemble: The trees.
        steps: What stands before them.
        known: Training rows, shape (rows, inputs).
        count: How many at most.
        random: Source of randomness.
    """
    inner = [tree.left != LEAF for tree in ensemble.trees]
    feature, threshold, limit = (
        np.concatenate([getattr(tree, name)[each] for tree, each in zip(ensemble.trees, inner, strict=True)])
        for name in ("feature", "threshold", "limit")
    )
    if len(feature) == 0:
        return known[:0]
    chosen = random.permutation(len(feature))[: max(1, count // _PER_SPLIT)]
    found = []
    for split in chosen:
        column = int(feature[split])
        values = _neighbours(threshold[split], limit[split])
        before = undo(steps, column, values)
        beside = np.concatenate([before, np.nextafter(before, -np.inf), np.nextafter(before, np.inf)])
        rows = known[random.integers(len(known), size=len(beside))].copy()
        rows[:, column] = beside
        found.append(rows)
    rows = np.concatenate(found)
    # A split of missing values from all others has an infinite threshold.
    beyond = np.abs(apply(steps, rows)) >= (FLOAT32_OVERFLOW if ensemble.float32 else np.inf)
    return rows[~beyond.any(axis=1)][:count]


def _neighbours(threshold: float, limit: float) -> Rows:
    """A threshold, the limit that stands for it, and the three float32 numbers around."""
    with np.errstate(over="ignore"):
        single = np.float32(threshold)
        around = [np.nextafter(single, np.float32(-np.inf)), single, np.nextafter(single, np.float32(np.inf))]
    return np.array([threshold, limit, np.nextafter(limit, np.inf), *around], dtype=np.float64)


def beside_boundaries(
    predict: Callable[[Rows], Any], known: Rows, count: int, random: np.random.Generator
) -> Rows:
    """Rows just beyond where an estimator's label changes, found by halving the way between two rows.

    Args:
        predict: The estimator's labels of rows.
        known: Training rows, shape (rows, inputs).
        count: How many at most.
        random: Source of randomness.
    """
    one, other = (known[random.integers(len(known), size=max(1, count // 2))] for _ in range(2))
    label = np.asarray(predict(one))
    different = label != np.asarray(predict(other))
    one, other, label = one[different], other[different], label[different]
    if len(one) == 0:
        return known[:0]
    near, far = np.zeros((len(one), 1)), np.ones((len(one), 1))
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        same = (np.asarray(predict(one + middle * (other - one))) == label)[:, None]
        near, far = np.where(same, middle, near), np.where(same, far, middle)
    return np.concatenate([one + (near - _BEYOND) * (other - one), one + (far + _BEYOND) * (other - one)])
