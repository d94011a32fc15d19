"""Bounds of a metric where every resample of the rows says the same.

Rows without one mistake give resamples without one, and an interval without width claims to know what n rows
cannot show. What n independent rows do show is exact: had a share q of all rows a mistake, n rows without one
would be seen with probability (1 - q)^n, which is below (1 - confidence) / 2 for q above 1 - a, where
a = ((1 - confidence) / 2)^(1 / n). So a share of right answers is at least a.

The area under the ROC curve is the chance that a row of a class is ranked above a row of another. Of m rows
of the one and k of the others, min(m, k) pairs without a row in common are independent, so n is min(m, k).

The Brier score and the log loss (as scikit-learn clips it) of a row have a largest value, so their mean is at
most that value times 1 - a. Nothing bounds the error of a regression: its interval says that it has no width.

Source: Clopper and Pearson (1934), The use of confidence or fiducial limits; Obuchowski and Lieber (2002),
Confidence bounds when the estimated ROC area is 1.0; Hanley and Lippman-Hand (1983), If nothing goes wrong,
is everything all right? (the rule of three is the same bound, one-sided).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ekiben.train.metrics import Judged

_SAME = 1e-12  # relative; sums of one number many times differ in their last bits
_SHARES = ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc")


def without_width(low: float, high: float, value: float) -> bool:
    """Whether all resamples say the same."""
    return high - low <= _SAME * abs(value)


def limit(units: int, confidence: float) -> float:
    """Least share of right answers that n right ones of n leave possible, 0-1.

    Args:
        units: How many independent ones.
        confidence: Share of the two-sided interval, 0-1.
    """
    return float(((1 - confidence) / 2) ** (1 / units)) if units else 0.0


def bounds(name: str, value: float, judged: Judged, confidence: float) -> tuple[float, float] | None:
    """Exact bounds of a metric of which every resample gave the same value.

    Args:
        name: Of the metric.
        value: Of the metric.
        judged: Answers and labels.
        confidence: Share of the two-sided interval, 0-1.

    Returns:
        None if nothing but the value itself can be said.
    """
    if name in _SHARES:
        return _of_share(value, limit(_independent(name, judged), confidence))
    most = _most(name, judged)
    if most is None or value > _SAME * most:
        return None
    return value, most * (1 - limit(_units(judged, np.ones(len(judged.labels), dtype=bool)), confidence))


def of_class(judged: Judged, label: Any, confidence: float) -> dict[str, tuple[float, float]]:
    """Exact bounds of precision, recall and F1 of a class that are 0 or 1.

    F1 is the harmonic mean of the two. At 1 both have the same rows and the same bound, and so has F1; at 0
    it is greatest where precision is 1.

    Returns:
        Bounds by name; only of those that are 0 or 1.
    """
    known, answered = judged.labels == label, judged.predictions == label
    found: dict[str, tuple[float, float]] = {}
    for name, rows, hits in (("recall", known, answered), ("precision", answered, known)):
        share = float(hits[rows].mean()) if rows.any() else np.nan
        if share in (0.0, 1.0):
            least = limit(_units(judged, rows), confidence)
            found[name] = (least, 1.0) if share else (0.0, 1 - least)
    if found.get("recall", (0, 0))[1] == found.get("precision", (0, 0))[1] == 1.0:
        found["f1"] = found["recall"]
    elif found.get("recall", (1, 1))[0] == 0.0:
        most = found["recall"][1]
        found["f1"] = (0.0, 2 * most / (1 + most))
    return found


def _of_share(value: float, least: float) -> tuple[float, float] | None:
    if value >= 1 - _SAME:
        return least, 1.0
    return (0.0, 1 - least) if value <= _SAME else None


def _most(name: str, judged: Judged) -> float | None:
    """Largest value of one row; None if there is none."""
    if judged.probabilities is None:
        return None
    if name == "brier":
        return 1.0 if len(judged.classes) == 2 else 2.0  # noqa: PLR2004  # as scikit-learn scales it
    if name == "log_loss":
        return float(-np.log(np.finfo(np.asarray(judged.probabilities).dtype).eps))
    return None


def _independent(name: str, judged: Judged) -> int:
    """Independent rows, or pairs, behind a share; of the rarest class if it is a mean over classes.

    A mean is at least its least part, and all parts without a mistake are no likelier than any one of them.
    """
    every = np.ones(len(judged.labels), dtype=bool)
    if name == "accuracy":
        return _units(judged, every)
    masks = [judged.labels == label for label in np.unique(judged.labels)]
    if name != "roc_auc":
        return min(_units(judged, mask) for mask in masks)
    half = _units(judged, every) // 2  # a pair takes two groups
    return min(min(_units(judged, mask), _units(judged, ~mask), half) for mask in masks)


def _units(judged: Judged, rows: npt.NDArray[np.bool_]) -> int:
    """Rows, or groups of rows that hang together."""
    return int(rows.sum()) if judged.groups is None else len(np.unique(judged.groups[rows]))
