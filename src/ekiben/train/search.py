"""Parameters chosen by comparison: every combination, some at random, or by successive halving.

Source: Bergstra and Bengio (2012), Random search for hyper-parameter optimization; Jamieson and Talwalkar
(2016), Non-stochastic best arm identification and hyperparameter optimization (halving).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ekiben.config import Search, Train
from ekiben.config.train import Range
from ekiben.errors import ConfigError
from ekiben.train import exceptions, fitting, partition
from ekiben.train.metrics import SCORERS
from ekiben.train.partition import Split

Progress = Callable[[int, int | None], None]  # fits done, fits in all (None: not known beforehand)
_KEPT = 50  # candidates in the card


@dataclass(frozen=True, slots=True)
class Found:
    """What a search chose.

    Attributes:
        parameters: For `set_params`.
        document: What the card says of the search.
    """

    parameters: Mapping[str, Any]
    document: Mapping[str, Any]


def search(
    estimator: Any, split: Split, section: Train, asked: Search, progress: Progress | None = None
) -> Found:
    """Compare parameters on the validation rows, or by cross-validation on the rows to fit on.

    The held-out rows take no part. Scores do not depend on how many fits go on at a time.

    Args:
        estimator: Unfitted; it is left as it is.
        split: Parts of the data.
        section: Seed, and the metric that is accepted.
        asked: Of the section.
        progress: Told after each fit.

    Raises:
        ConfigError: A parameter that the estimator does not have, or a candidate that cannot be fitted.
    """
    import joblib
    from sklearn.base import clone

    tried = clone(estimator)
    fitting.without_jobs(tried)
    _check_names(tried, asked, section)
    folds, rows = _folds(split, section, asked)
    metric = asked.metric or section.accept.metric
    scorer = _Counting(SCORERS[metric], _total(asked, folds), progress)
    searcher = _searcher(tried, asked, folds, scorer, section.seed)
    labels = split.data.labels[rows]
    try:
        with fitting.steadily(), joblib.parallel_config("threading", n_jobs=asked.jobs):
            searcher.fit(split.data.rows[rows], labels)
    except Exception as error:  # of scikit-learn or of the user's own classes: any
        raise ConfigError(
            f"train.search: a candidate cannot be fitted or scored: {exceptions.text(error)}",
            remedy="leave these values out, or choose a metric that the estimator's answers define",
        ) from error
    return Found(searcher.best_params_, _document(searcher, asked, metric, split))


class _Counting:
    """A scorer that tells how many fits are done."""

    def __init__(self, name: str, total: int | None, progress: Progress | None) -> None:
        from sklearn.metrics import get_scorer

        self._scorer, self._total, self._progress = get_scorer(name), total, progress
        self._lock, self._done = threading.Lock(), 0

    def __call__(self, estimator: Any, rows: Any, labels: Any) -> float:
        found = float(self._scorer(estimator, rows, labels))
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, self._total)
        return found


def _searcher(estimator: Any, asked: Search, folds: Any, scorer: Any, seed: int) -> Any:
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    shared = {"scoring": scorer, "cv": folds, "refit": False, "error_score": "raise"}
    space = {name: _values(values) for name, values in asked.parameters.items()}
    if asked.method == "grid":
        return GridSearchCV(estimator, space, **shared)
    if asked.method == "random":
        return RandomizedSearchCV(estimator, space, n_iter=asked.candidates, random_state=seed, **shared)
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # scikit-learn's own switch
    from sklearn.model_selection import HalvingGridSearchCV

    return HalvingGridSearchCV(estimator, space, factor=asked.factor, random_state=seed, **shared)


def _values(values: tuple[Any, ...] | Range) -> Any:
    """Values of one parameter, or the distribution that they are drawn from."""
    from scipy import stats

    if isinstance(values, tuple):
        return list(values)
    low, high = values.low, values.high
    if isinstance(low, int) and isinstance(high, int):
        return _Logarithmic(low, high) if values.log else stats.randint(low, high + 1)
    return stats.loguniform(low, high) if values.log else stats.uniform(low, high - low)


class _Logarithmic:
    """Whole numbers, even on the logarithmic scale, as scikit-learn draws them."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high

    def rvs(self, random_state: Any = None) -> int:
        """Draw one."""
        drawn = random_state.uniform(np.log(self._low), np.log(self._high + 1))
        return min(int(np.exp(drawn)), self._high)


def _folds(split: Split, section: Train, asked: Search) -> tuple[Any, Any]:
    """Folds and the rows they divide; parted as the data were, so the task is as hard."""
    from sklearn import model_selection as models

    count, seed = asked.folds, section.seed
    if len(split.validation):
        rows = np.concatenate([split.train, split.validation])
        return models.PredefinedSplit([-1] * len(split.train) + [0] * len(split.validation)), rows
    rows = split.train
    if split.by == "time":
        moments = partition.moments(split.data, str(section.partition.column))[rows]
        return models.TimeSeriesSplit(count), rows[np.argsort(moments, kind="stable")]
    if split.by == "group":
        groups = split.data.aside[str(section.partition.column)][rows]
        return list(models.GroupKFold(count).split(rows, groups=groups)), rows
    if split.by == "stratified":
        return models.StratifiedKFold(count, shuffle=True, random_state=seed), rows
    return models.KFold(count, shuffle=True, random_state=seed), rows


def _total(asked: Search, folds: Any) -> int | None:
    if asked.method == "halving":
        return None
    sizes = [len(values) for values in asked.parameters.values() if isinstance(values, tuple)]
    every = int(np.prod(sizes)) if len(sizes) == len(asked.parameters) else asked.candidates
    candidates = every if asked.method == "grid" else min(every, asked.candidates)
    return candidates * (len(folds) if isinstance(folds, list) else int(folds.get_n_splits()))


def _check_names(estimator: Any, asked: Search, section: Train) -> None:
    known = estimator.get_params(deep=True)
    if unknown := sorted(set(asked.parameters) - set(known)):
        plain = [name for name, value in known.items() if not hasattr(value, "get_params")]
        raise ConfigError(
            f"train.search.parameters: {section.estimator} has no {', '.join(unknown)}; "
            f"it has {', '.join(sorted(plain))}",
            remedy="name parameters as scikit-learn's set_params does, e.g. logisticregression__C",
        )


def _document(searcher: Any, asked: Search, metric: str, split: Split) -> dict[str, Any]:
    from sklearn.model_selection import PredefinedSplit

    results = searcher.cv_results_
    order = np.argsort(results["rank_test_score"], kind="stable")
    sign = -1.0 if SCORERS[metric].startswith("neg_") else 1.0
    entries = [
        {
            "parameters": {name: _plain(value) for name, value in results["params"][at].items()},
            "mean": sign * float(results["mean_test_score"][at]),
            "std": float(results["std_test_score"][at]),
            **({"rows": int(results["n_resources"][at])} if "n_resources" in results else {}),
        }
        for at in order
    ]
    chosen = {name: _plain(value) for name, value in searcher.best_params_.items()}
    return {
        "method": asked.method,
        "metric": metric,
        "by": "validation rows" if len(split.validation) else f"{asked.folds} folds",
        "folds": 1 if isinstance(searcher.cv, PredefinedSplit) else asked.folds,
        "candidates": len(entries),
        "chosen": chosen,
        "best": entries[:_KEPT],
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
