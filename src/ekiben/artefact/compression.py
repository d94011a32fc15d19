"""Make a fitted estimator smaller, and measure what that costs.

It is another estimator afterwards: it is judged, gets its golden rows and its exact forms like any other.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.artefact.form import estimator_bytes
from ekiben.artefact.forms.attempts import attempts
from ekiben.artefact.forms.folded import LINEAR
from ekiben.artefact.forms.parity import decade
from ekiben.artefact.forms.scaling import bare, name_of
from ekiben.config import Compression
from ekiben.errors import ConfigError
from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
from ekiben.serving.schema import Schema

_SIGNIFICAND = 53  # bits of float64
_CALLS = 100  # of one row, to time it
_FORESTS = tuple(
    f"sklearn.ensemble._forest.{name}{kind}"
    for name in ("RandomForest", "ExtraTrees")
    for kind in ("Classifier", "Regressor")
)
_TREES = tuple(
    f"sklearn.tree._classes.{name}{kind}"
    for name in ("DecisionTree", "ExtraTree")
    for kind in ("Classifier", "Regressor")
)
_BOOSTED = tuple(f"sklearn.ensemble._gb.GradientBoosting{kind}" for kind in ("Classifier", "Regressor"))
_HISTOGRAMS = tuple(
    f"sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoosting{kind}"
    for kind in ("Classifier", "Regressor")
)

Loss = Callable[[Any, Any], Mapping[str, float]]  # from the estimator and the smaller one


@dataclass(frozen=True, slots=True)
class Compressed:
    """A smaller estimator.

    Attributes:
        estimator: It; the one that was given is as it was.
        document: What was asked for, and what it costs: no figure that depends on the machine.
        seconds: Time of one row alone, by `before` and `after`, in the form that would serve.
    """

    estimator: Any
    document: Mapping[str, Any]
    seconds: Mapping[str, float] = field(compare=False)


def compress(
    estimator: Any,
    asked: Compression,
    schema: Schema,
    rows: npt.NDArray[Any],
    loss: Loss,
) -> Compressed:
    """Make an estimator smaller and compare it with what it was.

    Args:
        estimator: Fitted.
        asked: What to do.
        schema: What it takes and gives.
        rows: Rows it was not fitted on, shape (rows, inputs).
        loss: Gives the score of both (`before`, `after`), and what is `lost` with the bounds of its interval
            (`low`, `high`; above 0 is worse).

    Raises:
        ConfigError: The estimator is none that this can be done to.
    """
    smaller = smaller_of(estimator, asked)
    before, after = np.asarray(estimator.predict(rows)), np.asarray(smaller.predict(rows))
    document = {
        "asked": asked.model_dump(exclude_defaults=True),
        "rows": len(rows),
        "score": dict(loss(estimator, smaller)),
        "flips": int((before != after).sum()) if schema.output.kind == "classification" else None,
        "largest_difference": decade(_largest(estimator, smaller, rows, schema)),
        "bytes": {"before": _sizes(estimator, schema), "after": _sizes(smaller, schema)},
    }
    seconds = {
        name: _one_row(each, schema, rows) for name, each in (("before", estimator), ("after", smaller))
    }
    return Compressed(smaller, document, seconds)


def smaller_of(estimator: Any, asked: Compression) -> Any:
    """Copy an estimator and make the copy smaller.

    Raises:
        ConfigError: The estimator is none that this can be done to.
    """
    found = copy.deepcopy(estimator)
    last = bare(found)
    while name_of(last) == "sklearn.pipeline.Pipeline":
        last = bare(last.steps[-1][1])
    steps: tuple[tuple[bool, Callable[[], None]], ...] = (
        (asked.trees is not None, lambda: _fewer(last, asked.trees or 1)),
        (asked.ccp_alpha > 0, lambda: _prune(last, asked.ccp_alpha)),
        (asked.leaf_bits is not None, lambda: _quantise(last, asked.leaf_bits or _SIGNIFICAND)),
        (asked.float32, lambda: _single(last)),
    )
    for wanted, act in steps:
        if wanted:
            act()
    return found


def _fewer(last: Any, count: int) -> None:
    """Keep the first trees, or stages."""
    name = name_of(last)
    stages = last._predictors if name in _HISTOGRAMS else getattr(last, "estimators_", ())  # noqa: SLF001 - no public name
    if name not in (*_FORESTS, *_BOOSTED, *_HISTOGRAMS) or count >= len(stages):
        raise _refused(
            last, "trees", f"an ensemble of more than {count} trees or stages, found {len(stages)}"
        )
    if name in _HISTOGRAMS:
        last._predictors = stages[:count]  # noqa: SLF001 - no public name
        last.set_params(max_iter=count)
        return
    last.estimators_ = stages[:count]
    last.set_params(n_estimators=count)
    if name in _BOOSTED:
        last.n_estimators_ = count
        last.train_score_ = last.train_score_[:count]


def _prune(last: Any, alpha: float) -> None:
    """Cut branches whose gain is at most alpha per leaf.

    Source: Breiman et al., Classification and Regression Trees, 1984, chapter 3, by scikit-learn's own
    `_prune_tree`. In a boosting the inner nodes hold no values that could stand for a branch.
    """
    if name_of(last) not in (*_FORESTS, *_TREES):
        raise _refused(last, "ccp_alpha", "a tree or a forest")
    for tree in getattr(last, "estimators_", [last]):
        tree.set_params(ccp_alpha=alpha)
        tree._prune_tree()  # noqa: SLF001 - it runs at the end of `fit`, and has no public name
    last.set_params(ccp_alpha=alpha)


def _quantise(last: Any, bits: int) -> None:
    """Round the values of leaves to so many bits."""
    name = name_of(last)
    if name in _HISTOGRAMS:
        for stage in last._predictors:  # noqa: SLF001 - no public name
            for part in stage:
                part.nodes["value"] = rounded(part.nodes["value"], bits)
        return
    if name not in (*_FORESTS, *_TREES, *_BOOSTED):
        raise _refused(last, "leaf_bits", "trees")
    for tree in np.ravel(getattr(last, "estimators_", [last])):
        tree.tree_.value[...] = rounded(tree.tree_.value, bits)


def _single(last: Any) -> None:
    """Round coefficients to float32; they stay float64, so that sums are as exact as before."""
    if name_of(last) not in LINEAR:
        raise _refused(last, "float32", "a linear estimator")
    for name in ("coef_", "intercept_"):
        values = np.asarray(getattr(last, name))
        setattr(last, name, values.astype(np.float32).astype(values.dtype))


def rounded(values: npt.NDArray[np.float64], bits: int) -> npt.NDArray[np.float64]:
    """Round to so many bits of the significand, halves to even."""
    fraction, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits))


def _refused(last: Any, name: str, expected: str) -> ConfigError:
    return ConfigError(
        f"bento.compression.{name}: expected {expected}; the estimator is {type(last).__name__}",
        remedy=f"take bento.compression.{name} out",
    )


def _largest(estimator: Any, smaller: Any, rows: Any, schema: Schema) -> float:
    if schema.output.kind == "classification" and not schema.output.probabilities:
        return 0.0
    name = "predict_proba" if schema.output.probabilities else "predict"
    one, other = (np.asarray(getattr(each, name)(rows)) for each in (estimator, smaller))
    return float(np.abs(one - other).max())


def _sizes(estimator: Any, schema: Schema) -> dict[str, int]:
    """Bytes of the estimator's file and of its forms'."""
    found = {"scikit-learn": len(estimator_bytes(estimator))}
    for form, each in attempts(estimator, schema, ()).items():
        if each.content is not None:
            found[form] = len(each.content)
    return found


def _one_row(estimator: Any, schema: Schema, rows: Any) -> float:
    """Median time of one row in the form that would serve, seconds."""
    forms = [
        each.predictor for each in attempts(estimator, schema, ()).values() if each.predictor is not None
    ]
    predictor = forms[0] if forms else EstimatorPredictor(copy.deepcopy(estimator), schema)
    spent = []
    for number in range(_CALLS):
        started = time.perf_counter()
        predictor.predict(rows[number % len(rows)][None])
        spent.append(time.perf_counter() - started)
    return float(np.median(spent))
