"""Links from scores to answers, against scipy and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

from ekiben.errors import ConfigError
from ekiben.serving.predictors.outcome import Outcome, labels
from ekiben.serving.schema import Output

TWO = Output("classification", ("no", "yes"), probabilities=True)
THREE = Output("classification", (3, 5, 9), probabilities=True)
EDGES = [-800.0, -745.2, -40.0, -1.5, -1e-300, -0.0, 0.0, 1e-300, 0.3, 36.0, 800.0]


def both_ways(outcome: Outcome, scores: Any) -> tuple[Any, Any]:
    """Answers of all rows at once, and the same of each row alone."""
    scores = np.array(scores, dtype=np.float64)
    alone = [outcome.answers(row[None].copy()) for row in scores]
    together = outcome.answers(scores.copy())
    assert np.concatenate([each.predictions for each in alone]).tolist() == together.predictions.tolist()
    if together.probabilities is not None:
        single = np.concatenate([each.probabilities for each in alone])
        assert single == pytest.approx(together.probabilities, rel=1e-15, abs=1e-300)
    return together.predictions.tolist(), together.probabilities


def test_two_classes_by_the_sigmoid() -> None:
    """Above 0 is the second class; probabilities are scipy's expit, without overflow at both ends."""
    found, shares = both_ways(Outcome("sigmoid", TWO), [[each] for each in EDGES])
    assert found == ["yes" if each > 0 else "no" for each in EDGES]
    assert shares[:, 1] == pytest.approx(scipy.special.expit(EDGES), rel=1e-15)
    assert (shares.sum(axis=1) == 1).all()


def test_whether_zero_is_the_second_class() -> None:
    """Gradient boosting says yes at exactly 0, linear models say no."""
    found, _ = both_ways(Outcome("sigmoid", TWO, inclusive=True), [[-1e-300], [-0.0], [0.0], [1e-300]])
    assert found == ["no", "yes", "yes", "yes"]


def test_three_classes() -> None:
    """The greatest score, the first of equal ones; softmax and normalised sigmoids as scipy computes them."""
    scores = [[1.0, 2.0, 0.0], [5.0, 5.0, -800.0], [-900.0, 0.0, 900.0], [0.1, 0.2, 0.3]]
    found, shares = both_ways(Outcome("softmax", THREE), scores)
    assert found == [5, 3, 9, 9]
    assert shares == pytest.approx(scipy.special.softmax(scores, axis=1), rel=1e-14, abs=1e-300)
    found, shares = both_ways(Outcome("one-vs-rest", THREE), scores)
    each = scipy.special.expit(scores)
    assert found == [5, 3, 9, 9]
    assert shares == pytest.approx(each / each.sum(axis=1, keepdims=True), rel=1e-14, abs=1e-300)


def test_one_versus_rest_where_nothing_is_likely() -> None:
    """All sigmoids zero: equal shares."""
    _, shares = both_ways(Outcome("one-vs-rest", THREE), [[-800.0, -900.0, -1000.0], [0.0, 0.0, 0.0]])
    assert shares == pytest.approx(np.full((2, 3), 1 / 3))


def test_scores_that_are_probabilities_and_scores_without() -> None:
    """A share is passed on; a model without probabilities gives none."""
    found, shares = both_ways(Outcome("share", THREE), [[0.25, 0.25, 0.5], [0.5, 0.5, 0.0]])
    assert (found, shares.tolist()) == ([9, 3], [[0.25, 0.25, 0.5], [0.5, 0.5, 0.0]])
    silent = Output("classification", (True, False))
    assert both_ways(Outcome("greatest", silent), [[-1.0], [0.0], [2.0]]) == ([True, True, False], None)


def test_numbers() -> None:
    """Regressions give the score, or its exponential."""
    assert both_ways(Outcome("identity", Output("regression")), [[1.5], [-2.0]]) == ([1.5, -2.0], None)
    found, _ = both_ways(Outcome("exponential", Output("regression")), [[0.0], [1.0]])
    assert found == pytest.approx([1.0, 2.718281828459045], rel=1e-15)


@pytest.mark.parametrize(
    ("link", "output"),
    [("probit", TWO), ("", TWO), ("identity", TWO), ("sigmoid", Output("regression")), ("greatest", TWO)],
)
def test_a_link_that_cannot_give_what_is_promised(link: str, output: Output) -> None:
    """Refused at load, not at the first request."""
    with pytest.raises(ConfigError, match="expected a link"):
        Outcome(link, output)


@pytest.mark.parametrize(
    ("link", "output", "width"),
    [
        ("softmax", THREE, 2),
        ("softmax", TWO, 1),
        ("sigmoid", TWO, 2),
        ("sigmoid", THREE, 3),
        ("share", THREE, 0),
    ],
)
def test_scores_of_another_width_than_the_classes(link: str, output: Output, width: int) -> None:
    """Refused at load."""
    with pytest.raises(ConfigError, match="expected scores for"):
        Outcome(link, output).check(width)


def test_labels_keep_their_types() -> None:
    """Words, truth values and whole numbers; what numpy would convert stays what it is."""
    assert labels(("a", "bc")).tolist() == ["a", "bc"]
    assert labels((False, True)).dtype == np.bool_
    assert labels((1, 2)).dtype.kind == "i"
    assert labels((1, "a")).tolist() == [1, "a"]


def test_answers_of_one_row_cannot_be_changed_for_the_next() -> None:
    """Labels of single rows are shared between answers, and therefore frozen."""
    answers = Outcome("sigmoid", TWO).answers(np.array([[1.0]]))
    with pytest.raises(ValueError, match="read-only"):
        answers.predictions[0] = "no"
