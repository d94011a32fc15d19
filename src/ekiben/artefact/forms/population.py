"""What rows of a model look like: ranges, resolutions, categories, and the values that an estimator refuses.

Rows are numbers here, a string as its place in its column's vocabulary; `decode` gives them as a pod does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.serving.schema import Input, Schema

Coded = npt.NDArray[np.float64]
_MOST_DECIMALS = 12  # beyond that a column has no resolution of its own
_MISSING_RATIO = 0.1  # of the values that may be missing
_STRANGER = "a value that no training row has"


@dataclass(frozen=True, slots=True)
class Population:
    """Rows that an estimator was fitted on, and what may stand in others.

    Attributes:
        inputs: Declarations of the columns.
        known: The rows, coded, shape (rows, inputs).
        vocabulary: Strings of each column of strings.
        closed: Columns in which the estimator refuses values that it has not seen.
        decimals: Of each column; None if it has more than 12, or holds strings.
    """

    inputs: tuple[Input, ...]
    known: Coded
    vocabulary: Mapping[int, tuple[str, ...]]
    closed: frozenset[int]
    decimals: tuple[int | None, ...]

    @property
    def numeric(self) -> bool:
        """Whether rows are an array of float64; else of objects."""
        return not self.vocabulary

    def decode(self, coded: Coded) -> npt.NDArray[Any]:
        """Give rows as a pod gives them to the estimator."""
        if self.numeric:
            return coded
        rows = np.empty(coded.shape, dtype=object)
        for place, each in enumerate(self.inputs):
            column = coded[:, place]
            if each.type == "string":
                rows[:, place] = np.array(self.vocabulary[place], dtype=object)[column.astype(np.intp)]
            elif each.type == "float64":
                rows[:, place] = column
            else:
                rows[:, place] = (column != 0 if each.type == "bool" else column.astype(np.int64)).tolist()
        return rows

    def encode(self, rows: npt.NDArray[Any]) -> Coded:
        """Code rows; strings that no training row has are the stranger."""
        return _coded(rows, self.inputs, self.vocabulary)

    def within(self, count: int, random: np.random.Generator) -> Coded:
        """Draw rows between the smallest and largest value of each column."""
        lowest, highest = np.nanmin(self.known, axis=0), np.nanmax(self.known, axis=0)
        rows = random.uniform(lowest, highest, size=(count, len(self.inputs)))
        for place, each in enumerate(self.inputs):
            if place in self.closed:
                rows[:, place] = random.choice(self._present(place), size=count)
            elif each.type == "string":
                rows[:, place] = random.integers(len(self.vocabulary[place]), size=count)
            elif each.type != "float64":
                rows[:, place] = np.rint(rows[:, place])
            if each.missing == "nan":
                rows[random.uniform(size=count) < _MISSING_RATIO, place] = np.nan
        return rows

    def on_resolution(self, count: int, random: np.random.Generator) -> Coded:
        """Draw rows on the resolution of the known ones: there values fall onto thresholds.

        A column without a resolution gives known values.
        """
        rows = self.within(count, random)
        for place, decimals in enumerate(self.decimals):
            if place in self.closed or self.inputs[place].type == "string":
                continue
            if decimals is not None:
                rows[:, place] = np.round(rows[:, place], decimals)
                continue
            missing = np.isnan(rows[:, place])
            drawn = random.choice(self._present(place), size=count)
            rows[:, place] = np.where(missing, np.nan, drawn)
        return rows

    def _present(self, place: int) -> Coded:
        column = self.known[:, place]
        return column[~np.isnan(column)]


def population_of(rows: npt.NDArray[Any], schema: Schema, predict: Callable[[Any], Any]) -> Population:
    """Look at training rows.

    Args:
        rows: Shape (rows, inputs), as the pod makes them.
        schema: What the estimator takes.
        predict: The estimator's labels of rows; asked once per column, with a value that it has not seen.
    """
    vocabulary = {
        place: _words(rows[:, place], each)
        for place, each in enumerate(schema.inputs)
        if each.type == "string"
    }
    known = _coded(rows, schema.inputs, vocabulary)
    decimals = tuple(
        None if place in vocabulary else _decimals(known[:, place]) for place in range(known.shape[1])
    )
    found = Population(schema.inputs, known, vocabulary, frozenset(), decimals)
    closed = frozenset(
        place for place in range(known.shape[1]) if not _answers(found, place, predict, schema.inputs[place])
    )
    return Population(schema.inputs, known, vocabulary, closed, decimals)


def _words(column: npt.NDArray[Any], declared: Input) -> tuple[str, ...]:
    """Strings of a column; a stranger at the end where the schema lets one through."""
    words = sorted({*map(str, column), *(declared.categories or ())})
    return (*words, _STRANGER) if declared.categories is None else tuple(words)


def _coded(rows: npt.NDArray[Any], inputs: Sequence[Input], vocabulary: Mapping[int, Any]) -> Coded:
    if not vocabulary:
        return np.asarray(rows, dtype=np.float64)
    coded = np.empty(rows.shape)
    for place in range(len(inputs)):
        column = rows[:, place]
        if place in vocabulary:
            words = {word: code for code, word in enumerate(vocabulary[place])}
            column = np.array([words.get(each, len(words) - 1) for each in column])
        coded[:, place] = column.astype(np.float64)
    return coded


def _answers(found: Population, place: int, predict: Callable[[Any], Any], declared: Input) -> bool:
    """Whether the estimator answers a value that it has not seen in a column."""
    column = found.known[:, place]
    values = np.unique(column[~np.isnan(column)])
    if declared.type == "string":
        unseen = float(len(found.vocabulary[place]) - 1)
    elif declared.type == "float64":
        unseen = float(values[0] + (values[min(1, len(values) - 1)] - values[0]) / 2)
    elif declared.type == "bool":
        return True
    else:
        seen = set(values.tolist())
        unseen = next(each for each in np.arange(values[0], values[-1] + 2) if each not in seen)
    row = found.known[:1].copy()
    row[0, place] = unseen
    try:
        predict(found.decode(row))
    except ValueError:
        return False
    return True


def _decimals(column: Coded) -> int | None:
    present = column[~np.isnan(column)]
    for decimals in range(_MOST_DECIMALS + 1):
        if np.array_equal(np.round(present, decimals), present):
            return decimals
    return None
