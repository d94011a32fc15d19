"""The slow way through rows: cell by cell, until all is checked or enough places are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.serving.cells import MisfitError, fitted, limits
from ekiben.serving.problem import MOST_ERRORS, Place, Reason, RefusedError
from ekiben.serving.schema import Schema

STATUS = 422
UNFIT = "the instances do not fit the model's schema"


class Walk:
    """Collects the rows of one request, and what is wrong with them.

    Args:
        schema: Inputs in the estimator's order.
    """

    def __init__(self, schema: Schema) -> None:
        self._inputs = schema.inputs
        self._numeric = schema.numeric
        self._limits = limits(schema)
        self._rows: list[list[Any]] = []
        self._reason: Reason | None = None
        self._places: list[Place] = []

    @property
    def full(self) -> bool:
        """Whether as many places are named as an answer has room for."""
        return len(self._places) >= MOST_ERRORS

    def wrong(self, reason: Reason, *places: Place) -> None:
        """Note what is wrong with a whole row; the first reason of all is the request's."""
        self._reason = self._reason or reason
        self._places.extend(places)

    def row(self, cells: Sequence[Any], place: Callable[[int], str]) -> None:
        """Check a row of the schema's width.

        Args:
            cells: Its values in order.
            place: JSON pointer of the value of a column.
        """
        row: list[Any] = []
        for column, (declared, value) in enumerate(zip(self._inputs, cells, strict=True)):
            try:
                row.append(fitted(declared, value, self._limits))
            except MisfitError as error:
                self.wrong(error.reason, Place(place(column), error.wording))
        self._rows.append(row)

    def rows(self) -> npt.NDArray[Any]:
        """All rows, of shape (rows, inputs).

        Raises:
            RefusedError: 422; something was wrong.
        """
        if self._reason is not None:
            raise RefusedError(STATUS, self._reason, UNFIT, tuple(self._places))
        rows = np.empty((len(self._rows), len(self._inputs)), dtype=np.float64 if self._numeric else object)
        rows[:] = self._rows
        return rows
