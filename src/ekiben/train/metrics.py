"""Metrics of answers against labels, each as scikit-learn defines it, with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ekiben.config.train import LOWER_IS_BETTER, Bootstrap
from ekiben.train import resampling, unanimous

Numbers = npt.NDArray[np.float64]
CLASSIFIER = ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss", "brier")
REGRESSOR = ("mae", "rmse", "r2")
# scikit-learn's names of the same metrics where a search compares: all of them the greater, the better.
# Source: https://scikit-learn.org/stable/modules/model_evaluation.html#string-name-scorers
SCORERS: Mapping[str, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "f1_macro": "f1_macro",
    "roc_auc": "roc_auc_ovr",
    "log_loss": "neg_log_loss",
    "brier": "neg_brier_score",
    "mae": "neg_mean_absolute_error",
    "rmse": "neg_root_mean_squared_error",
    "r2": "r2",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """Answers to rows whose labels are known.

    Attributes:
        labels: Shape (rows,).
        predictions: Shape (rows,).
        probabilities: Shape (rows, classes); None for a regressor, or a classifier that gives none.
        classes: Of the classifier, in the order of the probabilities; empty for a regressor.
        groups: Group of each row where rows of a group hang together; None if rows are independent.
    """

    labels: npt.NDArray[Any]
    predictions: npt.NDArray[Any]
    probabilities: Numbers | None = None
    classes: tuple[Any, ...] = ()
    groups: npt.NDArray[Any] | None = None

    def of(self, rows: npt.NDArray[Any]) -> Judged:
        """Answers to some of the rows, by mask or positions."""
        return Judged(
            self.labels[rows],
            self.predictions[rows],
            None if self.probabilities is None else self.probabilities[rows],
            self.classes,
            None if self.groups is None else self.groups[rows],
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and how far it could be from what these rows show.

    Attributes:
        value: On the rows.
        low: Lower bound.
        high: Upper bound.
        by: How the bounds were found: `resamples`; `exact`, where every resample says the same; `none`, where
            it does and nothing bounds the metric: the two are the value, and say nothing about other rows.
    """

    value: float
    low: float
    high: float
    by: Literal["resamples", "exact", "none"] = "resamples"


def judge(estimator: Any, rows: npt.NDArray[Any], labels: npt.NDArray[Any], groups: Any = None) -> Judged:
    """Ask a fitted estimator for rows whose labels are known."""
    from sklearn.base import is_classifier

    if not is_classifier(estimator):
        return Judged(labels, np.asarray(estimator.predict(rows)), groups=groups)
    probabilities = estimator.predict_proba(rows) if hasattr(estimator, "predict_proba") else None
    classes = tuple(np.asarray(estimator.classes_).tolist())
    return Judged(labels, np.asarray(estimator.predict(rows)), probabilities, classes, groups)


def value(metric: str, judged: Judged) -> float | None:
    """Value of one metric by scikit-learn.

    Args:
        metric: One of `CLASSIFIER` or `REGRESSOR`.
        judged: Answers and labels.

    Returns:
        None if these rows do not define it: no probabilities, or not every class among the labels (ROC AUC),
        or labels that do not vary (R2).
    """
    from sklearn import metrics

    known, found = judged.labels, judged.predictions
    if metric in ("roc_auc", "log_loss", "brier"):
        return _of_probabilities(metric, judged)
    if metric == "r2" and len(np.unique(known)) == 1:
        return None
    functions = {
        "accuracy": metrics.accuracy_score,
        # scikit-learn's own balanced accuracy warns of classes that are found and not there
        "balanced_accuracy": partial(metrics.recall_score, labels=np.unique(known), average="macro"),
        "f1_macro": partial(metrics.f1_score, average="macro", zero_division=0),
        "mae": metrics.mean_absolute_error,
        "rmse": metrics.root_mean_squared_error,
        "r2": metrics.r2_score,
    }
    return float(functions[metric](known, found))


def _of_probabilities(metric: str, judged: Judged) -> float | None:
    from sklearn import metrics

    if judged.probabilities is None:
        return None
    labels = list(judged.classes)
    if metric == "log_loss":
        return float(metrics.log_loss(judged.labels, judged.probabilities, labels=labels))
    two = len(labels) == 2  # noqa: PLR2004
    known, given = judged.labels, judged.probabilities
    if two:
        known, given = known == labels[1], given[:, 1]
    if metric == "brier":
        return float(metrics.brier_score_loss(known, given, labels=None if two else labels))
    if len(np.unique(judged.labels)) < len(labels):
        return None
    return float(metrics.roc_auc_score(known, given, multi_class="ovr", labels=None if two else labels))


def measure(judged: Judged, bootstrap: Bootstrap, seed: int) -> dict[str, Interval]:
    """Measure every metric that these rows define.

    The bounds are percentiles of the metric over resamples of the rows (of whole groups, where there are
    groups). Resamples that do not define a metric are left out of its interval. Where every resample says the
    same, the bounds are those of `unanimous`.

    Args:
        judged: Answers and labels.
        bootstrap: How many resamples, and which share of them the interval covers.
        seed: Of the resamples.

    Returns:
        Interval by metric.

    Source: Efron and Tibshirani (1993), An introduction to the bootstrap, chapter 13 (percentile
    interval); Field and Welsh (2007), Bootstrapping clustered data (whole groups).
    """
    names = CLASSIFIER if judged.classes else REGRESSOR
    values = {name: found for name in names if (found := value(name, judged)) is not None}
    drawn = resampling.resampled(judged, bootstrap.resamples, seed)
    return {name: _interval(name, each, drawn[name], judged, bootstrap) for name, each in values.items()}


def _interval(name: str, value: float, drawn: Numbers, judged: Judged, bootstrap: Bootstrap) -> Interval:
    low, high = bounds(drawn, bootstrap.confidence, value)
    if not unanimous.without_width(low, high, value):
        return Interval(value, low, high)
    exact = unanimous.bounds(name, value, judged, bootstrap.confidence)
    return Interval(value, value, value, "none") if exact is None else Interval(value, *exact, "exact")


def gain(metric: str, mine: Judged, other: Judged, bootstrap: Bootstrap, seed: int) -> Interval | None:
    """How much better one estimator is than another, by resampling the same rows for both.

    Args:
        metric: One that both define.
        mine: Answers of the one.
        other: Answers of the other to the same rows.
        bootstrap: How many resamples, and which share of them the interval covers.
        seed: Of the resamples.

    Returns:
        In units of the metric, above 0 is better; None if a metric is not defined by these answers.
    """
    own, known = value(metric, mine), value(metric, other)
    if own is None or known is None:
        return None
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    drawn = [resampling.resampled(each, bootstrap.resamples, seed)[metric] for each in (mine, other)]
    found = sign * (own - known)
    low, high = bounds(sign * (drawn[0] - drawn[1]), bootstrap.confidence, found)
    return Interval(found, low, high)


def bounds(drawn: Numbers, confidence: float, value: float) -> tuple[float, float]:
    """Percentiles of a resampled value; the value itself where no resample defines it."""
    defined = drawn[~np.isnan(drawn)]
    if not len(defined):
        return value, value
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def by_class(judged: Judged, bootstrap: Bootstrap, seed: int) -> list[dict[str, Any]]:
    """Measure precision, recall and F1 of each class; not of a regressor.

    Returns:
        One entry per class, in the order of the classes: `class`, `rows`, and three intervals (None where
        no row has, or got, that class).
    """
    if not judged.classes:
        return []
    drawn = resampling.by_class(judged, bootstrap.resamples, seed)
    exact = resampling.of_classes(judged, np.ones((1, len(judged.labels))))
    entries: list[dict[str, Any]] = []
    for place, label in enumerate(judged.classes):
        entry: dict[str, Any] = {"class": label, "rows": int((judged.labels == label).sum())}
        known = unanimous.of_class(judged, label, bootstrap.confidence)
        for name in ("precision", "recall", "f1"):
            own = float(exact[name][0, place])
            low, high = known.get(name) or bounds(drawn[name][:, place], bootstrap.confidence, own)
            how = "exact" if name in known else "resamples"
            entry[name] = None if np.isnan(own) else {"value": own, "low": low, "high": high, "by": how}
        entries.append(entry)
    return entries
