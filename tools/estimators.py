"""The table of scikit-learn's estimators: what of each a pod reads, which exact forms it has, and why not.

Each is fitted twice, written, verified and read as a pod does, and answers as before.
"""

from __future__ import annotations

import inspect
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ekiben.artefact.form import estimator_bytes
from ekiben.artefact.forms import parity
from ekiben.artefact.forms.parity import Answered, Tally
from ekiben.artefact.forms.proof import Proven, prove
from ekiben.artefact.write import write
from ekiben.errors import EkibenError
from ekiben.serving import artefact as reader
from ekiben.serving import predictors
from ekiben.serving.predictors.trusted import TRUSTED
from ekiben.serving.schema import Input, Output, Schema

_COUNT = 1_000  # rows of each comparison
_FORMATS = ("skops", "joblib", "pickle")
_HEAD = "| estimator | a pod reads | exact forms | what else, and why not |\n|---|---|---|---|"
_SEVERAL = "it has several targets; a model that ekiben serves has one"
_TARGETS = frozenset(
    {
        "ClassifierChain", "MultiOutputClassifier", "MultiOutputRegressor", "MultiTaskElasticNet",
        "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV", "RegressorChain",
    }
)  # fmt: skip
_TWO_CLASSES = frozenset({"FixedThresholdClassifier", "TunedThresholdClassifierCV"})
# What makes a fit small, or possible at all, where an estimator has such a parameter.
_SMALL: Mapping[str, Any] = {
    "random_state": 0, "n_estimators": 5, "max_iter": 60, "n_components": 1, "outlier_label": "most_frequent",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of one estimator."""

    formats: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    told: str = ""


def table() -> str:
    """Fit each estimator that scikit-learn has, and write a line about each."""
    from sklearn.utils import all_estimators

    lines = [_HEAD]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits that are cut short, on purpose
        for name, kind in all_estimators(type_filter=["classifier", "regressor"]):
            found = _Found(told=_SEVERAL) if name in _TARGETS else _of(name, kind)
            formats, forms = ", ".join(found.formats) or "-", ", ".join(found.forms) or "-"
            lines.append(f"| {name} | {formats} | {forms} | {found.told} |")
    return "\n".join(lines)


def trusted() -> str:
    """Write a line about each type that a pod builds although skops alone would not."""
    rows = [f"| `{name.removeprefix('sklearn.')}` | {why} |" for name, why in TRUSTED.items()]
    return "\n".join(["| type, below `sklearn` | why it is safe to build |", "|---|---|", *rows])


def _of(name: str, kind: Any) -> _Found:
    rows, labels = _data(name, kind)
    try:
        estimator = _built(name, kind).fit(rows, labels)
        same = _bytes(estimator) == _bytes(_built(name, kind).fit(rows, labels))
        schema = _schema(estimator, rows)
        proven = prove(estimator, schema, rows, rows[:20], count=_COUNT, seed=0)
    except Exception as error:  # noqa: BLE001  # what an estimator says of rows or parameters
        return _Found(told=f"{type(error).__name__}: {_short(error)}")
    read = {each: _read(estimator, schema, rows, each) for each in _FORMATS}
    told = [] if not read["skops"] else [read["skops"]]
    if not same:
        told.append("two fits differ: training refuses it")
    formats = tuple(each for each, why in read.items() if not why)
    return _Found(formats, tuple(proven.contents), "; ".join(told))


def _bytes(estimator: Any) -> bytes:
    """An estimator's own bytes, before it has answered anything: that leaves counters in some."""
    try:
        return estimator_bytes(estimator)
    except EkibenError:
        return b""


def _read(estimator: Any, schema: Schema, rows: Any, stored: str) -> str:
    """Why a pod does not read it from a format, or answers otherwise then; nothing if it does."""
    probabilities = np.asarray(estimator.predict_proba(rows)) if schema.output.probabilities else None
    expected = Answered(
        np.asarray(estimator.predict(rows)),
        probabilities,
        parity.tied(estimator, rows, probabilities, schema),
    )
    golden = {
        "format": 1,
        "instances": [dict(zip([each.name for each in schema.inputs], rows[0].tolist(), strict=True))],
        "predictions": expected.predictions[:1].tolist(),
        "probabilities": None if probabilities is None else probabilities[:1].tolist(),
        "relative_tolerance": 1e-9,
    }
    with tempfile.TemporaryDirectory() as folder:
        try:
            write(
                Path(folder), "any", estimator, schema,
                golden=golden, reference={}, card={}, proven=Proven({}, {"forms": {}}), formats=(stored,),
            )  # fmt: skip
            # A signature and the policy give this leave in a pod.
            found = replace(reader.read(Path(folder), "scikit-learn"), may_unpickle=True)
            answers = predictors.load(found).predict(rows)
        except EkibenError as error:
            return _short(error)
    regression = schema.output.kind == "regression"
    tally = Tally(float(np.std(expected.predictions)) if regression else 0.0, regression)
    tally.add(expected, Answered(answers.predictions, answers.probabilities), rows, ["known"] * len(rows))
    return tally.reason or ""


def _built(name: str, kind: Any) -> Any:
    from sklearn.base import ClassifierMixin
    from sklearn.linear_model import LinearRegression, LogisticRegression

    inner = LogisticRegression() if issubclass(kind, ClassifierMixin) else LinearRegression()
    given: dict[str, Any] = {}
    names = inspect.signature(kind).parameters
    if "estimators" in names:
        given["estimators"] = [("one", inner), ("two", inner)]
    elif "estimator" in names and (
        name in _TWO_CLASSES or name.startswith(("One", "Output", "SelfTraining"))
    ):
        given["estimator"] = inner
    if name != "OrthogonalMatchingPursuitCV":  # its max_iter counts columns
        given |= {key: value for key, value in _SMALL.items() if key in names}
    return kind(**given)


def _data(name: str, kind: Any) -> tuple[Any, Any]:
    from sklearn import datasets
    from sklearn.base import ClassifierMixin

    if issubclass(kind, ClassifierMixin):
        rows, labels = datasets.load_iris(return_X_y=True)
        return (rows[:100:2], labels[:100:2]) if name in _TWO_CLASSES else (rows[::2], labels[::2])
    rows, labels = datasets.load_diabetes(return_X_y=True)
    return rows[:90, : 1 if name == "IsotonicRegression" else None], labels[:90]


def _schema(estimator: Any, rows: Any) -> Schema:
    inputs = tuple(Input(f"x{number}", "float64") for number in range(rows.shape[1]))
    if not hasattr(estimator, "classes_"):
        return Schema(inputs, Output("regression"))
    classes = tuple(estimator.classes_.tolist())
    return Schema(inputs, Output("classification", classes, hasattr(estimator, "predict_proba")))


def _short(error: Exception) -> str:
    return str(error).splitlines()[0].partition(". ")[0].replace("|", "/").strip()
