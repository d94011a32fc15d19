from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.unit.train.shop import MODULE, configured

from ekiben import config
from ekiben.config import Train
from ekiben.train import frame, pages, partition, profile, report

SECTION = Train.model_validate({"estimator": "a:b", "data": "a:c", "accept": {"min": 0}})


def described(features: Any, labels: Any, **section: Any) -> dict[str, Any]:
    return profile.profile(features, labels, SECTION.model_copy(update=section), classifier=True)


def test_missing_constant_and_types() -> None:
    """Each column says how many values it lacks, how many differ, and what they are."""
    features = pd.DataFrame(
        {"n": [1.0, None, 3.0, 3.0], "c": [7] * 4, "t": ["x", None, None, "y"], "b": [True, False] * 2}
    )
    columns = described(features, [0, 1, 0, 1])["columns"]
    found = [(each["type"], each["missing"], each["distinct"], each["constant"]) for each in columns]
    assert found == [
        ("number", 1, 2, False),
        ("number", 0, 1, True),
        ("text", 2, 2, False),
        ("truth value", 0, 2, False),
    ]
    assert columns[0]["quantiles"] == {"min": 1, "q1": 2, "median": 3, "q3": 3, "max": 3}
    assert columns[2]["values"] == {"x": 1, "y": 1}


@pytest.mark.parametrize(
    ("rule", "low", "high", "count"),
    [
        # 1..9 and 100: quartiles 3.25 and 7.75, fences 4.5 * 1.5 beyond them
        ("tukey", -3.5, 14.5, 1),
        # median 5.5, median absolute deviation 2.5
        ("mad", 5.5 - 3.5 * 2.5 / 0.6745, 5.5 + 3.5 * 2.5 / 0.6745, 1),
    ],
)
def test_outliers_by_hand(rule: profile.Rule, low: float, high: float, count: int) -> None:
    """The fences of both rules are those of their papers, on ten numbers."""
    found = profile.outliers(np.array([*range(1, 10), 100.0]), rule)
    assert found == {"rule": rule, "low": pytest.approx(low), "high": pytest.approx(high), "count": count}


def test_a_column_of_one_value_has_no_outlier_by_deviation() -> None:
    """Where more than half is one value the deviation is 0, and nothing can be told from it."""
    assert profile.outliers(np.array([1.0, 1, 1, 1, 9]), "mad")["count"] == 0


@pytest.mark.parametrize(
    ("labels", "ratio", "level"),
    [([0] * 5 + [1] * 5, 1.0, "none"), ([0] * 8 + [1] * 2, 4.0, "moderate"), ([0] * 19 + [1], 19.0, "high")],
)
def test_imbalance(labels: list[int], ratio: float, level: str) -> None:
    """Rows of the largest class for one of the smallest, in three levels."""
    features = pd.DataFrame({"x": np.arange(len(labels))})
    target = described(features, labels)["target"]
    assert (target["imbalance_ratio"], target["imbalance"]) == (ratio, level)


def test_duplicates_and_contradictions() -> None:
    """A row again is a duplicate; the same features with another label contradict; gaps are equal."""
    features = pd.DataFrame({"x": [1, 1, 2, 2, 3], "t": ["a", "a", None, None, "b"]})
    assert described(features, [0, 0, 0, 1, 1])["duplicates"] == {"rows": 1, "contradicting": 2}


def test_leakage_between_parts() -> None:
    """Rows that are held out and are there twice are counted where their twin is fitted on."""
    features = pd.DataFrame({"x": np.repeat(np.arange(100), 2)})
    data = frame.read((features, np.tile([0, 1], 100)), "data")
    split = partition.split(data, SECTION, classifier=True)
    found = profile.leakage(split, SECTION)
    train = set(features["x"].iloc[split.train])
    assert found["seen_in_train"] == {"test": sum(value in train for value in features["x"].iloc[split.test])}
    assert found["seen_in_train"]["test"] > 10


DIRTY = """
def load_dirty():
    features, labels = load_wider()
    features.loc[::10, "a"] = np.nan
    features["c"] = 5
    features.loc[5, "b"] = 50
    return features, labels
"""


def dirty(folder: Path, **train: Any) -> tuple[config.ModelConfig, dict[str, Any]]:
    (folder / "shop.py").write_text(MODULE + DIRTY)
    configuration = configured(data="shop:load_dirty", **train)
    return configuration, report.report(configuration, folder)


def test_the_findings_are_sentences(tmp_path: Path) -> None:
    """Data that cannot be trained on yet are reported all the same, with the reason."""
    _, found = dirty(tmp_path)
    assert "a: 20 of 200 values missing (10.0%)" in found["findings"]
    assert "c: constant, it says nothing about the target" in found["findings"]
    assert any(re.match(r"b: \d outlier\(s\) .*Tukey 1977", each) for each in found["findings"])
    assert found["parts"] is None
    assert "'a' has 20 missing" in found["refused"]
    _, found = dirty(tmp_path, inputs={"a": {"missing": "value", "default": 0}})
    assert (found["parts"]["rows"], found["refused"]) == ({"train": 140, "test": 60}, "")


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    """The page holds the findings and one plot per column and target; no script, no address to load."""
    _, found = dirty(tmp_path)
    text = pages.data_page({**found, "model": "<shop>"})
    assert "&lt;shop&gt;" in text
    assert all(sentence.split("(")[0] in text for sentence in found["findings"][:2])
    assert text.count("<svg") == 4
    assert not re.search(r"<script|<img|<link|url\(http|#010203", text)
    assert pages.data_page({**found, "model": "<shop>"}) == text
