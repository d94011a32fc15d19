"""Whether a form answers as the estimator: the same labels, and numbers within a stated tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ekiben.artefact.forms.rows import Rows
from ekiben.serving.predictor import Predictor
from ekiben.serving.schema import Schema

# Two largest probabilities (or scores, relative) nearer than this are a tie: scikit-learn itself may
# answer such a row otherwise alone than among others.
TIE = 1e-12
PROBABILITY_TOLERANCE = 1e-12  # absolute
NUMBER_TOLERANCE = 1e-10  # of a regression: relative to the value or to the values' spread
_ALONE = 256  # rows that are also asked one by one: a batch may take another way
_TWO = 2


@dataclass(frozen=True, slots=True)
class Found:
    """Outcome of a comparison.

    Attributes:
        rows: How many were compared.
        flips: Labels that differ where there is no tie.
        ties: Rows with a tie.
        largest_difference: Of a probability, absolute; of a regression, relative; a power of ten that is at
            least as large, as the last digits depend on the processor. 0 if there is none.
        reason: Why the form is dropped; None if it is kept.
    """

    rows: int
    flips: int
    ties: int
    largest_difference: float
    reason: str | None

    def document(self) -> dict[str, Any]:
        """Give what `parity.json` says of it."""
        return {
            "kept": self.reason is None,
            "reason": self.reason,
            "rows": self.rows,
            "flips": self.flips,
            "ties": self.ties,
            "largest_difference": self.largest_difference,
        }


def compare(predictor: Predictor, estimator: Any, rows: Rows, schema: Schema) -> Found:
    """Compare a form with the estimator.

    Args:
        predictor: The form, read back from its file.
        estimator: The estimator that was trained.
        rows: Shape (rows, inputs).
        schema: What both take and give.
    """
    answers = predictor.predict(rows)
    alone = [predictor.predict(rows[number : number + 1]) for number in range(min(_ALONE, len(rows)))]
    predictions = np.concatenate([answers.predictions, *(each.predictions for each in alone)])
    expected = np.asarray(estimator.predict(rows))
    repeated = np.concatenate([expected, expected[: len(alone)]])
    if schema.output.kind == "regression":
        spread = np.maximum(np.abs(repeated), expected.std())
        difference = _largest(np.abs(predictions - repeated), spread)
        return _judged(len(rows), 0, 0, difference, NUMBER_TOLERANCE)
    tied = _tied(estimator, rows, schema)
    flips = (predictions != repeated) & ~np.concatenate([tied, tied[: len(alone)]])
    difference = 0.0
    if schema.output.probabilities:
        known = np.asarray(estimator.predict_proba(rows))
        given = np.concatenate([answers.probabilities, *(each.probabilities for each in alone)])
        difference = _largest(np.abs(given - np.concatenate([known, known[: len(alone)]])), 1.0)
    return _judged(len(rows), int(flips.sum()), int(tied.sum()), difference, PROBABILITY_TOLERANCE)


def _judged(rows: int, flips: int, ties: int, difference: float, tolerance: float) -> Found:
    reason = None
    if flips:
        reason = f"{flips} of {rows} rows got another label"
    elif not difference <= tolerance:
        reason = f"a number is off by {difference:.3g}, more than {tolerance:g}"
    return Found(rows, flips, ties, _decade(difference), reason)


def _tied(estimator: Any, rows: Rows, schema: Schema) -> Any:
    """Rows whose two best classes are as good as equal, by scikit-learn's own numbers."""
    if schema.output.probabilities:
        best = np.sort(estimator.predict_proba(rows), axis=1)
        return best[:, -1] - best[:, -_TWO] <= TIE if best.shape[1] > 1 else np.zeros(len(rows), dtype=bool)
    scores = np.asarray(estimator.decision_function(rows))
    if scores.ndim == 1:
        return np.abs(scores) <= TIE
    best = np.sort(scores, axis=1)
    return best[:, -1] - best[:, -_TWO] <= TIE * np.maximum(1, np.abs(best[:, -1]))


def _largest(differences: Any, scale: Any) -> float:
    """The largest ratio; NaN if one is no number; 0 / 0 is no difference."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(differences == 0, 0.0, differences / scale)
    return float(ratios.max())


def _decade(difference: float) -> float:
    if difference == 0 or not math.isfinite(difference):
        return 0.0 if difference == 0 else 1e300
    return float(f"1e{math.ceil(math.log10(difference))}")
