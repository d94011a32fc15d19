"""The quick way to rows of objects, where strings are among the inputs: column by column.

It accepts what is beyond doubt and gives None for all else; `cells` decides then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.serving.cells import KINDS, Limits, accepted, limits, outside
from ekiben.serving.schema import Input, Schema

Objects = npt.NDArray[np.object_]


class Mixed:
    """Quick checks against a schema with strings.

    Args:
        schema: Inputs in the estimator's order.
    """

    def __init__(self, schema: Schema) -> None:
        common = limits(schema)
        self._columns = tuple(_Column(each, common) for each in schema.inputs)
        self._counted = tuple(
            (place, each) for place, each in enumerate(schema.inputs) if each.on_out_of_range == "count"
        )

    def rows(self, cells: Sequence[Sequence[Any]]) -> Objects | None:
        """Rows of JSON values, each as wide as the schema."""
        return self.columns(list(zip(*cells, strict=True)))

    def columns(self, columns: Sequence[Sequence[Any] | npt.NDArray[Any]]) -> Objects | None:
        """Columns of JSON values or arrays, all of one length."""
        rows = np.empty((len(columns[0]), len(columns)), dtype=object)
        for place, (column, values) in enumerate(zip(self._columns, columns, strict=True)):
            found = column.checked(values.tolist() if isinstance(values, np.ndarray) else values)
            if found is None:
                return None
            rows[:, place] = found
        return rows

    def array(self, values: npt.NDArray[Any]) -> Objects | None:
        """An array of shape (rows, inputs)."""
        return self.rows(values.tolist())

    def out_of_range(self, rows: Objects) -> int:
        """Count rows outside a range that is counted."""
        if not self._counted:
            return 0
        return sum(any(outside(each, row[place]) for place, each in self._counted) for row in rows)


class _Column:
    """Quick check of the values of one column."""

    def __init__(self, declared: Input, common: Limits) -> None:
        self._declared = declared
        self._kinds = KINDS[declared.type]
        self._refuses_missing = declared.missing == "refuse"
        self._least, self._greatest = accepted(declared, common)
        self._categories = None if declared.categories is None else frozenset(declared.categories)

    def checked(self, values: Sequence[Any]) -> Sequence[Any] | None:
        """Values as the estimator gets them; None if one is not beyond doubt."""
        if not self._kinds.issuperset(map(type, values)):
            return None if self._refuses_missing or None not in values else self._filled(values)
        if self._declared.type == "string":
            return values if self._categories is None or self._categories.issuperset(values) else None
        if self._declared.type == "bool":
            return values
        try:
            numbers = list(map(float, values)) if self._declared.type == "float64" else values
        except OverflowError:
            return None
        least, greatest = self._least, self._greatest
        return numbers if all([least <= each <= greatest for each in numbers]) else None  # noqa: C419 - quicker

    def _filled(self, values: Sequence[Any]) -> Sequence[Any] | None:
        """The same where null is among the values."""
        given = self.checked([each for each in values if each is not None])
        if given is None:
            return None
        default = math.nan if self._declared.missing == "nan" else self._declared.default
        rest = iter(given)
        return [default if each is None else next(rest) for each in values]
