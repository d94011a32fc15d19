from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ekiben.config import Train
from ekiben.errors import ConfigError
from ekiben.train import frame, partition
from ekiben.train.partition import Split

COUNT = 100
LABELS = np.repeat([0, 1], [80, 20])
FEATURES = pd.DataFrame({"x": np.arange(COUNT) / 10})


def parted(
    by: str | None = None,
    *,
    column: Any = None,
    labels: Any = LABELS,
    validation: float = 0.0,
    classifier: bool = True,
    seed: int = 0,
) -> Split:
    named = {} if column is None else {"key": column}
    section = Train.model_validate(
        {
            "estimator": "a:b",
            "data": "a:c",
            "test_ratio": 0.25,
            "seed": seed,
            "partition": {
                "by": by,
                "column": "key" if named else None,
                "validation_ratio": validation,
            },
            "accept": {"min": 0},
        }
    )
    data = frame.read((FEATURES.assign(**named), labels), "data", aside=named)
    return partition.split(data, section, classifier=classifier)


def test_every_row_is_in_one_part() -> None:
    """Train, validation and test are disjoint, whole and as large as asked for; classes keep their shares."""
    found = parted(validation=0.25)
    assert sorted([*found.train, *found.validation, *found.test]) == list(range(COUNT))
    assert [len(rows) for rows in found.parts().values()] == [50, 25, 25]
    assert [LABELS[rows].sum() for rows in found.parts().values()] == [10, 5, 5]
    assert found.by == "stratified"


def test_the_hash_of_a_part_is_of_its_rows() -> None:
    """The same seed gives the same hashes, another seed others; a part that is not there has none."""
    assert parted().hashes() == parted().hashes()
    assert set(parted().hashes()) == {"train", "test"}
    assert not set(parted().hashes().values()) & set(parted(seed=1).hashes().values())


def test_time_holds_out_the_latest_rows() -> None:
    """No row to fit on is later than one held out, rows of one moment stay together, dates may be text."""
    days = pd.date_range("2026-01-01", periods=20).repeat(5)
    shuffled = np.random.default_rng(0).permutation(COUNT)
    for times in (
        days[shuffled],
        days[shuffled].strftime("%Y-%m-%d"),
        np.asarray(days.day_of_year)[shuffled],
    ):
        found = parted("time", column=times, labels=LABELS[shuffled], classifier=False, validation=0.25)
        at = np.asarray(days.day_of_year)[shuffled]
        assert at[found.train].max() < at[found.validation].min()
        assert at[found.validation].max() < at[found.test].min()
        assert len(found.test) == 25
    assert [each.name for each in found.data.inputs] == ["x"]


def test_groups_stay_together() -> None:
    """A group is in one part only."""
    groups = np.arange(COUNT) % 20
    found = parted("group", column=groups, validation=0.2)
    members = [set(groups[rows]) for rows in found.parts().values()]
    assert len(set.union(*members)) == sum(map(len, members)) == 20


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"labels": np.zeros(COUNT, int)}, "two different labels at least, found 0 in all 100 rows"),
        ({"labels": np.r_[np.zeros(99, int), 1]}, "cannot be split: .*least populated class"),
        ({"by": "stratified", "labels": LABELS / 3, "classifier": False}, "stratified needs a classifier"),
        ({"by": "time", "column": np.zeros(COUNT)}, "no row is later"),
        ({"by": "time", "column": np.array(["soon"] * COUNT)}, "'key' is no time"),
        ({"by": "time", "column": np.arange(COUNT)}, "the rows to fit on are of one class only: 0"),
        ({"by": "group", "column": np.zeros(COUNT)}, "cannot be split"),
    ],
)
def test_data_that_cannot_be_parted(given: dict[str, Any], message: str) -> None:
    """One class, one moment, one group, a class of one row: refused before anything is fitted."""
    with pytest.raises(ConfigError, match=message):
        parted(**given)


@pytest.mark.parametrize(
    ("labels", "classifier", "message"),
    [
        (LABELS + 0.5, True, "integers, truth values or strings, as .* classifier, found float64, .* 0.5"),
        (LABELS.astype(float), True, "found float64"),
        (np.where(LABELS, "a", "b"), False, "numbers, as the estimator is a regressor, found .*, .* b"),
    ],
)
def test_labels_that_are_not_of_the_estimators_kind(labels: Any, classifier: bool, message: str) -> None:
    """Numbers for a classifier and strings for a regressor are named before anything is parted or fitted."""
    with pytest.raises(ConfigError, match=message):
        parted(labels=labels, classifier=classifier)


@pytest.mark.parametrize("classifier", [True, False])
@pytest.mark.parametrize("labels", [LABELS, LABELS == 1, LABELS.astype("uint8")])
def test_integers_and_truth_values_are_labels_of_both_kinds(labels: Any, classifier: bool) -> None:
    """A count may be regressed on, and be a class."""
    assert len(parted(labels=labels, classifier=classifier).test) == 25
