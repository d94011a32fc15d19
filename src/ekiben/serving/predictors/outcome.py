"""From scores to labels and probabilities, by scikit-learn's own formulas.

What folded and ONNX forms compute is one score per row and class (one alone for
two classes). How scores become an answer is a link, named in the form's file.
One row takes a short way in plain floats; its result is that of the array.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from ekiben.errors import ConfigError
from ekiben.serving.predictor import Answers
from ekiben.serving.schema import Output

Scores = npt.NDArray[np.float64]
# identity, exponential: of regressions. share: the scores are the probabilities. greatest: there are none.
# Source: sklearn/linear_model/_base.py, LinearClassifierMixin (sigmoid, one-vs-rest);
# sklearn/utils/extmath.py, softmax; sklearn/_loss/link.py (LogLink is the exponential).
Link = Literal["identity", "exponential", "share", "sigmoid", "softmax", "one-vs-rest", "greatest"]
LINKS: tuple[str, ...] = get_args(Link)
_FEW = 32  # scores of one row, up to which plain floats are faster than arrays
_REGRESSION = frozenset({"identity", "exponential"})


class Outcome:
    """Turns scores into answers.

    Args:
        link: How.
        inclusive: With one score for two classes: whether a score of exactly 0 is the second one.
            Source: `predict` of GradientBoostingClassifier says `>= 0`, of linear models `> 0`.
        output: What the schema promises.

    Raises:
        ConfigError: A link that is unknown, or cannot give what is promised.
    """

    def __init__(self, link: str, output: Output, *, inclusive: bool = False) -> None:
        fits = (link in _REGRESSION) == (output.kind == "regression")
        if link not in LINKS or not fits or (link != "greatest") < output.probabilities:
            raise ConfigError(
                f"expected a link for a {output.kind}, found {link!r}", remedy="train the model again"
            )
        self._link = link
        self._lowest = 0.0 if inclusive else math.ulp(0.0)  # of a score that means the second class
        self._classes = labels(output.classes or ())
        self._single = [_frozen(self._classes[place : place + 1]) for place in range(len(self._classes))]
        self._probable = output.probabilities
        self._width = 1 if output.kind == "regression" else len(self._classes)

    def check(self, width: int) -> None:
        """Refuse scores of another width than the classes need.

        Raises:
            ConfigError: They do not pair.
        """
        alone = width == 1 and self._width == 2 and self._link in ("sigmoid", "greatest")  # noqa: PLR2004
        if not alone and (width != self._width or self._link == "sigmoid"):
            raise ConfigError(
                f"expected scores for {self._width} class(es) by {self._link}, found {width} column(s)",
                remedy="train the model again",
            )

    def answers(self, scores: Scores) -> Answers:
        """Answer for scores of shape (rows, classes or 1)."""
        link = self._link
        if link == "identity":
            return Answers(scores[:, 0], None)
        if link == "exponential":
            return Answers(np.exp(scores[:, 0]), None)
        if len(scores) == 1 and scores.size <= _FEW:
            return self.one(scores[0].tolist())
        if scores.shape[1] == 1:
            found = self._classes.take((scores[:, 0] >= self._lowest).astype(np.intp))
        else:
            found = self._classes.take(scores.argmax(axis=1))
        if not self._probable:
            return Answers(found, None)
        return Answers(found, _SHARES[link](scores))

    def one(self, values: list[float]) -> Answers:
        """Answer for the scores of one row."""
        link = self._link
        if link in _REGRESSION:
            score = np.array(values[:1])
            return Answers(score if link == "identity" else np.exp(score), None)
        found = self._single[values[0] >= self._lowest if len(values) == 1 else values.index(max(values))]
        if not self._probable:
            return Answers(found, None)
        if link == "share":
            return Answers(found, np.array([values]))
        if link == "softmax":
            top = max(values)
            each = [math.exp(value - top) for value in values]
        else:
            each = [_sigmoid(value) for value in values]
        if len(each) == 1:
            return Answers(found, np.array([[1.0 - each[0], each[0]]]))
        whole = sum(each)
        if whole == 0:
            return Answers(found, one_vs_rest(np.array([values])))
        return Answers(found, np.array([[one / whole for one in each]]))


def labels(classes: tuple[Any, ...]) -> npt.NDArray[Any]:
    """Array of a schema's labels; of objects if they differ in type, which numpy would convert."""
    kinds = {type(each) for each in classes}
    return np.array(classes, dtype=object if len(kinds) > 1 else None)


def sigmoid(scores: Scores) -> Scores:
    """1 / (1 + exp(-score)), without overflow and exact to the last digits at both ends."""
    small = np.exp(-np.abs(scores))
    shares: Scores = np.where(scores >= 0, 1.0, small) / (1.0 + small)
    return shares


def softmax(scores: Scores) -> Scores:
    """exp(score) as a share of the row's sum."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Scores = powers / powers.sum(axis=1, keepdims=True)
    return shares


def one_vs_rest(scores: Scores) -> Scores:
    """Sigmoids as shares of the row's sum; equal shares where all of them are zero."""
    each = sigmoid(scores)
    sums = each.sum(axis=1, keepdims=True)
    if not sums.all():
        each[sums[:, 0] == 0] = 1.0
        sums = each.sum(axis=1, keepdims=True)
    shares: Scores = each / sums
    return shares


def _of_two(scores: Scores) -> Scores:
    second = sigmoid(scores[:, 0])
    return np.stack([1 - second, second], axis=1)


def _sigmoid(score: float) -> float:
    small = math.exp(-abs(score))
    return (1.0 if score >= 0 else small) / (1.0 + small)


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array


_SHARES: Mapping[str, Callable[[Scores], Scores]] = {
    "share": lambda scores: scores,
    "sigmoid": _of_two,
    "softmax": softmax,
    "one-vs-rest": one_vs_rest,
}
