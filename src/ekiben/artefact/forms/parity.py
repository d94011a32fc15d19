"""Whether a form answers as the estimator: the same labels, and numbers within a stated tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.serving.schema import Schema

Numbers = npt.NDArray[np.float64]
# Two largest probabilities (or scores, relative) nearer than this are a tie: scikit-learn itself may
# answer such a row otherwise alone than among others.
TIE = 1e-12
PROBABILITY_TOLERANCE = 1e-12  # absolute
NUMBER_TOLERANCE = 1e-10  # of a regression: relative to the value or to the values' spread
_WORST = 5  # rows that are kept with their answers
_TWO = 2


@dataclass(frozen=True, slots=True)
class Answered:
    """What answered some rows.

    Attributes:
        predictions: Shape (rows,).
        probabilities: Shape (rows, classes); None without.
        tied: Rows whose two best classes are as good as equal; None where nobody asked.
    """

    predictions: npt.NDArray[Any]
    probabilities: Numbers | None
    tied: npt.NDArray[np.bool_] | None = None

    def numbers(self) -> Numbers:
        """What is compared as numbers, shape (rows, columns); no column for labels alone."""
        if self.probabilities is not None:
            return self.probabilities
        if self.predictions.dtype.kind == "f":
            return np.asarray(self.predictions, dtype=np.float64)[:, None]
        return np.zeros((len(self.predictions), 0))


@dataclass(frozen=True, slots=True)
class Worst:
    """A row on which two answers differ most.

    Attributes:
        row: The values, as JSON has them.
        origin: Why the row was compared.
        expected: The estimator's answer.
        found: The form's.
        difference: Of the numbers, absolute.
        flipped: Whether the labels differ.
    """

    row: tuple[Any, ...]
    origin: str
    expected: Any
    found: Any
    difference: float
    flipped: bool


@dataclass(slots=True)
class Tally:
    """Differences between two answerers so far.

    Attributes:
        scale: What differences of a regression are relative to, at least.
        regression: Whether numbers are what is answered.
        rows: Compared.
        flips: Labels that differ where there is no tie.
        ties: Rows with a tie.
        absolute: Largest difference.
        relative: Largest one, relative to the expected value, or for a regression also to the spread.
        ulp: Largest one, in units of the last place of the larger number.
        worst: Rows that differ most, the worst first.
        raised: What the form raised while it was compared; None if it answered. It was not asked again.
    """

    scale: float
    regression: bool
    rows: int = 0
    flips: int = 0
    ties: int = 0
    absolute: float = 0.0
    relative: float = 0.0
    ulp: float = 0.0
    worst: list[Worst] = field(default_factory=list)
    raised: str | None = None

    def add(self, expected: Answered, found: Answered, rows: npt.NDArray[Any], origins: list[str]) -> None:
        """Compare answers to the same rows; rows asked alone count as rows, too.

        Args:
            expected: By the estimator.
            found: By the form.
            rows: As the estimator gets them.
            origins: Why each row was compared.
        """
        self.rows += len(rows)
        tied = np.zeros(len(rows), dtype=bool) if expected.tied is None else expected.tied
        self.ties += int(tied.sum())
        flipped = np.zeros(len(rows), dtype=bool)
        if not self.regression:
            flipped = (found.predictions != expected.predictions) & ~tied
            self.flips += int(flipped.sum())
        numbers, others = expected.numbers(), found.numbers()
        away = _away(numbers, others)
        by_row = away.max(axis=1) if away.shape[1] else np.zeros(len(rows))
        self.absolute = max(self.absolute, float(by_row.max(initial=0.0)))
        if away.size:
            magnitude = np.maximum(np.abs(numbers), self.scale if self.regression else 0.0)
            larger = np.maximum(np.abs(numbers), np.abs(others))
            self.relative = max(self.relative, _ratio(away, magnitude))
            self.ulp = max(self.ulp, _ratio(away, np.spacing(larger)))
        self._keep_worst(expected, found, rows, origins, flipped, by_row)

    def _keep_worst(
        self, expected: Answered, found: Answered, rows: Any, origins: list[str], flipped: Any, by_row: Any
    ) -> None:
        differ = np.flatnonzero(flipped | (by_row > 0))
        order = differ[np.lexsort((-by_row[differ], ~flipped[differ]))][:_WORST]
        for each in order:
            self.worst.append(
                Worst(
                    tuple(_plain(value) for value in rows[each].tolist()),
                    origins[each],
                    _answer(expected, each),
                    _answer(found, each),
                    float(by_row[each]),
                    bool(flipped[each]),
                )
            )
        self.worst.sort(key=lambda one: (not one.flipped, -one.difference))  # stable: blocks come in order
        del self.worst[_WORST:]

    @property
    def reason(self) -> str | None:
        """Why the form is dropped; None if it is kept."""
        if self.raised is not None:
            return "it raised an error instead of answering"
        if self.flips:
            return f"{self.flips} of {self.rows} rows got another label"
        found, most = (
            (self.relative, NUMBER_TOLERANCE) if self.regression else (self.absolute, PROBABILITY_TOLERANCE)
        )
        return None if found <= most else f"a number is off by {found:.3g}, more than {most:g}"

    def document(self) -> dict[str, Any]:
        """Give what `parity.json` says of it: nothing whose last digits depend on the processor.

        Largest differences are powers of ten that are at least as large; rows stand there if the form is
        dropped.
        """
        return {
            "kept": self.reason is None,
            "reason": self.reason,
            "rows": self.rows,
            "flips": self.flips,
            "ties": self.ties,
            "largest_difference": {
                "absolute": decade(self.absolute),
                "relative": decade(self.relative),
                "ulp": decade(self.ulp),
            },
            "worst": [] if self.reason is None else [_document(each) for each in self.worst],
        }


def tied(estimator: Any, rows: Any, probabilities: Numbers | None, schema: Schema) -> npt.NDArray[np.bool_]:
    """Rows whose two best classes are as good as equal, by scikit-learn's own numbers."""
    nothing = np.zeros(len(rows), dtype=bool)
    if schema.output.kind == "regression":
        return nothing
    if probabilities is not None:
        best = np.sort(probabilities, axis=1)
        return best[:, -1] - best[:, -_TWO] <= TIE if best.shape[1] > 1 else nothing
    if not hasattr(estimator, "decision_function"):
        return nothing
    scores = np.asarray(estimator.decision_function(rows))
    if scores.ndim == 1:
        return np.asarray(np.abs(scores) <= TIE)
    best = np.sort(scores, axis=1)
    return np.asarray(best[:, -1] - best[:, -_TWO] <= TIE * np.maximum(1, np.abs(best[:, -1])))


def _away(numbers: Numbers, others: Numbers) -> Numbers:
    """Distances; two equal infinities are equal, and what is no number is infinitely far."""
    with np.errstate(invalid="ignore"):
        away = np.where(numbers == others, 0.0, np.abs(numbers - others))
    away[np.isnan(away)] = np.inf
    return away


def _ratio(differences: Numbers, scale: Any) -> float:
    """The largest ratio; 0 / 0 is no difference."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(differences == 0, 0.0, differences / scale)
    ratios[np.isnan(ratios)] = np.inf
    return float(ratios.max(initial=0.0))


def _answer(answered: Answered, row: int) -> Any:
    label = _plain(np.asarray(answered.predictions[row]).tolist())
    if answered.probabilities is None:
        return label
    return {"label": label, "probabilities": answered.probabilities[row].tolist()}


def _document(worst: Worst) -> dict[str, Any]:
    return {
        "row": list(worst.row),
        "origin": worst.origin,
        "expected": worst.expected,
        "found": worst.found,
        "flipped": worst.flipped,
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it: what is no number is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def decade(difference: float) -> float:
    """Give the power of ten that is at least as large: last digits depend on the processor, it does not."""
    if difference == 0 or not math.isfinite(difference):
        return 0.0 if difference == 0 else 1e300
    return float(f"1e{math.ceil(math.log10(difference))}")
