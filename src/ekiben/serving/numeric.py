"""The quick way to rows of float64: types row by row, everything else on the whole array.

It accepts what is beyond doubt and gives None for all else; `cells` decides then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import contains, le
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.serving.cells import KINDS, LARGEST, accepted, limits
from ekiben.serving.schema import Input, InputType, Schema

Numbers = npt.NDArray[np.float64]
# Kinds of numpy's types that hold what a column takes.
_ARRAY_KINDS: dict[InputType, str] = {"float64": "fiu", "int64": "iu", "bool": "b", "string": ""}
_WIDEST = 8  # bytes; a long double would be rounded


class Numeric:
    """Quick checks against a schema without strings.

    Args:
        schema: Inputs in the estimator's order, none of them a string.

    Attributes:
        real: Whether every input is a float64.
    """

    def __init__(self, schema: Schema) -> None:
        inputs = schema.inputs
        kinds = [KINDS[each.type] | ({type(None)} if each.missing != "refuse" else set()) for each in inputs]
        self._types = tuple(each.type for each in inputs)
        self.real = set(self._types) == {"float64"}
        self._kinds = kinds
        self._one_kind = kinds[0] if len(set(kinds)) == 1 else None
        common = limits(schema)
        bounds = [accepted(each, common) for each in inputs]
        self._lowest = [lowest for lowest, _ in bounds]
        self._highest = [highest for _, highest in bounds]
        self._edges = np.array(bounds, dtype=np.float64).T.copy()
        self._unbounded = set(bounds) == {(-LARGEST["float64"], LARGEST["float64"])}
        self._refusing = np.array([each.missing == "refuse" for each in inputs])
        self._never_missing = bool(self._refusing.all())
        self._defaults = [
            (place, each.default) for place, each in enumerate(inputs) if each.missing == "value"
        ]
        self._counted = _counted(inputs)

    def rows(self, cells: Sequence[Sequence[Any]]) -> Numbers | None:
        """Rows of JSON values, each as wide as the schema."""
        if self._one_kind is not None:
            fits = self._one_kind.issuperset
            if not all([fits(map(type, row)) for row in cells]):  # noqa: C419 - quicker than a generator
                return None
        elif not all([all(map(contains, self._kinds, map(type, row))) for row in cells]):  # noqa: C419
            return None
        try:
            return self.numbers(np.array(cells, dtype=np.float64), cells)
        except OverflowError:  # an integer beyond float64
            return None

    def columns(self, columns: Sequence[Sequence[Any] | npt.NDArray[Any]]) -> Numbers | None:
        """Columns of JSON values or arrays, all of one length."""
        rows = np.empty((len(columns[0]), len(columns)), dtype=np.float64)
        for place, values in enumerate(columns):
            if isinstance(values, np.ndarray):
                if not _holds(values.dtype, self._types[place]):
                    return None
            elif not self._kinds[place].issuperset(map(type, values)):
                return None
            try:
                rows[:, place] = np.asarray(values, dtype=np.float64)
            except OverflowError:
                return None
        return self.numbers(rows)

    def array(self, values: npt.NDArray[Any]) -> Numbers | None:
        """An array of shape (rows, inputs)."""
        if not all(_holds(values.dtype, each) for each in set(self._types)):
            return None
        return self.numbers(np.array(values, dtype=np.float64, order="C"))

    def numbers(self, rows: Numbers, cells: Sequence[Sequence[Any]] | None = None) -> Numbers | None:
        """Rows whose types are right; missing values are NaN, and are filled in place.

        Args:
            rows: Shape (rows, inputs).
            cells: The same as lists, where they are at hand.
        """
        if cells is not None and len(cells) == 1 and self._never_missing:
            return rows if self._within(cells[0]) else None
        if not self._never_missing and (missing := np.isnan(rows)).any():
            if (missing & self._refusing).any():
                return None
            for place, default in self._defaults:
                rows[missing[:, place], place] = default
            outside = (rows < self._edges[0]) | (rows > self._edges[1])
            return None if outside.any() else rows
        lowest, highest = self._edges
        # NaN and infinity are within no edges. Bytes are searched quicker than `all` is called.
        if b"\0" in (rows >= lowest).tobytes() or b"\0" in (rows <= highest).tobytes():
            return None
        return rows

    def out_of_range(self, rows: Numbers) -> int:
        """Count rows outside a range that is counted."""
        if self._counted is None:
            return 0
        lowest, highest = self._counted
        return int(((rows < lowest) | (rows > highest)).any(axis=1).sum())

    def _within(self, row: Sequence[Any]) -> bool:
        """Whether the numbers of one row are finite and in range; for one row quicker than numpy."""
        if self._unbounded:
            try:
                if math.isfinite(sum(row)):  # a sum with NaN or infinity in it is not
                    return True
            except OverflowError:
                return False
        return all(map(le, self._lowest, row)) and all(map(le, row, self._highest))


def _counted(inputs: Sequence[Input]) -> Numbers | None:
    """Edges of the ranges that are counted, shape (2, inputs); None if there are none."""
    if all(each.on_out_of_range == "refuse" for each in inputs):
        return None
    edges = np.array([[-np.inf, np.inf]] * len(inputs)).T
    for place, each in enumerate(inputs):
        if each.on_out_of_range == "count":
            if each.minimum is not None:
                edges[0, place] = each.minimum
            if each.maximum is not None:
                edges[1, place] = each.maximum
    return edges


def _holds(dtype: np.dtype[Any], kind: InputType) -> bool:
    return dtype.kind in _ARRAY_KINDS[kind] and dtype.itemsize <= _WIDEST
