"""Labelled rows: scores as scikit-learn defines them, and files that are not what they should be."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from ekiben.errors import ConfigError
from ekiben.serving import labelled
from ekiben.serving.labelled import Labelled
from ekiben.serving.predictor import Answers
from ekiben.serving.schema import Input, Output, Schema

DRAW = np.random.default_rng(5)
NUMBERS = Schema((Input("a", "float64", missing="nan"), Input("b", "int64")), Output("regression"))
WORDS = Schema((Input("a", "string"),), Output("classification", ("no", "yes"), probabilities=True))


@pytest.mark.parametrize("classes", [(0, 1, 2), ("a", "b", "c"), (False, True)])
def test_a_classifiers_scores_are_scikit_learns(classes: tuple[Any, ...]) -> None:
    """Accuracy, balanced accuracy and log loss, of labels of every type, a probability of 0 among them."""
    given = DRAW.dirichlet([1] * len(classes), size=300)
    given[0] = np.eye(len(classes))[0]
    known = labelled.as_array([classes[place] for place in DRAW.integers(len(classes), size=300)])
    known[0] = classes[1]
    predictions = np.array(classes)[given.argmax(axis=1)]
    found = labelled.score(known, Answers(predictions, given), classes)
    words = [str(each) for each in known], [str(each) for each in predictions]
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(*words),
            "balanced_accuracy": metrics.balanced_accuracy_score(*words),
            "log_loss": metrics.log_loss(words[0], given, labels=[str(each) for each in classes]),
        },
        rel=1e-12,
    )


def test_a_regressors_scores_are_scikit_learns() -> None:
    """MAE, RMSE and R2; labels that do not vary have no R2."""
    known, predictions = DRAW.normal(size=(2, 100))
    found = labelled.score(known, Answers(predictions, None), None)
    assert found == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(known, predictions),
            "rmse": metrics.root_mean_squared_error(known, predictions),
            "r2": metrics.r2_score(known, predictions),
        },
        rel=1e-12,
    )
    assert set(labelled.score(np.ones(3), Answers(np.zeros(3), None), None)) == {"mae", "rmse"}


def test_a_label_that_the_model_does_not_know_is_wrong_and_has_no_probability() -> None:
    """It lowers the accuracy; the log loss of such rows is not defined."""
    answers = Answers(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert labelled.score(np.array([0, 7]), answers, (0, 1)) == {"accuracy": 0.5, "balanced_accuracy": 0.5}


def test_what_is_written_is_read() -> None:
    """Missing values, integers and the scores of the answers that were given."""
    rows, labels = np.array([[1.5, 2.0], [np.nan, 3.0]]), np.array([1.0, 5.0])
    document = labelled.document(rows, labels, NUMBERS, Answers(np.array([2.0, 5.0]), None))
    assert document["rows"] == [[1.5, 2], [None, 3]]
    found = Labelled.parse(json.dumps(document).encode(), NUMBERS)
    assert np.array_equal(found.rows, rows, equal_nan=True)
    assert (found.labels.tolist(), found.scores["mae"]) == ([1.0, 5.0], 0.5)


SOUND: dict[str, Any] = {"format": 1, "rows": [["x"]], "labels": ["no"], "scores": {"accuracy": 1.0}}


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"rows": []}, {"rows": [[1]]}, {"rows": [["x"], ["y"]]}, {"labels": []}, {"labels": 5},
        {"labels": ["no", "no"]}, {"scores": {}}, {"scores": {"accuracy": "high"}}, {"scores": 1},
    ],
)  # fmt: skip
def test_a_file_that_is_no_list_of_labelled_rows_is_refused(change: dict[str, Any]) -> None:
    """Each part alone; the whole one is taken."""
    assert len(Labelled.parse(json.dumps(SOUND).encode(), WORDS).rows) == 1
    with pytest.raises(ConfigError, match=r"labelled\.json"):
        Labelled.parse(json.dumps({**SOUND, **change}).encode(), WORDS)


@pytest.mark.parametrize("content", [b"[]", b"{}", b"x", b" " * (labelled.MOST_BYTES + 1)])
def test_other_content_is_refused(content: bytes) -> None:
    """No such document, or one that is too long to be read."""
    with pytest.raises(ConfigError, match=r"labelled\.json"):
        Labelled.parse(content, WORDS)
