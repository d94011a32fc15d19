from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

from ekiben.config import Train
from ekiben.errors import ConfigError
from ekiben.train import frame, insight, metrics, partition
from ekiben.train.metrics import Judged

SECTION = {"estimator": "a:b", "data": "a:c", "accept": {"min": 0}, "bootstrap": {"resamples": 100}}


def parts(*columns: str) -> tuple[Judged, partition.Split, Train, LogisticRegression]:
    section = Train.model_validate({**SECTION, "slices": columns, "ignore": ["shop"]})
    random = np.random.default_rng(0)
    features = pd.DataFrame(
        {"a": random.normal(size=300), "b": random.normal(size=300), "shop": random.choice(["x", "y"], 300)}
    )
    labels = (features["a"] + random.normal(0, 0.3, 300) > 0).astype(int)
    data = frame.read((features, labels), "data", aside=["shop"])
    split = partition.split(data, section, classifier=True)
    fitted = LogisticRegression().fit(split.train_rows, split.train_labels)
    return metrics.judge(fitted, split.test_rows, split.test_labels), split, section, fitted


def test_slices_are_measured_apart() -> None:
    """Each value of a column, or quarter of a number, has the metrics of its own rows."""
    judged, split, section, _ = parts("shop", "a")
    found = insight.slices(judged, split, section)
    shops = split.data.aside["shop"][split.test]
    assert [each["value"] for each in found["shop"]] == ["x", "y"]
    for each in found["shop"]:
        rows = shops == each["value"]
        assert each["rows"] == rows.sum()
        own = accuracy_score(judged.labels[rows], judged.predictions[rows])
        assert each["metrics"]["accuracy"]["value"] == pytest.approx(own)
    assert len(found["a"]) == 4
    assert sum(each["rows"] for each in found["a"]) == 90


def test_calibration_by_hand() -> None:
    """Four rows in two bins: the error is the mean distance of sureness and share of right answers."""
    given = np.array([[0.8, 0.2], [0.2, 0.8], [0.4, 0.6], [0.6, 0.4]])
    judged = Judged(np.array([0, 0, 1, 0]), given.argmax(axis=1), given, (0, 1))
    found = insight.calibration(judged)
    assert found is not None
    assert [(each["low"], each["rows"], each["right_ratio"]) for each in found["bins"]] == [
        (0.5, 2, 1.0),
        (0.7, 2, 0.5),
    ]
    assert found["expected_error"] == pytest.approx((2 * 0.4 + 2 * 0.3) / 4)
    assert insight.calibration(Judged(np.zeros(1), np.zeros(1))) is None


def test_importance_finds_the_column_that_matters() -> None:
    """Shuffling the column that makes the labels costs accuracy, another costs next to nothing."""
    _, split, section, fitted = parts()
    found = insight.importance(fitted, split, section)
    assert list(found) == ["a", "b"]
    assert found["a"]["mean"] > 0.3
    assert abs(found["b"]["mean"]) < 0.05


def test_a_slice_of_no_column() -> None:
    """The error lists the columns that there are."""
    judged, split, section, _ = parts("size")
    with pytest.raises(ConfigError, match="no column size; there are a, b, shop"):
        insight.slices(judged, split, section)
