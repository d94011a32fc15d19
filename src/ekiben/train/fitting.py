"""Split the rows, fit the estimator, and say what it takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.config import Train
from ekiben.errors import ConfigError
from ekiben.serving.schema import Input, Output, Schema
from ekiben.train.frame import Data


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to fit on and rows held out."""

    train_rows: npt.NDArray[Any]
    test_rows: npt.NDArray[Any]
    train_labels: npt.NDArray[Any]
    test_labels: npt.NDArray[Any]


def split(data: Data, section: Train) -> Split:
    """Hold out `test_ratio` of the rows; strata are the labels where asked for.

    Raises:
        ConfigError: Too few rows for this split.
    """
    from sklearn.model_selection import train_test_split

    classes = data.labels.dtype.kind != "f"
    try:
        parts = train_test_split(
            data.rows,
            data.labels,
            test_size=section.test_ratio,
            random_state=section.seed,
            stratify=data.labels if section.stratify and classes else None,
        )
    except ValueError as error:
        raise ConfigError(
            f"the data cannot be split: {error}", remedy="give more rows, or set train.stratify: false"
        ) from error
    return Split(*parts)


def fit(estimator: Any, parts: Split, inputs: tuple[Input, ...], section: Train) -> Schema:
    """Fit an estimator in place.

    Args:
        estimator: Unfitted.
        parts: Rows to fit on and rows held out.
        inputs: Declarations of the columns.
        section: Where the estimator comes from, for messages.

    Returns:
        The schema of the fitted estimator.

    Raises:
        ConfigError: Not an estimator, or it cannot be fitted on these arrays.
    """
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        raise ConfigError(
            f"{section.estimator}: expected a scikit-learn estimator, found {type(estimator).__name__}"
        )
    try:
        estimator.fit(parts.train_rows, parts.train_labels)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{section.estimator}: cannot be fitted on an array of {parts.train_rows.shape}: {error}",
            remedy="address columns by position: estimators are fitted on arrays, a pod has no data frames",
        ) from error
    if not hasattr(estimator, "predict"):
        raise ConfigError(
            f"{section.estimator}: expected an estimator with predict, found {type(estimator).__name__}"
        )
    return Schema(inputs, _output(estimator))


def _output(estimator: Any) -> Output:
    from sklearn.base import is_classifier

    if not is_classifier(estimator):
        return Output("regression")
    classes = np.asarray(estimator.classes_)
    if classes.dtype.kind not in "iubUO":
        raise ConfigError(
            f"expected labels that are integers, truth values or strings, found {classes.dtype}"
        )
    return Output("classification", tuple(classes.tolist()), hasattr(estimator, "predict_proba"))
