"""Linear models, with their scalers, as one matrix and one vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ekiben.artefact.forms.scaling import NoExactFormError, Step, name_of, peel
from ekiben.serving.predictors.linear import Linear
from ekiben.serving.predictors.outcome import Link
from ekiben.serving.schema import Schema

_PREFIX = "sklearn.linear_model."
# `predict` of these is X @ coef_ + intercept_. Source: sklearn/linear_model/_base.py, LinearModel.
_REGRESSORS = frozenset(
    {
        "sklearn.svm._classes.LinearSVR",
        *(
            _PREFIX + name
            for name in (
                "_base.LinearRegression",
                "_ridge.Ridge",
                "_ridge.RidgeCV",
                "_coordinate_descent.Lasso",
                "_coordinate_descent.LassoCV",
                "_coordinate_descent.ElasticNet",
                "_coordinate_descent.ElasticNetCV",
                "_least_angle.Lars",
                "_least_angle.LarsCV",
                "_least_angle.LassoLars",
                "_least_angle.LassoLarsCV",
                "_least_angle.LassoLarsIC",
                "_omp.OrthogonalMatchingPursuit",
                "_omp.OrthogonalMatchingPursuitCV",
                "_bayes.BayesianRidge",
                "_bayes.ARDRegression",
                "_huber.HuberRegressor",
                "_theil_sen.TheilSenRegressor",
                "_quantile.QuantileRegressor",
                "_stochastic_gradient.SGDRegressor",
            )
        ),
    }
)
# Links of the probabilities, of two classes and of more.
# Source: `predict_proba` of each; SGDClassifier only with log_loss.
_CLASSIFIERS: dict[str, tuple[Link, Link]] = {
    _PREFIX + "_logistic.LogisticRegression": ("sigmoid", "softmax"),
    _PREFIX + "_logistic.LogisticRegressionCV": ("sigmoid", "softmax"),
    _PREFIX + "_stochastic_gradient.SGDClassifier": ("sigmoid", "one-vs-rest"),
    _PREFIX + "_ridge.RidgeClassifier": ("greatest", "greatest"),
    _PREFIX + "_ridge.RidgeClassifierCV": ("greatest", "greatest"),
    _PREFIX + "_perceptron.Perceptron": ("greatest", "greatest"),
    "sklearn.svm._classes.LinearSVC": ("greatest", "greatest"),
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": ("sigmoid", "softmax"),
}
_OF_TWO = 2
LINEAR = _REGRESSORS | frozenset(_CLASSIFIERS)


def fold(estimator: Any, schema: Schema) -> Linear:
    """Fold an estimator.

    Args:
        estimator: Fitted.
        schema: What it takes and gives.

    Raises:
        NoExactFormError: It is not linear, or a step before it is no scaler.
    """
    if not schema.numeric:
        raise NoExactFormError("an input is a string")
    steps, last = peel(estimator)
    linear = unfolded(last, len(schema.inputs), schema)
    return Linear(*_folded(steps, linear.coefficients, linear.intercepts), linear.link)


def unfolded(last: Any, width: int, schema: Schema) -> Linear:
    """Take a linear estimator apart.

    Args:
        last: Fitted, without the steps before it.
        width: Columns that it takes.
        schema: What the whole estimator gives.

    Raises:
        NoExactFormError: It is not linear.
    """
    name = name_of(last)
    if name not in LINEAR:
        raise NoExactFormError(f"{type(last).__name__} is not linear")
    coefficients = np.asarray(last.coef_, dtype=np.float64).reshape(-1, width)
    scores = len(coefficients)
    intercepts = np.broadcast_to(np.asarray(last.intercept_, dtype=np.float64).ravel(), scores)
    return Linear(coefficients, np.array(intercepts), _link(name, last, schema))


def _folded(steps: Sequence[Step], coefficients: Any, intercepts: Any) -> tuple[Any, Any]:
    """Coefficients on what stands before the steps."""
    for step in reversed(steps):
        vector = step.vector
        if step.operation == "Sub":
            intercepts = intercepts - coefficients @ vector
        elif step.operation == "Add":
            intercepts = intercepts + coefficients @ vector
        elif step.operation == "Mul":
            coefficients = coefficients * vector
        else:
            coefficients = coefficients / vector
    return coefficients, np.array(intercepts)


def _link(name: str, last: Any, schema: Schema) -> Link:
    if name in _REGRESSORS:
        return "identity"
    if not schema.output.probabilities:
        return "greatest"
    if getattr(last, "loss", "log_loss") == "modified_huber":
        raise NoExactFormError("the loss modified_huber has probabilities by another formula")
    two, more = _CLASSIFIERS[name]
    return two if len(schema.output.classes or ()) == _OF_TWO else more
