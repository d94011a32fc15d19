"""Metrics over many bootstrap resamples at once.

A resample is a row of weights: how often each held-out row was drawn. Sums of
weights give each metric for all resamples in a few matrix products; a thousand
calls of scikit-learn's functions take seconds per metric. The tests hold each
formula against scikit-learn's own on the very resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ekiben.train.metrics import Judged

Numbers = npt.NDArray[np.float64]
_CELLS = 2_000_000  # weights held at a time


def weights(units: npt.NDArray[Any], resamples: int, seed: int) -> Iterator[Numbers]:
    """Draw resamples with replacement.

    Args:
        units: What is drawn as one: shape (rows,), the same value for rows that go together.
        resamples: How many.
        seed: Of the draws.

    Yields:
        Times each row was drawn, shape (some resamples, rows).
    """
    _, member = np.unique(units, return_inverse=True)
    count = int(member.max()) + 1
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // len(member))
    for first in range(0, resamples, step):
        size = min(step, resamples - first)
        drawn = generator.integers(0, count, size=(size, count)) + np.arange(size)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        yield times[:, member].astype(np.float64)


def resampled(judged: Judged, resamples: int, seed: int) -> dict[str, Numbers]:
    """Give every metric on every resample, NaN where a resample does not define it; shape (resamples,)."""
    function = _of_classifier if judged.classes else _of_regressor
    return _over(function, judged, resamples, seed)


def by_class(judged: Judged, resamples: int, seed: int) -> dict[str, Numbers]:
    """Give precision, recall and F1 on every resample, shape (resamples, classes)."""
    return _over(of_classes, judged, resamples, seed)


def _over(
    function: Callable[[Judged, Numbers], dict[str, Numbers]], judged: Judged, resamples: int, seed: int
) -> dict[str, Numbers]:
    units = np.arange(len(judged.labels)) if judged.groups is None else judged.groups
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [function(judged, drawn) for drawn in weights(units, resamples, seed)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def of_classes(judged: Judged, drawn: Numbers) -> dict[str, Numbers]:
    """Precision, recall and F1 of each class under weights; NaN where their denominator is 0.

    Source: van Rijsbergen (1979), Information retrieval, chapter 7; F1 = 2 TP / (2 TP + FP + FN).
    """
    known = np.stack([judged.labels == label for label in judged.classes], axis=1).astype(np.float64)
    found = np.stack([judged.predictions == label for label in judged.classes], axis=1).astype(np.float64)
    hits, of_known, of_found = drawn @ (known * found), drawn @ known, drawn @ found
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": hits / of_found,
            "recall": hits / of_known,
            "f1": 2 * hits / (of_known + of_found),
        }


def _of_classifier(judged: Judged, drawn: Numbers) -> dict[str, Numbers]:
    rows = drawn.sum(axis=1)
    each = of_classes(judged, drawn)
    found = {
        "accuracy": drawn @ (judged.labels == judged.predictions).astype(np.float64) / rows,
        "balanced_accuracy": _mean(each["recall"]),
        "f1_macro": _mean(each["f1"]),
    }
    if judged.probabilities is None:
        return found
    given = np.asarray(judged.probabilities, dtype=np.float64)
    known = np.stack([judged.labels == label for label in judged.classes], axis=1)
    smallest = np.finfo(np.asarray(judged.probabilities).dtype).eps  # as scikit-learn clips them
    own = np.clip((given * known).sum(axis=1), smallest, 1 - smallest)
    squares = ((given - known) ** 2).sum(axis=1)
    two = known.shape[1] == 2  # noqa: PLR2004
    columns = [1] if two else range(known.shape[1])
    return {
        **found,
        "log_loss": drawn @ -np.log(own) / rows,
        "brier": drawn @ (squares / 2 if two else squares) / rows,
        "roc_auc": np.mean([_area(known[:, at], given[:, at], drawn) for at in columns], axis=0),
    }


def _of_regressor(judged: Judged, drawn: Numbers) -> dict[str, Numbers]:
    rows = drawn.sum(axis=1)
    known = np.asarray(judged.labels, dtype=np.float64)
    errors = known - np.asarray(judged.predictions, dtype=np.float64)
    centred = known - known.mean()  # squares of large numbers would cancel
    squares = drawn @ errors**2
    total = drawn @ centred**2 - (drawn @ centred) ** 2 / rows
    total[total <= 1e-12 * (drawn @ centred**2)] = np.nan  # one label only
    return {
        "mae": drawn @ np.abs(errors) / rows,
        "rmse": np.sqrt(squares / rows),
        "r2": 1 - squares / total,
    }


def _area(positive: npt.NDArray[np.bool_], scores: Numbers, drawn: Numbers) -> Numbers:
    """Area under the ROC curve: share of pairs that are ordered rightly, ties counted half.

    Source: Hanley and McNeil (1982), The meaning and use of the area under a receiver operating
    characteristic (ROC) curve.
    """
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    times = drawn[:, order]
    above = np.add.reduceat(times * positive[order], starts, axis=1)
    below = np.add.reduceat(times * ~positive[order], starts, axis=1)
    lower = np.cumsum(below, axis=1) - below
    pairs = above.sum(axis=1) * below.sum(axis=1)
    area: Numbers = (above * (lower + below / 2)).sum(axis=1) / pairs
    return area


def _mean(values: Numbers) -> Numbers:
    """Mean over the classes that a resample has."""
    there = ~np.isnan(values)
    found: Numbers = np.where(there, values, 0).sum(axis=1) / there.sum(axis=1)
    return found
