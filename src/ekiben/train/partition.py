"""Rows into parts: to fit on, to choose by, to judge by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ekiben.config import Train
from ekiben.errors import ConfigError
from ekiben.train import frame
from ekiben.train.frame import Data

Indices = npt.NDArray[np.intp]
Way = Literal["random", "stratified", "time", "group"]


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of each part, as positions in the data.

    Attributes:
        data: All rows.
        by: How they were chosen.
        classifier: Whether the labels are classes.
        train: To fit on.
        validation: To choose parameters by; may be empty.
        test: Held out.
    """

    data: Data
    by: Way
    classifier: bool
    train: Indices
    validation: Indices
    test: Indices

    @property
    def train_rows(self) -> npt.NDArray[Any]:
        """Shape (train, inputs)."""
        return self.data.rows[self.train]

    @property
    def train_labels(self) -> npt.NDArray[Any]:
        """Shape (train,)."""
        return self.data.labels[self.train]

    @property
    def test_rows(self) -> npt.NDArray[Any]:
        """Shape (test, inputs)."""
        return self.data.rows[self.test]

    @property
    def test_labels(self) -> npt.NDArray[Any]:
        """Shape (test,)."""
        return self.data.labels[self.test]

    def parts(self) -> dict[str, Indices]:
        """Parts that have rows, by name."""
        found = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: rows for name, rows in found.items() if len(rows)}

    def hashes(self) -> dict[str, str]:
        """Hash of the rows and labels of each part."""
        data = self.data
        return {
            name: frame.digest(data.inputs, [*data.rows[rows].T, data.labels[rows]])
            for name, rows in self.parts().items()
        }


def split(data: Data, section: Train, *, classifier: bool) -> Split:
    """Part the rows by chance, keeping shares of classes, by time or by group.

    Args:
        data: All rows.
        section: Ratios, seed and way.
        classifier: Whether the labels are classes.

    Raises:
        ConfigError: Too few rows, one class only, or a column that is no time.
    """
    _check_labels(data, classifier=classifier)
    way = _way(section, classifier=classifier)
    rows = np.arange(len(data.labels))
    validation = section.partition.validation_ratio
    try:
        rest, test = _hold_out(data, rows, section.test_ratio, way, section)
        chosen = np.array([], dtype=np.intp)
        if validation:
            of_rest = round(validation / (1 - section.test_ratio), 12)  # a last bit is not a row
            rest, chosen = _hold_out(data, rest, of_rest, way, section)
    except ValueError as error:
        raise ConfigError(
            f"the data cannot be split: {error}",
            remedy="give more rows, or set train.stratify: false or another train.partition.by",
        ) from error
    found = Split(data, way, classifier, rest, chosen, test)
    if classifier and len(np.unique(found.train_labels)) == 1:
        raise ConfigError(
            f"the rows to fit on are of one class only: {found.train_labels[0]}",
            remedy="give rows of every class, or part them another way (train.partition.by)",
        )
    return found


def _check_labels(data: Data, *, classifier: bool) -> None:
    wanted, other = (
        ("integers, truth values or strings", "regressor") if classifier else ("numbers", "classifier")
    )
    kind = data.labels.dtype.kind
    if not (kind != "f" if classifier else kind in "iufb"):
        raise ConfigError(
            f"train.data: expected labels that are {wanted}, as the estimator is a "
            f"{'classifier' if classifier else 'regressor'}, "
            f"found {data.labels.dtype}, the first of them {data.labels[0]}",
            remedy=f"convert the labels (astype, in a data function), or let the estimator be a {other}",
        )
    if len(np.unique(data.labels)) == 1:
        raise ConfigError(
            f"expected two different labels at least, found {data.labels[0]} in all {len(data.labels)} rows",
            remedy="give rows of every class; the target may be the wrong column",
        )


def _way(section: Train, *, classifier: bool) -> Way:
    asked = section.partition.by
    if asked is None:
        return "stratified" if section.stratify and classifier else "random"
    if asked == "stratified" and not classifier:
        raise ConfigError("train.partition.by: stratified needs a classifier, found a regressor")
    return asked


def _hold_out(data: Data, rows: Indices, ratio: float, way: Way, section: Train) -> tuple[Indices, Indices]:
    """Rows that stay, rows that are held out."""
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    if way == "time":
        return _latest(data, rows, ratio, section)
    if way == "group":
        groups = data.aside[str(section.partition.column)][rows]
        chance = GroupShuffleSplit(n_splits=1, test_size=ratio, random_state=section.seed)
        stay, held = next(chance.split(rows, groups=groups))
        return rows[stay], rows[held]
    strata = data.labels[rows] if way == "stratified" else None
    stay, held = train_test_split(rows, test_size=ratio, random_state=section.seed, stratify=strata)
    return stay, held


def _latest(data: Data, rows: Indices, ratio: float, section: Train) -> tuple[Indices, Indices]:
    """Hold out the latest rows; rows of one moment are never parted, the earlier part gets them."""
    times = moments(data, str(section.partition.column))[rows]
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    boundary = round(len(rows) * (1 - ratio))
    boundary = int(np.searchsorted(ordered, ordered[min(max(boundary, 1), len(rows)) - 1], side="right"))
    if boundary == len(rows):
        raise ValueError(f"no row is later than the {ratio:.0%} that would be held out")
    return rows[order[:boundary]], rows[order[boundary:]]


def moments(data: Data, column: str) -> npt.NDArray[Any]:
    """Values of a time column as numbers or instants that can be ordered.

    Raises:
        ConfigError: Values that are neither numbers, dates nor dates as ISO 8601 writes them.
    """
    import pandas as pd

    values = data.aside[column]
    if values.dtype.kind in "iufM":
        return values
    try:
        return np.asarray(
            pd.to_datetime(pd.Series(values), format="ISO8601", utc=True), dtype="datetime64[ns]"
        )
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"train.partition.column: {column!r} is no time: {error}",
            remedy="write times as numbers or as ISO 8601, e.g. 2026-03-31T12:00:00Z",
        ) from error
