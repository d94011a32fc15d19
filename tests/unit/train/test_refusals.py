from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from tests.unit.train.shop import MODULE, configured

from ekiben.artefact import aliases
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.train import station


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and a BentoML home of its own."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    (tmp_path / "shop.py").write_text(MODULE)
    return tmp_path


def stored(project: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in (project / "home").rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"estimator": "shop:build_transformer"}, "without predict"),
        ({"estimator": "shop:build_unseeded"}, "fitted twice .* differs"),
        ({"estimator": "shop:build_late", "data": "shop:load_many"}, "fitted twice .* differs"),
        ({"estimator": "shop:build_fickle"}, "asked twice for the same 60 rows"),
        ({"estimator": "shop:build_lambda"}, "cannot write|types that a pod does not build"),
        ({"estimator": "shop:build_native_categories"}, "native categories.* hist.*__categorical_features"),
        ({"estimator": "shop:build_text"}, "cannot be fitted .*: AttributeError: .* 'lower'"),
        ({"estimator": "shop:build_clusterless"}, "found GridSearchCV without predict"),
        ({"estimator": "shop:Broken"}, r"KeyError: 'fit of mine'\n(.*\n)+.*shop\.py\", line \d+, in fit"),
        ({"estimator": "shop:Silent"}, r"KeyError: 'predict of mine'\n(.*\n)+.*shop\.py\", .*, in predict"),
        ({"estimator": "shop:Nameless"}, "expected a fitted classifier with classes_"),
        ({"data": "shop:load_one_class"}, "found 0 in all 200 rows"),
        ({"slices": ["colour"]}, r"train\.slices: no column colour; there are a, b"),
        ({"accept": {"metric": "r2", "min": 0}}, "r2 is not defined"),
        ({"search": {"parameters": {"C": [1]}}}, "has no C; it has .*logisticregression__C"),
        (
            {"search": {"parameters": {"logisticregression__C": [1, -1]}}},
            "a candidate cannot be fitted or scored",
        ),
    ],
)
def test_the_store_stays_as_it_was(project: Path, train: dict[str, Any], message: str) -> None:
    """What cannot be trained, stored or repeated is refused with its cause; no byte of the store changes."""
    station.train(configured(seed=9), project)
    before = stored(project)
    with pytest.raises(ConfigError, match=message):
        station.train(configured(**train), project)
    assert stored(project) == before


def test_a_search_inside_the_estimator_is_named_as_the_cause(project: Path) -> None:
    """scikit-learn's searches keep the times of their fits, so no two are equal: that is no missing seed."""
    with pytest.raises(ConfigError, match=r"fitted twice .* differs") as caught:
        station.train(configured(estimator="shop:build_search"), project)
    assert "train.search" in caught.value.remedy


def test_an_estimator_that_predicts_only_once_it_is_fitted(project: Path) -> None:
    """A stack's `predict` is that of its last part, which is made by `fit`: it is trained like any other."""
    folder = station.train(configured(estimator="shop:build_stack"), project).folder
    golden = json.loads((folder / "golden.json").read_bytes())
    rows = np.random.default_rng(3).normal(size=(200, 2))
    labels = (rows.sum(axis=1) > 0).astype(int)
    known, asked, known_labels, _ = train_test_split(
        rows, labels, test_size=0.3, random_state=0, stratify=labels
    )
    parts = [("a", LogisticRegression()), ("b", LogisticRegression(C=9))]
    own = StackingClassifier(parts, cv=2).fit(known, known_labels)
    places = [[each["a"], each["b"]] for each in golden["instances"]]
    assert golden["probabilities"] == pytest.approx(own.predict_proba(places), rel=1e-12)
    assert {tuple(each) for each in places} <= {tuple(each) for each in asked.tolist()}


def in_service(project: Path, **train: Any) -> None:
    """Train a model and let the alias name it."""
    tag = station.train(configured(**train), project).tag
    aliases.assign("shop", aliases.IN_SERVICE, tag, at=datetime.now(UTC), by="tester")


def test_without_a_model_in_service_there_is_nothing_to_compare(project: Path) -> None:
    """A first model is held to its own criterion alone."""
    assert station.train(configured(), project).in_service is None


def test_the_same_model_again_is_no_worse(project: Path) -> None:
    """The paired difference of a model to itself is nothing, and the rows are the same."""
    in_service(project)
    found = station.train(configured(), project).in_service
    assert found is not None
    assert found.gain is not None
    assert (found.gain.value, found.gain.low, found.gain.high, found.same_rows) == (0, 0, 0, True)


def test_a_worse_model_is_refused_though_it_meets_the_criterion(project: Path) -> None:
    """It names both, the difference and its interval, ends with 6 and stores nothing."""
    in_service(project)
    before = stored(project)
    poor = {"estimator": "shop:build_poor", "accept": {"min": 0.1}}
    with pytest.raises(
        AcceptanceError, match=r"no worse than shop:\w+ in service, found accuracy 0\.\d+ worse"
    ):
        station.train(configured(**poor), project)
    assert stored(project) == before
    wide = {**poor, "accept": {"min": 0.1, "margin": 1}}
    found = station.train(configured(**wide), project).in_service
    assert found is not None
    assert found.gain is not None
    assert found.gain.value < -0.2
    ignored = {**poor, "accept": {"min": 0.1, "in_service": "ignore"}}
    assert station.train(configured(**ignored), project).in_service is None


def test_a_model_with_other_inputs_cannot_be_compared(project: Path) -> None:
    """It is trained, and the reason given; where a comparison is required it is refused."""
    in_service(project)
    wider: dict[str, Any] = {"data": "shop:load_wider"}
    found = station.train(configured(**wider), project).in_service
    assert found is not None
    assert (found.gain, found.reason) == (None, "its inputs have other names, types or another order")
    with pytest.raises(AcceptanceError, match="cannot be compared with shop:"):
        station.train(configured(**wider, accept={"min": 0.5, "in_service": "require"}), project)


def test_what_is_in_service_does_not_show_in_the_artefact(project: Path) -> None:
    """The same data, code and seed give the same hash, whatever is in service."""
    first = station.train(configured(), project)
    in_service(project, seed=5)
    assert station.train(configured(), project).artefact_sha256 == first.artefact_sha256


def test_threads_do_not_show_in_the_artefact(project: Path) -> None:
    """`n_jobs` of the estimator and `jobs` of the search change no byte."""
    search = {"parameters": {"max_depth": [1, 2]}, "folds": 2}
    hashes = {
        station.train(
            configured(estimator=f"shop:{build}", search={**search, "jobs": jobs}), project
        ).artefact_sha256
        for build, jobs in (("build_forest", 1), ("build_forest_of_two_threads", 2))
    }
    assert len(hashes) == 1
