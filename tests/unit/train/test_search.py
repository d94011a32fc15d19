from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, PredefinedSplit, TimeSeriesSplit

from ekiben.config import Train
from ekiben.train import frame, partition, search

RANDOM = np.random.default_rng(2)
ROWS = RANDOM.normal(size=(90, 3))
LABELS = ROWS @ [1.0, 0.0, -2.0] + RANDOM.normal(0, 2.0, 90)


def searched(
    asked: dict[str, Any], part: dict[str, Any] | None = None
) -> tuple[search.Found, partition.Split, list[tuple[int, int | None]]]:
    section = Train.model_validate(
        {
            "estimator": "a:b",
            "data": "a:c",
            "seed": 4,
            "partition": part or {},
            "search": {"parameters": {"alpha": [0.1, 1, 10, 100]}, **asked},
            "accept": {"metric": "mae", "max": 9},
        }
    )
    features = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    if section.partition.column:
        features["day"] = RANDOM.permutation(90)
    data = frame.read((features, LABELS), "data", aside=["day"] if section.partition.column else [])
    split = partition.split(data, section, classifier=False)
    told: list[tuple[int, int | None]] = []
    assert section.search is not None
    found = search.search(Ridge(), split, section, section.search, lambda *done: told.append(done))
    return found, split, told


def expected(split: partition.Split, rows: Any, folds: Any) -> Any:
    grid = GridSearchCV(Ridge(), {"alpha": [0.1, 1, 10, 100]}, scoring="neg_mean_absolute_error", cv=folds)
    return grid.fit(split.data.rows[rows], split.data.labels[rows])


@pytest.mark.parametrize("way", ["folds", "validation", "time"])
def test_a_grid_is_scikit_learns(way: str) -> None:
    """The choice and each mean are those of GridSearchCV on the same folds; held-out rows take no part."""
    part = {
        "folds": None,
        "validation": {"validation_ratio": 0.2},
        "time": {"by": "time", "column": "day"},
    }[way]
    found, split, told = searched({"folds": 3, "jobs": 2}, part)
    if way == "validation":
        rows = np.r_[split.train, split.validation]
        folds: Any = PredefinedSplit(np.r_[np.full(len(split.train), -1), np.zeros(len(split.validation))])
    elif way == "time":
        rows, folds = split.train[np.argsort(split.data.aside["day"][split.train])], TimeSeriesSplit(3)
    else:
        rows, folds = split.train, KFold(3, shuffle=True, random_state=4)
    grid = expected(split, rows, folds)
    assert found.parameters == grid.best_params_
    best = found.document["best"][0]
    assert (best["parameters"], best["mean"]) == (grid.best_params_, pytest.approx(-grid.best_score_))
    fits = 4 if way == "validation" else 12
    assert [done for done, _ in told] == list(range(1, fits + 1))
    assert {total for _, total in told} == {fits}


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("bounds", [(0.5, 50.0), (2, 9)])
def test_a_random_search_draws_within_its_bounds(log: bool, bounds: Any) -> None:
    """As many candidates as asked for, of the bounds' type, and the same ones again."""
    asked = {
        "method": "random",
        "candidates": 6,
        "folds": 2,
        "parameters": {"alpha": {"low": bounds[0], "high": bounds[1], "log": log}},
    }
    found, _, told = searched(asked)
    drawn = [each["parameters"]["alpha"] for each in found.document["best"]]
    assert len(drawn) == 6
    assert all(bounds[0] <= value <= bounds[1] and type(value) is type(bounds[0]) for value in drawn)
    assert told[-1] == (12, 12)
    assert searched(asked)[0].document == found.document


def test_halving_gives_more_rows_to_fewer_candidates() -> None:
    """The one that is chosen was compared on the most rows."""
    found, _, told = searched({"method": "halving", "folds": 2, "factor": 2})
    rows = [each["rows"] for each in found.document["best"]]
    assert rows[0] == max(rows) > min(rows)
    assert told[-1][1] is None
