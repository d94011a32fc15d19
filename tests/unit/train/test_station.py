from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ekiben import config
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.serving import artefact as reader
from ekiben.serving import predictors
from ekiben.serving.predictors import estimator
from ekiben.train import station

DATA = """
import numpy as np
import pandas as pd

def load():
    rows = np.random.default_rng(3).normal(size=(200, 2))
    return pd.DataFrame(rows, columns=["a", "b"]), pd.Series((rows.sum(axis=1) > 0).astype(int))

def load_words():
    features, labels = load()
    return features.assign(colour=["red", "blue"] * 100), labels

def load_numbers():
    features, _ = load()
    return features, features["a"] * 2 + 1

def load_few():
    features, labels = load()
    return features.iloc[:2], pd.Series([0, 1])

def load_gaps():
    features, labels = load()
    features.loc[::3, "a"] = np.nan
    return features, labels

def build_neighbours():
    from sklearn.neighbors import KNeighborsClassifier
    return KNeighborsClassifier()

def build_tree():
    from sklearn.tree import DecisionTreeClassifier
    return DecisionTreeClassifier(random_state=0)

def build_boosting():
    from sklearn.ensemble import HistGradientBoostingClassifier
    return HistGradientBoostingClassifier(max_iter=2, random_state=0)

def build_late():
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.tree import DecisionTreeClassifier
    class Late(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self
        def predict(self, X):
            if np.isnan(X).any():
                raise ValueError("no NaN, please")
            return np.zeros(len(X))
    return Late()

def build():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    return make_pipeline(StandardScaler(), LogisticRegression())

def build_regressor():
    from sklearn.linear_model import LinearRegression
    return LinearRegression()

def build_by_name():
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    return make_pipeline(make_column_transformer((OneHotEncoder(), ["colour"])), LogisticRegression())

def build_by_position():
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    return make_pipeline(
        make_column_transformer((OneHotEncoder(), [2]), remainder="passthrough", sparse_threshold=0),
        LogisticRegression(),
    )

def build_nothing():
    return object()


def build_own():
    from sklearn.base import BaseEstimator, ClassifierMixin
    class Own(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            import numpy
            self.classes_ = numpy.unique(y)
            return self
        def predict(self, X):
            return (X.sum(axis=1) > 0).astype(int)
    return Own()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one module, and a BentoML home of its own."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    (tmp_path / "shop.py").write_text(DATA)
    return tmp_path


def configured(bento: Any = None, **train: Any) -> config.ModelConfig:
    section = {
        "estimator": "shop:build",
        "data": "shop:load",
        "accept": {"min": 0.8},
        "golden_rows": 5,
        "parity_rows": 2_000,
        **train,
    }
    packed = {"service": "s:S", **(bento or {})}
    return config.parse(
        {"model": "shop", "train": section, "bento": packed, "image": {"repository": "shop"}}, "test"
    )


def test_what_training_leaves(project: Path) -> None:
    """Score, rows and golden answers are those of scikit-learn on the same split, seed by seed."""
    found = station.train(configured(seed=7), project)
    rows = np.random.default_rng(3).normal(size=(200, 2))
    labels = (rows.sum(axis=1) > 0).astype(int)
    train, test, known, asked = train_test_split(rows, labels, test_size=0.3, random_state=7, stratify=labels)
    expected = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, known)
    assert found.score == expected.score(test, asked)
    assert (found.metric, found.accepted_at_least, found.train_rows, found.test_rows) == (
        "accuracy",
        0.8,
        140,
        60,
    )
    artefact = reader.read(found.folder)
    assert (str(found.tag), artefact.sha256) == (f"shop:{artefact.version}", found.artefact_sha256)
    assert len(artefact.golden.instances) == 5
    held_out = test.tolist()
    for instance, prediction, probabilities in zip(
        artefact.golden.instances,
        artefact.golden.predictions,
        artefact.golden.probabilities or (),
        strict=True,
    ):
        row = [instance["a"], instance["b"]]
        assert row in held_out
        assert prediction == expected.predict([row])[0]
        assert probabilities == pytest.approx(expected.predict_proba([row])[0], rel=1e-12)


def test_the_card(project: Path) -> None:
    """The card says how good, on how many rows, of which data and with which parameters."""
    found = station.train(configured(), project)
    card = json.loads((found.folder / "card.json").read_text())
    assert card["score"] == found.score
    assert card["rows"] == {"train": 140, "test": 60}
    assert card["acceptance"] == {"metric": "accuracy", "min": 0.8}
    assert card["parameters"]["logisticregression__C"] == 1.0
    assert card["parameters"]["steps"][0][1] == "sklearn.preprocessing._data.StandardScaler"
    assert "0x" not in json.dumps(card["parameters"])


def test_training_again_gives_the_same_tag(project: Path) -> None:
    """Nothing is stored twice."""
    assert station.train(configured(), project) == station.train(configured(), project)
    assert len(list((project / "home" / "models" / "shop").glob("*/"))) == 1


def test_another_seed_gives_another_model(project: Path) -> None:
    """The seed is part of what a model is."""
    tags = {station.train(configured(seed=seed), project).tag for seed in (1, 2)}
    assert len(tags) == 2


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1_macro"])
def test_a_missed_criterion_stores_nothing(project: Path, metric: str) -> None:
    """The error names score and criterion, ends with 6, and the store stays empty."""
    with pytest.raises(
        AcceptanceError, match=rf"{metric} of at least 1 on 60 held-out rows, found 0\.9"
    ) as caught:
        station.train(configured(seed=3, accept={"metric": metric, "min": 1}), project)
    assert caught.value.exit_code == 6
    assert "train.accept.min" in caught.value.remedy
    assert not (project / "home").exists()


def test_regressors(project: Path) -> None:
    """A regressor has no classes, and its golden answers are numbers."""
    found = station.train(
        configured(
            estimator="shop:build_regressor", data="shop:load_numbers", accept={"metric": "r2", "min": 0.99}
        ),
        project,
    )
    artefact = reader.read(found.folder)
    assert artefact.schema.output.kind == "regression"
    assert artefact.golden.probabilities is None
    for instance, prediction in zip(artefact.golden.instances, artefact.golden.predictions, strict=True):
        assert prediction == pytest.approx(float(str(instance["a"])) * 2 + 1)


def test_last_digits_of_sums_do_not_stop_it(project: Path) -> None:
    """Where an array lies in memory decides the last digits of its product: read back, it lies elsewhere."""
    found = station.train(
        configured(
            estimator="shop:build_regressor", data="shop:load_numbers", accept={"metric": "r2", "min": 0.99}
        ),
        project,
    )
    judged = predictors.load(reader.read(found.folder, "scikit-learn")).estimator  # type: ignore[attr-defined]
    rows = np.array([[1.0, 2.0], [3.0, 5.0]])
    judged.coef_ = judged.coef_ * (1 + 1e-15)
    station._prove(found.folder, judged, rows)
    judged.coef_ = judged.coef_ * (1 + 1e-6)
    with pytest.raises(AcceptanceError, match="the stored estimator answers otherwise"):
        station._prove(found.folder, judged, rows)


def test_strings(project: Path) -> None:
    """Columns of strings are served from arrays of objects, addressed by position."""
    found = station.train(configured(estimator="shop:build_by_position", data="shop:load_words"), project)
    artefact = reader.read(found.folder)
    assert [each.type for each in artefact.schema.inputs] == ["float64", "float64", "string"]
    served = estimator.load(artefact.content(reader.ESTIMATOR))
    rows = np.array([list(row.values()) for row in artefact.golden.instances], dtype=object)
    assert served.predict(rows).tolist() == list(artefact.golden.predictions)


def test_what_answering_leaves_behind_is_not_stored(project: Path) -> None:
    """A tree of neighbours counts its calls: what is stored is the estimator as it was fitted."""
    asked = configured(estimator="shop:build_neighbours", bento={"formats": ["joblib"]})
    found = station.train(asked, project)
    kept = joblib.load(found.folder / "estimator.joblib")
    assert kept._tree.get_n_calls() == 0
    assert kept.predict([[2.0, 2.0], [-2.0, -2.0]]).tolist() == [1, 0]


GAPS = {"data": "shop:load_gaps", "inputs": {"a": {"missing": "nan"}}}


def test_missing_values(project: Path) -> None:
    """A model fitted with missing values says so, and its golden rows hold null and scikit-learn's answer."""
    found = station.train(
        configured(estimator="shop:build_tree", accept={"min": 0.6}, golden_rows=40, **GAPS), project
    )
    artefact = reader.read(found.folder)
    assert [each.missing for each in artefact.schema.inputs] == ["nan", "refuse"]
    served = estimator.load(artefact.content(reader.ESTIMATOR))
    rows = np.array([list(row.values()) for row in artefact.golden.instances], dtype=np.float64)
    assert 0 < np.isnan(rows[:, 0]).sum() < 40
    assert None in [row["a"] for row in artefact.golden.instances]
    assert served.predict(rows).tolist() == list(artefact.golden.predictions)
    reference = json.loads((found.folder / "reference.json").read_text())["inputs"]
    assert sum(reference["a"]["counts"]) + reference["a"]["missing"] == found.train_rows
    assert "missing" not in reference["b"]


def test_labelled_rows_are_held_out_rows_with_their_true_labels(project: Path) -> None:
    """As many as asked for, each as the data have it, with scikit-learn's score; none unless asked for."""
    asked = configured(estimator="shop:build_tree", accept={"min": 0.6}, **GAPS)
    plain = station.train(asked, project)
    assert not (plain.folder / "labelled.json").exists()
    observe = asked.observe.model_copy(update={"recheck": config.Recheck(rows=30)})
    found = station.train(asked.model_copy(update={"observe": observe}), project)
    document = json.loads((found.folder / "labelled.json").read_text())
    assert reader.read(found.folder).files.keys() - reader.read(plain.folder).files.keys() == {
        "labelled.json"
    }
    rows = np.array(document["rows"], dtype=np.float64)
    assert np.isnan(rows).any()
    drawn = np.random.default_rng(3).normal(size=(200, 2))
    known = {row[1]: int(row.sum() > 0) for row in drawn}
    assert document["labels"] == [known[value] for value in rows[:, 1]]
    held = train_test_split(drawn, test_size=0.3, random_state=0, stratify=drawn.sum(axis=1) > 0)[1]
    assert len(set(rows[:, 1])) == 30
    assert set(rows[:, 1]) <= set(held[:, 1])
    served = estimator.load(reader.read(found.folder).content(reader.ESTIMATOR))
    assert document["scores"]["accuracy"] == served.score(rows, document["labels"])


@pytest.mark.parametrize(
    ("build", "precision"), [("build_boosting", "float64"), ("build", "float32"), ("build_tree", "float32")]
)
def test_what_a_number_must_be_finite_as(project: Path, build: str, precision: str) -> None:
    """A scaler overflows and a tree raises on the largest float64; the schema accepts what is answered."""
    found = station.train(configured(estimator=f"shop:{build}", accept={"min": 0.6}), project)
    artefact = reader.read(found.folder)
    assert artefact.schema.precision == precision
    served = estimator.load(artefact.content(reader.ESTIMATOR))
    largest = float(np.finfo(precision).max)
    with np.errstate(all="ignore"):
        assert np.isfinite(served.predict_proba([[largest, -largest]])).all()
        if precision == "float32":
            with pytest.raises(ValueError, match="infinity or a value too large"):
                served.predict([[1.7976931348623157e308, -1.7976931348623157e308]])


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"estimator": "shop:build_nothing"}, "expected a scikit-learn estimator, found object"),
        ({"estimator": "shop:build_by_name", "data": "shop:load_words"}, "cannot be fitted on an array"),
        ({"estimator": "shop:build_own"}, "types that a pod does not build"),
        ({"data": "shop:load_few"}, "cannot be split"),
        ({"data": "shop:absent"}, "no function 'absent'"),
        ({"estimator": "absent:build"}, "cannot import absent"),
        (GAPS, "cannot be fitted .* NaN"),
        ({**GAPS, "estimator": "shop:build_late"}, "does not answer a row with missing values"),
        ({"inputs": {"a": {"missing": "nan"}}}, r"train\.inputs\.a\.missing: nan, but no row"),
        ({"inputs": {"c": {"range": [0, 1]}}}, "has no column c"),
    ],
)
def test_what_cannot_be_served_is_refused(project: Path, train: dict[str, Any], message: str) -> None:
    """Each ends as a configuration error that says what was expected, and stores nothing."""
    with pytest.raises(ConfigError, match=message):
        station.train(configured(**train), project)
    assert not (project / "home").exists()


def test_a_demanded_form_that_is_not_there_stores_nothing(project: Path) -> None:
    """A forest does not fold: training fails and says why."""
    with pytest.raises(
        AcceptanceError, match=r"exact form folded, which bento\.forms demands.*is not linear"
    ):
        station.train(configured(bento={"forms": ["folded"]}, estimator="shop:build_tree", seed=5), project)
    assert not list((project / "home").rglob("manifest.json"))


def test_a_demanded_form_answers(project: Path) -> None:
    """A linear model is served by ONNX Runtime where that is demanded."""
    found = station.train(configured(bento={"forms": ["onnx"]}, seed=5), project)
    assert reader.read(found.folder).predictor == "onnx"
    assert found.parity["forms"]["onnx"]["flips"] == 0
    assert sum(found.parity["rows"].values()) == 2_000


def test_a_smaller_estimator_is_what_is_judged_and_stored(project: Path) -> None:
    """Golden rows are the smaller one's own answers, and `parity.json` says what it cost."""
    asked = {"compression": {"float32": True}}
    found = station.train(configured(bento=asked, seed=5), project)
    kept = estimator.load((found.folder / "estimator.skops").read_bytes())
    assert np.array_equal(kept[-1].coef_, kept[-1].coef_.astype(np.float32))
    golden = json.loads((found.folder / "golden.json").read_text())
    rows = [[each["a"], each["b"]] for each in golden["instances"]]
    assert golden["probabilities"] == kept.predict_proba(rows).tolist()
    cost = json.loads((found.folder / "parity.json").read_text())["compression"]
    assert (cost["asked"], cost["score"]["after"]) == ({"float32": True}, found.score)
    with pytest.raises(ConfigError, match=r"bento\.compression\.trees"):
        station.train(configured(bento={"compression": {"trees": 3}}, seed=5), project)
