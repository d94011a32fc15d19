"""The scalers in front of an estimator, as the very operations that scikit-learn makes, in its order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Operation = Literal["Sub", "Div", "Mul", "Add"]  # as ONNX names them

_APPLIED: Mapping[Operation, Callable[[Any, Any], Any]] = {
    "Sub": np.subtract,
    "Div": np.divide,
    "Mul": np.multiply,
    "Add": np.add,
}


class NoExactFormError(Exception):
    """An estimator, or a step before it, has no exact form; the text says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on every row.

    Attributes:
        operation: What is done.
        vector: With what, shape (inputs,).
    """

    operation: Operation
    vector: Vector


def peel(estimator: Any) -> tuple[tuple[Step, ...], Any]:
    """Take the scalers off an estimator.

    Args:
        estimator: Fitted; alone or the last step of a pipeline.

    Returns:
        What the scalers do, and the estimator behind them.

    Raises:
        NoExactFormError: A step is no scaler that is known here.
    """
    estimator = bare(estimator)
    if name_of(estimator) != "sklearn.pipeline.Pipeline":
        return (), estimator
    steps: list[Step] = []
    for _, transformer in estimator.steps[:-1]:
        if getattr(transformer, "clip", False):
            raise NoExactFormError(f"the step {type(transformer).__name__} clips")
        steps.extend(steps_of(transformer))
    inner, last = peel(estimator.steps[-1][1])
    return (*steps, *inner), last


def bare(estimator: Any) -> Any:
    """Give the estimator that answers for a search or another wrapper that hands rows on unchanged.

    Source: `predict` of sklearn/model_selection/_search.py and sklearn/frozen/_frozen.py.
    """
    while (attribute := _WRAPPERS.get(name_of(estimator))) is not None:
        estimator = getattr(estimator, attribute)
    return estimator


def name_of(estimator: Any) -> str:
    """Module and name of a class; a subclass is another class, which may answer otherwise."""
    kind = type(estimator)
    return f"{kind.__module__}.{kind.__qualname__}"


def apply(steps: Sequence[Step], rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Do the steps to rows of shape (rows, inputs)."""
    for step in steps:
        rows = _APPLIED[step.operation](rows, step.vector)
    return rows


def steps_of(transformer: Any) -> list[Step]:
    """Operations of one scaler.

    Source: `transform` of each in sklearn/preprocessing/_data.py.
    """
    if transformer is None or transformer == "passthrough":
        return []
    name = name_of(transformer)
    attributes = SCALERS.get(name)
    if attributes is None:
        raise NoExactFormError(f"the step {type(transformer).__name__} is no scaler")
    found: list[Step] = []
    for operation, attribute, flag in attributes:
        vector = getattr(transformer, attribute)
        if vector is not None and getattr(transformer, flag or "", True):
            found.append(Step(operation, np.asarray(vector, dtype=np.float64)))
    return found


_MODULE = "sklearn.preprocessing._data"
SCALERS: Mapping[str, tuple[tuple[Operation, str, str | None], ...]] = {
    f"{_MODULE}.StandardScaler": (("Sub", "mean_", "with_mean"), ("Div", "scale_", "with_std")),
    f"{_MODULE}.MinMaxScaler": (("Mul", "scale_", None), ("Add", "min_", None)),
    f"{_MODULE}.MaxAbsScaler": (("Div", "scale_", None),),
    f"{_MODULE}.RobustScaler": (("Sub", "center_", "with_centering"), ("Div", "scale_", "with_scaling")),
}
_WRAPPERS: Mapping[str, str] = {
    "sklearn.model_selection._search.GridSearchCV": "best_estimator_",
    "sklearn.model_selection._search.RandomizedSearchCV": "best_estimator_",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV": "best_estimator_",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV": "best_estimator_",
    "sklearn.frozen._frozen.FrozenEstimator": "estimator",
}
