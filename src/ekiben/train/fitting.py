"""Split the rows, fit the estimator, and say what it takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.config import Train
from ekiben.errors import ConfigError
from ekiben.serving.schema import Input, Output, Precision, Schema
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
    gaps = [place for place, each in enumerate(inputs) if each.missing == "nan"]
    _check_gaps(parts.train_rows, gaps, inputs)
    try:
        estimator.fit(parts.train_rows, parts.train_labels)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{section.estimator}: cannot be fitted on an array of {parts.train_rows.shape}: {error}",
            remedy="address columns by position: estimators are fitted on arrays, a pod has no data frames"
            + ("; and take missing: nan only for an estimator that accepts NaN" if gaps else ""),
        ) from error
    if not hasattr(estimator, "predict"):
        raise ConfigError(
            f"{section.estimator}: expected an estimator with predict, found {type(estimator).__name__}"
        )
    _check_missing(estimator, parts.train_rows, gaps, section)
    return Schema(inputs, _output(estimator), _precision(estimator, parts.train_rows, inputs))


def _precision(estimator: Any, rows: npt.NDArray[Any], inputs: tuple[Input, ...]) -> Precision:
    """Ask the estimator whether it answers the largest numbers of float64.

    Trees compare float32 and raise beyond it; sums and scalings of the largest numbers overflow.
    """
    reals = np.array([each.type == "float64" for each in inputs])
    largest = float(np.finfo(np.float64).max)
    extreme = np.repeat(rows[:1], 3, axis=0)
    signs = np.where(np.arange(reals.sum()) % 2, -1.0, 1.0)
    for row, sign in zip(extreme, (signs, np.abs(signs), -signs), strict=True):
        row[reals] = sign * largest
    try:
        with np.errstate(all="ignore"):
            answers = [np.asarray(estimator.predict(extreme))]
            if hasattr(estimator, "predict_proba"):
                answers.append(np.asarray(estimator.predict_proba(extreme)))
    except ValueError:
        return "float32"
    finite = all(np.isfinite(each).all() for each in answers if each.dtype.kind == "f")
    return "float64" if finite else "float32"


def _check_gaps(rows: npt.NDArray[Any], gaps: list[int], inputs: tuple[Input, ...]) -> None:
    """An estimator that saw no missing value in a column never learned what one means."""
    for place in gaps:
        if not np.isnan(rows[:, place].astype(np.float64)).any():
            raise ConfigError(
                f"train.inputs.{inputs[place].name}.missing: nan, but no row to fit on misses this value",
                remedy="set missing to refuse or value, or give rows with missing values",
            )


def _check_missing(estimator: Any, rows: npt.NDArray[Any], gaps: list[int], section: Train) -> None:
    """An estimator must answer where every value that may be missing is."""
    if not gaps:
        return
    row = rows[:1].copy()
    row[0, gaps] = np.nan
    try:
        estimator.predict(row)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{section.estimator}: does not answer a row with missing values: {error}",
            remedy="take missing: nan only for an estimator that accepts NaN",
        ) from error


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
