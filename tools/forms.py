"""The table of exact forms: every kind of estimator fitted, converted and compared."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ekiben.artefact.forms.attempts import attempts
from ekiben.artefact.forms.parity import NUMBER_TOLERANCE, PROBABILITY_TOLERANCE
from ekiben.artefact.forms.proof import prove
from ekiben.serving.schema import Input, Output, Schema

_COUNT = 2_000  # rows of each comparison
_HEAD = "| estimator | folded | onnx | what else, and why not |\n|---|---|---|---|"


def table() -> str:
    """Fit each estimator, compare its forms with it, and write a line about each."""
    lines = [_HEAD]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits that are cut short, on purpose
        lines.extend(_line(name, estimator, *data) for name, estimator, data in _cases())
    return "\n".join(lines)


def _line(name: str, estimator: Any, rows: Any, labels: Any, inputs: tuple[Input, ...]) -> str:
    estimator.fit(rows, labels)
    output = Output("regression")
    if hasattr(estimator, "classes_"):
        classes = tuple(estimator.classes_.tolist())
        output = Output("classification", classes, hasattr(estimator, "predict_proba"))
    schema = Schema(inputs, output)
    found = prove(estimator, schema, rows, rows[:50], count=_COUNT, seed=0).document["forms"]
    made = attempts(estimator, schema, ())["onnx"].converted
    bits = made is not None and all(mark.tolerance == 0 for mark in made.marks)
    near = f"within {NUMBER_TOLERANCE if output.kind == 'regression' else PROBABILITY_TOLERANCE:g}"
    cells = {"folded": near, "onnx": "to the bit" if bits else near}
    shown = [cells[form] if each["kept"] else "-" for form, each in found.items()]
    reasons = {each["reason"]: form for form, each in found.items() if not each["kept"]}
    told = "; ".join(reasons) if not any(each["kept"] for each in found.values()) else ""
    if found["folded"]["kept"]:
        told = "the onnx form where `bento.forms` demands it"
    return f"| {name} | {' | '.join(shown)} | {told} |"


def _cases() -> Iterator[tuple[str, Any, Any]]:
    from sklearn import datasets

    iris = datasets.load_iris(return_X_y=True)
    diabetes = datasets.load_diabetes(return_X_y=True)
    yield from ((name, each, _numbers(iris)) for name, each in _classifiers())
    yield from ((name, each, _numbers(diabetes)) for name, each in _regressors())
    yield from ((name, each, _gaps(iris)) for name, each in _with_gaps())
    yield from ((name, each, _table()) for name, each in _with_strings())


def _numbers(data: Any) -> Any:
    rows, labels = data
    return rows, labels, tuple(Input(f"x{number}", "float64") for number in range(rows.shape[1]))


def _gaps(data: Any) -> Any:
    rows, labels, inputs = _numbers(data)
    missing = np.random.default_rng(1).uniform(size=rows.shape) < 0.1  # noqa: PLR2004
    return (
        np.where(missing, np.nan, rows),
        labels,
        tuple(Input(each.name, "float64", missing="nan") for each in inputs),
    )


def _table() -> Any:
    random = np.random.default_rng(2)
    rows = np.empty((300, 3), dtype=object)
    rows[:, 0] = random.choice(["red", "green", "blue"], 300)
    rows[:, 1] = random.normal(50, 10, 300).round(1).tolist()
    rows[:, 2] = random.integers(0, 5, 300).tolist()
    labels = ((rows[:, 0] == "red") * 8 + rows[:, 1].astype(float) > 55).astype(int)  # noqa: PLR2004
    return rows, labels, (Input("colour", "string"), Input("size", "float64"), Input("count", "int64"))


def _classifiers() -> Iterator[tuple[str, Any]]:
    from sklearn import calibration, ensemble, linear_model, naive_bayes, neighbors, neural_network, svm, tree
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import (
        MaxAbsScaler,
        MinMaxScaler,
        PolynomialFeatures,
        QuantileTransformer,
        RobustScaler,
        StandardScaler,
    )

    yield "LogisticRegression", linear_model.LogisticRegression()
    yield (
        "StandardScaler, LogisticRegression",
        make_pipeline(StandardScaler(), linear_model.LogisticRegression()),
    )
    yield "MinMaxScaler, LogisticRegression", make_pipeline(MinMaxScaler(), linear_model.LogisticRegression())
    yield (
        "MaxAbsScaler, RobustScaler, LinearSVC",
        make_pipeline(MaxAbsScaler(), RobustScaler(), svm.LinearSVC()),
    )
    yield "SGDClassifier(log_loss)", linear_model.SGDClassifier(loss="log_loss", random_state=0)
    yield "SGDClassifier(hinge)", linear_model.SGDClassifier(random_state=0)
    yield "SGDClassifier(modified_huber)", linear_model.SGDClassifier(loss="modified_huber", random_state=0)
    yield "RidgeClassifier", linear_model.RidgeClassifier()
    yield "LinearDiscriminantAnalysis", LinearDiscriminantAnalysis()
    yield (
        "PolynomialFeatures, StandardScaler, LogisticRegression",
        make_pipeline(PolynomialFeatures(), StandardScaler(), linear_model.LogisticRegression()),
    )
    yield "DecisionTreeClassifier", tree.DecisionTreeClassifier(random_state=0)
    yield "RandomForestClassifier", ensemble.RandomForestClassifier(20, random_state=0)
    forest = ensemble.RandomForestClassifier(20, random_state=0)
    yield "StandardScaler, RandomForestClassifier", make_pipeline(StandardScaler(), forest)
    yield "ExtraTreesClassifier", ensemble.ExtraTreesClassifier(20, random_state=0)
    yield "GradientBoostingClassifier", ensemble.GradientBoostingClassifier(n_estimators=5, random_state=0)
    yield "HistGradientBoostingClassifier", ensemble.HistGradientBoostingClassifier(max_iter=5)
    yield "MLPClassifier", neural_network.MLPClassifier((5,), max_iter=40, random_state=0)
    yield "GaussianNB", naive_bayes.GaussianNB()
    yield (
        "CalibratedClassifierCV(LinearSVC), sigmoid",
        calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=3),
    )
    yield (
        "CalibratedClassifierCV(RandomForestClassifier), isotonic",
        calibration.CalibratedClassifierCV(
            ensemble.RandomForestClassifier(10, random_state=0), method="isotonic", cv=3
        ),
    )
    yield "KNeighborsClassifier", neighbors.KNeighborsClassifier()
    yield "SVC", svm.SVC()
    yield (
        "QuantileTransformer, LogisticRegression",
        make_pipeline(QuantileTransformer(n_quantiles=20), linear_model.LogisticRegression()),
    )
    voters = [("tree", tree.DecisionTreeClassifier()), ("line", linear_model.LogisticRegression())]
    yield "VotingClassifier", ensemble.VotingClassifier(voters)


def _regressors() -> Iterator[tuple[str, Any]]:
    from sklearn import ensemble, linear_model, neural_network, svm, tree
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    yield "LinearRegression", linear_model.LinearRegression()
    yield "Ridge", linear_model.Ridge()
    yield "Lasso", linear_model.Lasso()
    yield "ElasticNet", linear_model.ElasticNet()
    yield "SGDRegressor", linear_model.SGDRegressor(random_state=0)
    yield "StandardScaler, LinearSVR", make_pipeline(StandardScaler(), svm.LinearSVR())
    yield "PolynomialFeatures, Ridge", make_pipeline(PolynomialFeatures(), linear_model.Ridge())
    yield "DecisionTreeRegressor", tree.DecisionTreeRegressor(max_depth=6, random_state=0)
    yield "RandomForestRegressor", ensemble.RandomForestRegressor(10, random_state=0)
    yield "GradientBoostingRegressor", ensemble.GradientBoostingRegressor(n_estimators=10, random_state=0)
    yield "HistGradientBoostingRegressor", ensemble.HistGradientBoostingRegressor(max_iter=10)
    yield "MLPRegressor", neural_network.MLPRegressor(hidden_layer_sizes=(5,), max_iter=40, random_state=0)


def _with_gaps() -> Iterator[tuple[str, Any]]:
    from sklearn import ensemble, linear_model
    from sklearn.impute import KNNImputer, SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

    line = linear_model.LogisticRegression(max_iter=500)
    yield (
        "missing values: SimpleImputer, LogisticRegression",
        make_pipeline(SimpleImputer(add_indicator=True), line),
    )
    bins = KBinsDiscretizer(quantile_method="averaged_inverted_cdf", subsample=None)
    yield (
        "missing values: SimpleImputer, KBinsDiscretizer, LogisticRegression",
        make_pipeline(SimpleImputer(), bins, line),
    )
    yield "missing values: KNNImputer, LogisticRegression", make_pipeline(KNNImputer(), line)
    forest = ensemble.RandomForestClassifier(10, random_state=0)
    yield "missing values: StandardScaler, RandomForestClassifier", make_pipeline(StandardScaler(), forest)
    yield (
        "missing values: HistGradientBoostingClassifier",
        ensemble.HistGradientBoostingClassifier(max_iter=5),
    )


def _with_strings() -> Iterator[tuple[str, Any]]:
    from sklearn import ensemble, linear_model, neural_network
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    def encoded() -> Any:
        return make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), [0]), (StandardScaler(), [1]), remainder="passthrough"
        )

    codes = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), [0]), remainder="passthrough"
    )
    start = "strings: ColumnTransformer(OneHotEncoder, StandardScaler), "
    yield (
        f"{start}LogisticRegression",
        make_pipeline(encoded(), linear_model.LogisticRegression(max_iter=500)),
    )
    yield (
        f"{start}RandomForestClassifier",
        make_pipeline(encoded(), ensemble.RandomForestClassifier(10, random_state=0)),
    )
    yield (
        f"{start}MLPClassifier",
        make_pipeline(encoded(), neural_network.MLPClassifier((4,), max_iter=40, random_state=0)),
    )
    yield (
        "strings: ColumnTransformer(OrdinalEncoder), HistGradientBoostingClassifier",
        make_pipeline(codes, ensemble.HistGradientBoostingClassifier(max_iter=5)),
    )
