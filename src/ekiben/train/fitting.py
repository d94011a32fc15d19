"""Fit the estimator, and say what it takes and gives."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.config import Train
from ekiben.errors import ConfigError
from ekiben.serving.predictors.scikit_learn import last_step
from ekiben.serving.schema import Input, Output, Precision, Schema
from ekiben.train import exceptions, functions
from ekiben.train.partition import Split


@contextmanager
def steadily(jobs: int = 1) -> Iterator[None]:
    """Compute so that the number of cores and threads does not show in the result.

    A sum over threads has another last bit with another number of them. BLAS gets one thread; work that
    scikit-learn divides over `n_jobs` is the same for any number of them and gets `jobs`.

    Source: https://scikit-learn.org/stable/computing/parallelism.html
    """
    import joblib
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"), joblib.parallel_config(n_jobs=jobs):
        yield


def without_jobs(estimator: Any) -> int:
    """Take `n_jobs` out of an unfitted estimator: how it is computed is no part of what a model is.

    Returns:
        The greatest `n_jobs` found (-1 stands for all cores), 1 if there is none.
    """
    parameters = estimator.get_params(deep=True)
    given = {key: value for key, value in parameters.items() if key.rpartition("__")[2] == "n_jobs"}
    estimator.set_params(**dict.fromkeys(given))
    wanted = [value for value in given.values() if isinstance(value, int)]
    return -1 if any(value < 0 for value in wanted) else max(wanted, default=1)


def build(section: Train, project: Path) -> Any:
    """Build the unfitted estimator by the user's function.

    Raises:
        ConfigError: It is none, or has no `predict`.
    """
    estimator = functions.call(section.estimator, project)
    lacking = [name for name in ("fit", "get_params", "set_params") if not hasattr(estimator, name)]
    # Some have it once they are fitted: it is that of a part which is made then (StackingRegressor).
    if not hasattr(estimator, "predict") and not hasattr(type(last_step(estimator)), "predict"):
        lacking.append("predict")
    if isinstance(estimator, type) or lacking:
        raise _none(estimator, section, f" without {', '.join(lacking)}" if lacking else ", a class")
    _check_categories(estimator, section)
    return estimator


def _check_categories(estimator: Any, section: Train) -> None:
    """A tree that splits on categories follows a table of bits, which no pod checks, so none builds it."""
    for name, value in estimator.get_params(deep=True).items():
        if name.rpartition("__")[2] == "categorical_features" and not isinstance(value, str | None):
            raise ConfigError(
                f"{section.estimator}: expected no native categories, which no pod builds, found {name}",
                remedy="encode these columns before it (OneHotEncoder or OrdinalEncoder) and leave "
                "categorical_features out",
            )


def _none(estimator: Any, section: Train, lack: str) -> ConfigError:
    name = estimator.__name__ if isinstance(estimator, type) else type(estimator).__name__
    return ConfigError(
        f"{section.estimator}: expected a scikit-learn estimator, found {name}{lack}",
        remedy="return an unfitted classifier or regressor, or a Pipeline that ends with one",
    )


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
        ConfigError: It cannot be fitted on these arrays.
    """
    gaps = [place for place, each in enumerate(inputs) if each.missing == "nan"]
    _check_gaps(parts.train_rows, gaps, inputs)
    jobs = without_jobs(estimator)
    try:
        with steadily(jobs):
            estimator.fit(parts.train_rows, parts.train_labels)
    except Exception as error:  # of scikit-learn or of the user's own classes: any
        kind = "" if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: "
        raise ConfigError(
            f"{section.estimator}: cannot be fitted on an array of {parts.train_rows.shape}: "
            f"{kind}{exceptions.text(error)}",
            remedy=exceptions.OWN
            if exceptions.own_lines(error)
            else "; and ".join(_about_arrays(inputs, gaps)),
        ) from error
    asked = copied(estimator, section)
    if not hasattr(asked, "predict"):
        raise _none(asked, section, " without predict")
    _check_missing(asked, parts.train_rows, gaps, section)
    return Schema(inputs, _output(asked, section), _precision(asked, parts.train_rows, inputs))


def _about_arrays(inputs: tuple[Input, ...], gaps: list[int]) -> Iterator[str]:
    """What to look for where an estimator cannot be fitted."""
    yield "address columns by position: estimators are fitted on arrays, a pod has no data frames"
    if any(each.type == "string" for each in inputs):
        yield (
            "encode strings; a vectorizer of text takes one column as a list: "
            "ColumnTransformer([('text', TfidfVectorizer(), 0)])"
        )
    if gaps:
        yield "take missing: nan only for an estimator that accepts NaN"


def copied(estimator: Any, section: Train) -> Any:
    """Copy an estimator: what answering leaves in one (a tree of neighbours counts its calls) is not stored.

    Raises:
        ConfigError: It holds what cannot be copied.
    """
    try:
        return copy.deepcopy(estimator)
    except Exception as error:  # a user's class may raise anything
        raise ConfigError(
            f"{section.estimator}: the fitted estimator cannot be copied, so not stored either: {error}",
            remedy="let it hold data only: no open file, no lock, no generator",
        ) from error


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


def _output(estimator: Any, section: Train) -> Output:
    from sklearn.base import is_classifier

    if not is_classifier(estimator):
        return Output("regression")
    classes = np.asarray(getattr(estimator, "classes_", None))
    if classes.ndim != 1 or classes.dtype.kind not in "iubUO":
        raise ConfigError(
            f"{section.estimator}: expected a fitted classifier with classes_, one array of integers, truth "
            f"values or strings, found {classes.dtype} of shape {classes.shape}",
            remedy="convert the labels in the data function, and let fit set classes_",
        )
    return Output("classification", tuple(classes.tolist()), hasattr(estimator, "predict_proba"))
