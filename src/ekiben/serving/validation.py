"""Rows of a request against the schema: no conversion, no guess, every wrong place named.

The usual request takes the fast way (one type set per row, one array); as soon
as anything is off, the slow way walks cell by cell and collects the places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.serving.problem import MOST_ERRORS, Place, Reason, RefusedError, pointer
from ekiben.serving.schema import Input, InputType, Schema

Rows = npt.NDArray[Any]
_NUMBERS: set[type] = {float, int}
_INT64 = range(-(2**63), 2**63)
_EXPECTED: dict[InputType, tuple[set[type], str]] = {
    "float64": (_NUMBERS, "expected a number"),
    "int64": ({int}, "expected an integer of 64 bits"),
    "bool": ({bool}, "expected true or false"),
    "string": ({str}, "expected a string"),
}


class Validator:
    """Checks rows against one schema.

    Args:
        schema: Inputs in the estimator's order.
        most_rows: Most rows in one request.
    """

    def __init__(self, schema: Schema, most_rows: int) -> None:
        self._inputs = schema.inputs
        self._names = tuple(each.name for each in schema.inputs)
        self._width = len(schema.inputs)
        self._most_rows = most_rows
        self._dtype: Any = np.float64 if schema.numeric else object
        self._plain = all(each.type == "float64" for each in schema.inputs)
        self._bounded = any(each.minimum is not None or each.maximum is not None for each in schema.inputs)

    def rows(self, instances: Any, base: str) -> Rows:
        """Check many rows.

        Args:
            instances: What stands where the list of rows should be.
            base: JSON pointer of that place.

        Returns:
            Array of shape (rows, inputs), float64 or objects.

        Raises:
            RefusedError: 422; with the wrong places.
        """
        if type(instances) is not list:
            raise RefusedError(
                422, "form", "expected an array of instances", (Place(base, "expected an array"),)
            )
        if not 1 <= len(instances) <= self._most_rows:
            detail = f"expected 1 to {self._most_rows} instances, found {len(instances)}"
            raise RefusedError(422, "rows", detail, (Place(base, detail),))
        if self._plain and not self._bounded:
            rows = self._fast(instances)
            if rows is not None:
                return rows
        return self._slow(instances, [f"{base}/{number}" for number in range(len(instances))])

    def row(self, instance: Any, base: str) -> Rows:
        """Check one row; as `rows`, of shape (1, inputs)."""
        if self._plain and not self._bounded:
            rows = self._fast([instance])
            if rows is not None:
                return rows
        return self._slow([instance], [base])

    def array(
        self, values: npt.NDArray[Any], base: str, *, place: Callable[[int, int], str] | None = None
    ) -> Rows:
        """Check a two-dimensional array, as binary protocols give it.

        The rules are those of `rows`, with the array's type in place of the JSON type: reals fit `float64`
        columns, integers `float64` and `int64` columns, truth values `bool` columns, an array of objects
        is checked value by value. NaN is a missing value.

        Args:
            values: Shape (rows, inputs); never changed, and not kept.
            base: JSON pointer of the array.
            place: Pointer of a cell, called as `place(row, column)`; None takes `base/row/column`.

        Returns:
            Array of shape (rows, inputs), float64 or objects.

        Raises:
            RefusedError: 422; with the wrong places.
        """
        if values.ndim != 2 or values.shape[1] != self._width:  # noqa: PLR2004 - a table
            detail = f"expected an array of shape (rows, {self._width}), found {list(values.shape)}"
            raise RefusedError(422, "fields" if values.ndim == 2 else "form", detail, (Place(base, detail),))  # noqa: PLR2004
        del place
        return self.rows(values.tolist(), base)

    def columns(
        self,
        values: Mapping[str, Sequence[Any] | npt.NDArray[Any]],
        base: str,
        *,
        place: Callable[[str, int], str] | None = None,
    ) -> Rows:
        """Check columns by name, as protocols give them that send one tensor per input.

        Args:
            values: One sequence of JSON values or one one-dimensional array per input (as in `array`), in
                any order.
            base: JSON pointer of the mapping.
            place: Pointer of a cell, called as `place(name, row)`; None takes `base/name/row`.

        Returns:
            Array of shape (rows, inputs), float64 or objects.

        Raises:
            RefusedError: 422; a column is missing, unknown or of another length, or values do not fit.
        """
        del place
        names = set(self._names)
        if set(values) != names:
            missing = tuple(Place(base + pointer(name), "required") for name in names - set(values))
            extra = len(set(values) - names)
            if extra:
                missing += (Place(base, f"{extra} input(s) that the schema does not declare"),)
            raise RefusedError(422, "fields", "expected every input of the schema once", missing)
        columns = [list(values[name]) for name in self._names]
        if len({len(column) for column in columns}) != 1:
            detail = "expected as many values of every input"
            raise RefusedError(422, "rows", detail, (Place(base, detail),))
        return self.rows([list(row) for row in zip(*columns, strict=True)], base)

    def out_of_range(self, rows: Rows) -> int:
        """Count accepted rows with a value outside a range whose policy is `count`.

        Args:
            rows: What one of the other methods gave.
        """
        del rows
        return 0

    def _fast(self, instances: Sequence[Any]) -> Rows | None:
        """Array of rows that are beyond doubt; None sends them the slow way."""
        width, names = self._width, self._names
        cells = []
        for instance in instances:
            kind = type(instance)
            if kind is list:
                row = instance
            elif kind is dict:
                try:
                    row = [instance[name] for name in names]
                except KeyError:
                    return None
            else:
                return None
            if len(instance) != width or not _NUMBERS.issuperset(map(type, row)):
                return None
            cells.append(row)
        try:
            rows = np.array(cells, dtype=np.float64)
        except OverflowError:  # an integer beyond float64
            return None
        return rows if np.isfinite(rows).all() else None

    def _slow(self, instances: Sequence[Any], pointers: Sequence[str]) -> Rows:
        cells: list[list[Any]] = []
        wrong: list[tuple[Reason, Place]] = []
        for instance, place in zip(instances, pointers, strict=True):
            row, found = self._cells(instance, place)
            cells.append(row)
            wrong.extend(found)
            if len(wrong) >= MOST_ERRORS:
                break
        if wrong:
            places = tuple(place for _, place in wrong)
            detail = "the instances do not fit the model's schema"
            raise RefusedError(422, wrong[0][0], detail, places, rows=len(instances))
        rows = np.empty((len(cells), self._width), dtype=self._dtype)
        rows[:] = cells
        return rows

    def _cells(self, instance: Any, place: str) -> tuple[list[Any], list[tuple[Reason, Place]]]:
        """Values of one row in order, and what is wrong with it."""
        if type(instance) is list:
            if len(instance) != self._width:
                detail = f"expected {self._width} values, found {len(instance)}"
                return [], [("fields", Place(place, detail))]
            return instance, list(
                _misfits(self._inputs, instance, [f"{place}/{i}" for i in range(self._width)])
            )
        if type(instance) is not dict:
            return [], [("form", Place(place, "expected an object of values by name, or an array of values"))]
        wrong: list[tuple[Reason, Place]] = [
            ("fields", Place(place + pointer(name), "required"))
            for name in self._names
            if name not in instance
        ]
        extra = len(instance) - (self._width - len(wrong))
        if extra:
            wrong.append(("fields", Place(place, f"{extra} field(s) that the schema does not declare")))
        if wrong:
            return [], wrong
        row = [instance[name] for name in self._names]
        return row, list(_misfits(self._inputs, row, [place + pointer(name) for name in self._names]))


def _misfits(
    inputs: Sequence[Input], row: Sequence[Any], pointers: Sequence[str]
) -> Iterator[tuple[Reason, Place]]:
    for each, value, place in zip(inputs, row, pointers, strict=True):
        misfit = _misfit(each, value)
        if misfit is not None:
            yield misfit[0], Place(place, misfit[1])


def _misfit(declared: Input, value: Any) -> tuple[Reason, str] | None:
    """Why a value does not fit its column; None if it does."""
    kinds, wording = _EXPECTED[declared.type]
    if type(value) not in kinds or (declared.type == "int64" and value not in _INT64):
        return "type", wording
    if declared.type == "string":
        if declared.categories is not None and value not in declared.categories:
            return "category", "expected one of the categories of the schema"
        return None
    if declared.type == "float64" and not _finite(value):
        return "not_finite", "expected a number that float64 can hold"
    return _out_of_range(declared, value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _out_of_range(declared: Input, value: float) -> tuple[Reason, str] | None:
    if declared.minimum is not None and value < declared.minimum:
        return "range", f"expected at least {declared.minimum}"
    if declared.maximum is not None and value > declared.maximum:
        return "range", f"expected at most {declared.maximum}"
    return None
