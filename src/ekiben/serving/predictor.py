"""The contract of a predictor: rows in, answers out, under the name of one of three forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:  # the manifest is read before numpy is there
    import numpy as np
    import numpy.typing as npt

    from ekiben.serving.validation import Rows

Form = Literal["folded", "onnx", "scikit-learn"]  # of an estimator; the fastest first


@dataclass(slots=True)  # not frozen: made for every request, and freezing costs three times the making
class Answers:
    """What a predictor gives for rows.

    Attributes:
        predictions: Shape (rows,); labels or float64. Not to be written to.
        probabilities: Shape (rows, classes), 0-1; None without probabilities.
    """

    predictions: npt.NDArray[Any]
    probabilities: npt.NDArray[np.float64] | None


class Predictor(Protocol):
    """What the lane calls; safe to call from one thread at a time per row set.

    Attributes:
        name: One of the forms.
    """

    name: str

    def predict(self, rows: Rows) -> Answers:
        """Answer rows of shape (rows, inputs)."""
        ...
