"""Rows of a request against the schema: no conversion, no guess, every wrong place named.

The usual request takes a quick way (`numeric`, `mixed`); as soon as anything is
off, the slow way walks cell by cell (`cells`) and collects the places. What a
value must be does not depend on how it came: arrays of binary protocols and
columns are held to the rules of JSON rows.

Numbers: a `float64` column takes any number that is finite as float64, an
integer beyond 2**53 rounded to the nearest, as any numeral with a fraction is;
an `int64` column takes integers only, none beyond what its rows hold exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.serving.mixed import Mixed
from ekiben.serving.numeric import Numeric
from ekiben.serving.problem import Place, Reason, RefusedError, pointer
from ekiben.serving.schema import Schema
from ekiben.serving.walk import STATUS, UNFIT, Walk

Rows = npt.NDArray[Any]
Values = Sequence[Any] | npt.NDArray[Any]
_FORM = "expected an object of values by name, or an array of values"
_TABLE = 2  # dimensions


class Validator:
    """Checks rows against one schema; safe to call from any thread.

    Args:
        schema: Inputs in the estimator's order.
        most_rows: Most rows in one request.

    Attributes:
        width: Number of inputs.
        real: Whether every input is a float64.
    """

    def __init__(self, schema: Schema, most_rows: int) -> None:
        self._schema = schema
        self._names = tuple(each.name for each in schema.inputs)
        self.width = len(schema.inputs)
        self._most_rows = most_rows
        self._known = frozenset(self._names)
        self._quick: Numeric | Mixed = Numeric(schema) if schema.numeric else Mixed(schema)
        self._real = self._quick if isinstance(self._quick, Numeric) and self._quick.real else None
        self.real = self._real is not None
        get = itemgetter(*self._names)
        self._by_name: Callable[[Any], Sequence[Any]] = get if self.width > 1 else lambda row: (get(row),)

    def rows(self, instances: Any, base: str) -> Rows:
        """Check many rows.

        Args:
            instances: What stands where the list of rows should be: each an array of values in the schema's
                order, or an object of values by name.
            base: JSON pointer of that place.

        Returns:
            A new array of shape (rows, inputs): float64, or objects if strings are among the inputs.

        Raises:
            RefusedError: 422; with the wrong places.
        """
        if type(instances) is not list:
            raise _refused("form", base, "expected an array of instances")
        self._check_count(len(instances), base)
        rows = self._quickly(instances)
        return (
            self._slowly(instances, (f"{base}/{i}" for i in range(len(instances)))) if rows is None else rows
        )

    def row(self, instance: Any, base: str) -> Rows:
        """Check one row, which stands at `base`; as `rows`, of shape (1, inputs)."""
        rows = self._quickly([instance])
        return self._slowly([instance], [base]) if rows is None else rows

    def array(
        self, values: npt.NDArray[Any], base: str, *, place: Callable[[int, int], str] | None = None
    ) -> Rows:
        """Check a two-dimensional array, as binary protocols give it.

        It fits if the same values fit as JSON: reals in `float64` columns, integers in `float64` and `int64`
        columns, truth values in `bool` columns; an array of objects is checked value by value. NaN is a
        missing value, as null is.

        Args:
            values: Shape (rows, inputs); neither changed nor kept.
            base: JSON pointer of the array.
            place: Pointer of a cell, called as `place(row, column)`; None takes `base/row/column`.

        Returns:
            A new array of shape (rows, inputs), float64 or objects.

        Raises:
            RefusedError: 422; with the wrong places.
        """
        if values.ndim != _TABLE:
            raise _refused("form", base, f"expected an array of two dimensions, found {values.ndim}")
        self._check_count(len(values), base)
        if values.shape[1] != self.width:
            raise _refused("fields", base, f"expected {self.width} values a row, found {values.shape[1]}")
        rows = self._quick.array(values)
        if rows is None:
            return self._walked(values.tolist(), place or (lambda row, column: f"{base}/{row}/{column}"))
        return rows

    def columns(
        self, values: Mapping[str, Values], base: str, *, place: Callable[[str, int], str] | None = None
    ) -> Rows:
        """Check columns by name, as protocols give them that send one tensor per input.

        Args:
            values: Per input a list or tuple of JSON values, or an array of one dimension (as in `array`);
                in any order, neither changed nor kept.
            base: JSON pointer of the mapping.
            place: Pointer of a cell, called as `place(name, row)`; None takes `base/name/row`.

        Returns:
            A new array of shape (rows, inputs), float64 or objects.

        Raises:
            RefusedError: 422; a column is absent, unknown or of another length, or values do not fit.
        """
        if values.keys() != self._known:
            raise RefusedError(STATUS, "fields", UNFIT, tuple(self._unnamed(values, base)))
        columns = [values[name] for name in self._names]
        for name, column in zip(self._names, columns, strict=True):
            if type(column) not in (list, tuple) and not (
                isinstance(column, np.ndarray) and column.ndim == 1
            ):
                raise _refused("form", base + pointer(name), "expected an array of values")
            if len(column) != len(columns[0]):
                raise _refused(
                    "rows", base + pointer(name), "expected as many values as of every other input"
                )
        self._check_count(len(columns[0]), base)
        rows = self._quick.columns(columns)
        if rows is not None:
            return rows
        lists = [each.tolist() if isinstance(each, np.ndarray) else each for each in columns]
        at = place or (lambda name, row: f"{base}{pointer(name)}/{row}")
        return self._walked(list(zip(*lists, strict=True)), lambda row, column: at(self._names[column], row))

    def numbers(
        self, rows: npt.NDArray[np.float64], cells: Sequence[Sequence[float]] | None = None
    ) -> Rows | None:
        """Rows whose every cell was a JSON number, if they are beyond doubt; may change the array.

        Args:
            rows: Any shape.
            cells: The same numbers as lists, where they are at hand.
        """
        if (
            self._real is None
            or rows.ndim != _TABLE
            or rows.shape[1] != self.width
            or not 1 <= len(rows) <= self._most_rows
        ):
            return None
        return self._real.numbers(rows, cells)

    def out_of_range(self, rows: Rows) -> int:
        """Count accepted rows with a value outside a range whose policy is `count`.

        Args:
            rows: What one of the other methods gave.
        """
        return self._quick.out_of_range(rows)

    def _check_count(self, rows: int, base: str) -> None:
        if not 1 <= rows <= self._most_rows:
            raise _refused("rows", base, f"expected 1 to {self._most_rows} instances, found {rows}")

    def _quickly(self, instances: Sequence[Any]) -> Rows | None:
        """Array of rows that are beyond doubt; None sends them the slow way."""
        width, by_name = self.width, self._by_name
        cells = []
        try:
            for instance in instances:
                kind = type(instance)
                if (kind is not list and kind is not dict) or len(instance) != width:
                    return None
                cells.append(instance if kind is list else by_name(instance))
        except KeyError:
            return None
        return self._quick.rows(cells)

    def _slowly(self, instances: Sequence[Any], pointers: Iterable[str]) -> Rows:
        walk = Walk(self._schema)
        for instance, base in zip(instances, pointers, strict=True):
            self._instance(walk, instance, base)
            if walk.full:
                break
        return walk.rows(len(instances))

    def _instance(self, walk: Walk, instance: Any, base: str) -> None:
        """Let a walk check one instance, if it is a row of the schema's width at all."""
        if type(instance) is list:
            if len(instance) == self.width:
                walk.row(instance, lambda column: f"{base}/{column}")
            else:
                detail = f"expected {self.width} values, found {len(instance)}"
                walk.wrong("fields", Place(base, detail))
        elif type(instance) is not dict:
            walk.wrong("form", Place(base, _FORM))
        elif instance.keys() != self._known:
            walk.wrong("fields", *self._unnamed(instance, base))
        else:
            walk.row(self._by_name(instance), lambda column: base + pointer(self._names[column]))

    def _walked(self, cells: Sequence[Sequence[Any]], place: Callable[[int, int], str]) -> Rows:
        walk = Walk(self._schema)
        for number, row in enumerate(cells):
            walk.row(row, partial(place, number))
            if walk.full:
                break
        return walk.rows(len(cells))

    def _unnamed(self, found: Mapping[str, Any], base: str) -> list[Place]:
        """Names of the schema that a mapping lacks, and how many others it has."""
        places = [Place(base + pointer(name), "required") for name in self._names if name not in found]
        extra = len(found) - (self.width - len(places))
        if extra:
            places.append(Place(base, f"{extra} field(s) that the schema does not declare"))
        return places


def _refused(reason: Reason, place: str, detail: str) -> RefusedError:
    return RefusedError(STATUS, reason, detail, (Place(place, detail),))
