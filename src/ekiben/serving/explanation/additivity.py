"""Whether explanations add up, and are of what the pod answers. Pure.

Two things are compared for each row: the base and the contributions with the output, which was computed
another way; and the output, through its link, with the predictor's own answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.serving.explanation.explained import Explained
from ekiben.serving.predictor import Answers
from ekiben.serving.predictors.outcome import Outcome
from ekiben.serving.schema import Output

TOLERANCE = 1e-9  # of the larger of 1, the base and the output; for probabilities absolute
Flags = npt.NDArray[np.bool_]


class Additivity:
    """Compares explanations with outputs and answers.

    Args:
        base: Of the explainer, shape (scores,).
        link: How scores become answers.
        output: What the schema promises.

    Raises:
        ConfigError: Link and schema do not fit.
    """

    def __init__(self, base: npt.NDArray[np.float64], link: str, output: Output) -> None:
        self._base = base
        self._outcome = Outcome(link, output)
        self._outcome.check(len(base))
        self._places = {label: place for place, label in enumerate(output.classes or ())}

    @np.errstate(invalid="ignore", over="ignore")  # what is not finite is not right, see below
    def right(self, explained: Explained, answers: Answers) -> Flags:
        """Which rows are explained rightly.

        Args:
            explained: Of some rows.
            answers: The predictor's, of the same rows.

        Returns:
            Shape (rows,).
        """
        outputs = explained.outputs
        sums = self._base + explained.contributions.sum(axis=1)
        scale = np.maximum(1.0, np.maximum(np.abs(outputs), np.abs(self._base)))
        # A comparison with NaN is false: such a row is wrong.
        near: Flags = np.all(np.abs(sums - outputs) <= TOLERANCE * scale, axis=1)
        return np.logical_and(near, self._answered(outputs, answers, scale))

    def _answered(self, outputs: Any, answers: Answers, scale: Any) -> Flags:
        given = self._outcome.answers(outputs)
        if not self._places:
            expected = np.asarray(answers.predictions, dtype=np.float64)
            away = np.abs(given.predictions - expected)
            return np.less_equal(away, TOLERANCE * np.maximum(1.0, np.abs(expected)))
        if given.probabilities is not None and answers.probabilities is not None:
            near: Flags = np.all(np.abs(given.probabilities - answers.probabilities) <= TOLERANCE, axis=1)
        else:
            near = np.ones(len(outputs), dtype=np.bool_)
        both = outputs if outputs.shape[1] > 1 else np.concatenate([-outputs, outputs], axis=1)
        places = np.array([self._places[label] for label in answers.predictions.tolist()], dtype=np.intp)
        own = np.take_along_axis(both, places[:, None], axis=1)[:, 0]
        first: Flags = own >= both.max(axis=1) - TOLERANCE * scale.max(axis=1)
        return np.logical_and(near, first)
