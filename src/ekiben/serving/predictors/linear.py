"""A linear model, with the scaling before it folded in: one float64 matrix and one vector."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ekiben.errors import ConfigError
from ekiben.serving.predictor import Answers
from ekiben.serving.predictors.outcome import Outcome
from ekiben.serving.schema import Schema
from ekiben.serving.validation import Rows

FORMAT = 1
# Scores of one row, up to which a product each is quicker than one of matrices: after a pause, when most
# of BLAS has left the caches (measured: 5 against 12 us at one connection).
_FEW = 8
_EXPECTED = f"linear.json: expected format {FORMAT}, finite coefficients, intercepts and a link"
_REMEDY = "train the model again"


@dataclass(frozen=True, slots=True)
class Linear:
    """Content of `linear.json`.

    Attributes:
        coefficients: Shape (scores, inputs).
        intercepts: Shape (scores,).
        link: How scores become answers.
    """

    coefficients: npt.NDArray[np.float64]
    intercepts: npt.NDArray[np.float64]
    link: str

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read the content of `linear.json`.

        Raises:
            ConfigError: Another format, or a part that is missing, no finite number or of another shape.
        """
        try:
            document: Any = json.loads(content)
            found = cls(
                np.array(document["coefficients"], dtype=np.float64),
                np.array(document["intercepts"], dtype=np.float64),
                str(document["link"]),
            )
            sound = document["format"] == FORMAT and found._sound()
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{_EXPECTED}: {error!r}", remedy=_REMEDY) from error
        if not sound:
            raise ConfigError(f"{_EXPECTED}, found other shapes or numbers", remedy=_REMEDY)
        return found

    def _sound(self) -> bool:
        matrix, vector = self.coefficients, self.intercepts
        return (
            matrix.ndim == 2  # noqa: PLR2004 - a matrix
            and matrix.shape[:1] == vector.shape
            and bool(np.isfinite(matrix).all() and np.isfinite(vector).all())
        )

    def content(self) -> bytes:
        """Give the content of `linear.json`; floats are written so that they are read back exactly."""
        document = {
            "format": FORMAT,
            "coefficients": self.coefficients.tolist(),
            "intercepts": self.intercepts.tolist(),
            "link": self.link,
        }
        return f"{json.dumps(document, sort_keys=True, allow_nan=False)}\n".encode()


class LinearPredictor:
    """rows @ coefficients + intercepts, and the link.

    Args:
        linear: Matrix, vector and link.
        schema: What it takes and gives.

    Raises:
        ConfigError: The shapes are not the schema's.
    """

    name = "folded"

    def __init__(self, linear: Linear, schema: Schema) -> None:
        scores, inputs = linear.coefficients.shape
        if inputs != len(schema.inputs):
            raise ConfigError(
                f"linear.json: expected {len(schema.inputs)} coefficients per score, found {inputs}",
                remedy=_REMEDY,
            )
        self._outcome = Outcome(linear.link, schema.output)
        self._outcome.check(scores)
        self._matrix = np.ascontiguousarray(linear.coefficients.T)
        self._vector = linear.intercepts
        self._each = list(zip(linear.coefficients, linear.intercepts.tolist(), strict=True))

    def predict(self, rows: Rows) -> Answers:
        """Answer rows of shape (rows, inputs)."""
        if len(rows) == 1 and len(self._each) <= _FEW:
            row = rows[0]
            return self._outcome.one([float(each.dot(row)) + start for each, start in self._each])
        return self._outcome.answers(rows @ self._matrix + self._vector)
