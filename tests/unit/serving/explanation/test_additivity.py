"""What does not add up is told apart, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ekiben.serving.explanation.additivity import TOLERANCE, Additivity
from ekiben.serving.explanation.explained import Explained
from ekiben.serving.predictor import Answers
from ekiben.serving.schema import Output

TWO = Output("classification", ("no", "yes"), probabilities=True)
NUMBER = Output("regression")


def judged(change: Any, output: Output = NUMBER, link: str = "identity") -> list[bool]:
    """Three rows of two columns whose outputs are 1.5, 3.0 and -2.0, one thing of which is changed."""
    base = np.array([0.5])
    contributions = np.array([[0.75, 0.25], [3.0, -0.5], [-2.0, -0.5]])[:, :, None]
    outputs = np.array([[1.5], [3.0], [-2.0]])
    answers = Answers(outputs[:, 0].copy(), None)
    if output is TWO:
        second = 1 / (1 + np.exp(-outputs[:, 0]))
        answers = Answers(np.array(["yes", "yes", "no"]), np.stack([1 - second, second], axis=1))
    explained = Explained(contributions, outputs)
    change(explained, answers)
    return [bool(each) for each in Additivity(base, link, output).right(explained, answers)]


def nothing(*_: Any) -> None: ...


def contribution(explained: Explained, _: Answers) -> None:
    explained.contributions[1, 0, 0] += 10 * TOLERANCE


def within(explained: Explained, _: Answers) -> None:
    explained.contributions[1, 0, 0] += TOLERANCE / 10


def not_a_number(explained: Explained, _: Answers) -> None:
    explained.contributions[1] = np.nan


def endless(explained: Explained, _: Answers) -> None:
    explained.contributions[1] = explained.outputs[1] = np.inf


def answer(_: Explained, answers: Answers) -> None:
    answers.predictions[1] = 3.1


def label(_: Explained, answers: Answers) -> None:
    answers.predictions[1] = "no"


def probability(_: Explained, answers: Answers) -> None:
    assert answers.probabilities is not None
    answers.probabilities[1] += [1e-8, -1e-8]


@pytest.mark.parametrize(
    ("change", "right"),
    [
        (nothing, True),
        (within, True),
        (contribution, False),
        (not_a_number, False),
        (endless, False),
        (answer, False),
    ],
)
def test_of_a_number(change: Any, right: bool) -> None:
    """A sum that is off, NaN, infinity, or an output that is not what the pod answers."""
    assert judged(change) == [True, right, True]


@pytest.mark.parametrize(
    ("change", "right"), [(nothing, True), (contribution, False), (label, False), (probability, False)]
)
def test_of_classes(change: Any, right: bool) -> None:
    """Label and probabilities must be those of the output."""
    assert judged(change, TWO, "sigmoid") == [True, right, True]
