"""From rows to answers by the estimator itself, on one thread.

For a forest or a tree `predict` is the class with the greatest probability, so
one call of `predict_proba` gives both; where scikit-learn does not define it so
(a support vector machine, a nearest-neighbour vote) both are called.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ekiben.errors import ConfigError
from ekiben.serving.predictor import Answers
from ekiben.serving.schema import Schema
from ekiben.serving.validation import Rows

# Source: `predict` of these classes in scikit-learn 1.9: classes_.take(argmax(predict_proba)).
_ARGMAX = frozenset(
    {
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.ExtraTreeClassifier",
    }
)


class EstimatorPredictor:
    """scikit-learn's own estimator.

    Args:
        estimator: Fitted on arrays of the schema's width.
        schema: What it takes and gives.

    Raises:
        ConfigError: The estimator lacks what the schema promises.
    """

    name = "scikit-learn"

    def __init__(self, estimator: Any, schema: Schema) -> None:
        needed = "predict_proba" if schema.output.probabilities else "predict"
        if not hasattr(estimator, needed):
            raise ConfigError(f"expected an estimator with {needed}, found {type(estimator).__name__}")
        on_one_thread(estimator)
        self._estimator = estimator
        self._probabilities = schema.output.probabilities
        self._argmax = self._probabilities and _qualified(last_step(estimator)) in _ARGMAX

    @property
    def estimator(self) -> Any:
        """What answers."""
        return self._estimator

    def predict(self, rows: Rows) -> Answers:
        """Answer rows of shape (rows, inputs)."""
        if not self._probabilities:
            return Answers(np.asarray(self._estimator.predict(rows)), None)
        probabilities = self._estimator.predict_proba(rows)
        if self._argmax:
            return Answers(self._estimator.classes_.take(probabilities.argmax(axis=1)), probabilities)
        return Answers(np.asarray(self._estimator.predict(rows)), probabilities)


def on_one_thread(estimator: Any) -> None:
    """Set every `n_jobs` to 1: a replica is one process on about one core."""
    parameters = estimator.get_params(deep=True)
    estimator.set_params(**{key: 1 for key in parameters if key.rpartition("__")[2] == "n_jobs"})


def last_step(estimator: Any) -> Any:
    """Give the estimator that a pipeline ends with; any other is its own last step."""
    steps = getattr(estimator, "steps", None)
    return last_step(steps[-1][1]) if steps else estimator


def _qualified(estimator: Any) -> str:
    kind = type(estimator)
    return f"{kind.__module__}.{kind.__qualname__}"
