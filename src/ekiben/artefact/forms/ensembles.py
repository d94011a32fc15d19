"""scikit-learn's trees and what it sums over them, as plain arrays.

Trees, forests and GradientBoosting cast rows to float32 and compare these with
float64 thresholds; HistGradientBoosting compares float64. A comparison after a
cast is the same as one of the value itself with a limit between two float32
numbers, so that here every tree compares float64 and nothing is cast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.artefact.forms.scaling import NoExactFormError, name_of
from ekiben.serving.predictors.outcome import Link

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
LEAF = -1  # in place of a child


@dataclass(frozen=True, slots=True)
class Tree:
    """One decision tree; all arrays are by node, children come after their parent.

    Attributes:
        feature: Column that is compared.
        threshold: As scikit-learn keeps it.
        limit: A row goes left if its float64 value is at most this.
        left: Child; `LEAF` in a leaf.
        right: Likewise.
        missing_left: Whether a row without this value (NaN) goes left.
        values: Shape (nodes, scores): what a leaf adds to each score.
        weights: Of the rows that came to each node when the tree was grown.
    """

    feature: Indices
    threshold: Floats
    limit: Floats
    left: Indices
    right: Indices
    missing_left: Flags
    values: Floats
    weights: Floats


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Trees whose leaves are summed in order.

    Attributes:
        trees: At least one.
        base: What each sum starts with, shape (scores,).
        divisor: What each sum is divided by at the end.
        float32: Whether the estimator casts rows to float32, and refuses what that cannot hold.
        link: How scores become answers.
        inclusive: Whether a score of exactly 0 means the second of two classes.
    """

    trees: tuple[Tree, ...]
    base: Floats
    divisor: int
    float32: bool
    link: Link
    inclusive: bool = False


def ensemble_of(last: Any) -> Ensemble:
    """Take an estimator apart.

    Args:
        last: Fitted, without the steps before it.

    Raises:
        NoExactFormError: It is no ensemble of trees, or one with a part that is not known here.
    """
    found = TREES.get(name_of(last))
    if found is None:
        raise NoExactFormError(f"{type(last).__name__} has none")
    if getattr(last, "n_outputs_", 1) != 1:
        raise NoExactFormError("more than one output")
    return found(last)


def limits(thresholds: Floats) -> Floats:
    """The largest float64 that is at most the threshold once it was rounded to float32.

    Args:
        thresholds: Any shape.
    """
    with np.errstate(over="ignore"):
        below = thresholds.astype(np.float32)
    above_it = below.astype(np.float64) > thresholds
    below[above_it] = np.nextafter(below[above_it], np.float32(-np.inf))
    next_one = np.nextafter(below, np.float32(np.inf))
    # The middle of two float32 is a float64; it is rounded to the even one of them.
    middle = below.astype(np.float64) / 2 + next_one.astype(np.float64) / 2
    with np.errstate(over="ignore"):
        goes_down = middle.astype(np.float32) == below
    found: Floats = np.where(goes_down, middle, np.nextafter(middle, -np.inf))
    return found


def _of_trees(last: Any) -> Ensemble:
    """A tree or a forest: the mean of the leaves' values.

    Source: sklearn/ensemble/_forest.py, `predict_proba` and `predict`; sklearn/tree/_classes.py.
    """
    parts = getattr(last, "estimators_", None) or [last]
    classes = getattr(last, "n_classes_", None)
    trees = tuple(_tree(each.tree_, each.tree_.value[:, 0, :]) for each in parts)
    return Ensemble(
        trees,
        np.zeros(trees[0].values.shape[1]),
        len(trees),
        float32=True,
        link="identity" if classes is None else "share",
    )


def _tree(tree: Any, values: Any) -> Tree:
    threshold = np.asarray(tree.threshold, dtype=np.float64)
    return Tree(
        np.asarray(tree.feature, dtype=np.int64),
        threshold,
        limits(threshold),
        np.asarray(tree.children_left, dtype=np.int64),
        np.asarray(tree.children_right, dtype=np.int64),
        np.asarray(tree.missing_go_to_left) != 0,
        np.asarray(values, dtype=np.float64),
        np.asarray(tree.weighted_n_node_samples, dtype=np.float64),
    )


def _boosted(last: Any) -> Ensemble:
    """GradientBoosting: a constant and scaled trees.

    Source: sklearn/ensemble/_gb.py, `_raw_predict`; sklearn/ensemble/_gradient_boosting.pyx,
    `predict_stages`: one product and one sum in float64 per tree.
    """
    if not isinstance(last.init_, str) and not name_of(last.init_).startswith("sklearn.dummy."):
        raise NoExactFormError(f"its first estimator is {type(last.init_).__name__}, no constant")
    base = np.asarray(last._raw_predict_init(np.zeros((1, last.n_features_in_))), dtype=np.float64)[0]  # noqa: SLF001 - the constant has no public name
    # exponential loss: expit(2 * score); doubling is exact. Source: sklearn/_loss/link.py, HalfLogitLink.
    factor = 2.0 if getattr(last, "loss", "") == "exponential" else 1.0
    trees = []
    for stage in last.estimators_:
        for column, part in enumerate(stage):
            values = np.zeros((part.tree_.node_count, len(base)))
            values[:, column] = last.learning_rate * part.tree_.value[:, 0, 0] * factor
            trees.append(_tree(part.tree_, values))
    link: Link = "softmax" if len(base) > 1 else "sigmoid"
    if name_of(last).endswith("Regressor"):
        link = "identity"
    return Ensemble(tuple(trees), base * factor, 1, float32=True, link=link, inclusive=True)


_HIST_LINKS: Mapping[str, Link] = {
    "IdentityLink": "identity",
    "LogLink": "exponential",
    "LogitLink": "sigmoid",
    "MultinomialLogit": "softmax",
}


def _boosted_by_histogram(last: Any) -> Ensemble:
    """HistGradientBoosting: a constant and trees that compare float64.

    Source: sklearn/ensemble/_hist_gradient_boosting/gradient_boosting.py, `_raw_predict`.
    """
    link = _HIST_LINKS.get(type(last._loss.link).__name__)  # noqa: SLF001 - none of it has a public name
    if link is None or getattr(last, "is_categorical_", None) is not None:
        raise NoExactFormError("columns of categories, or a loss that is not known here")
    base = np.asarray(last._baseline_prediction, dtype=np.float64).ravel()  # noqa: SLF001 - no public name
    trees = []
    for stage in last._predictors:  # noqa: SLF001 - no public name
        for column, part in enumerate(stage):
            nodes = part.nodes
            leaf = nodes["is_leaf"] != 0
            values = np.zeros((len(nodes), len(base)))
            values[:, column] = nodes["value"]
            limit = nodes["num_threshold"].astype(np.float64)
            left, right = (np.where(leaf, LEAF, nodes[side].astype(np.int64)) for side in ("left", "right"))
            missing_left = nodes["missing_go_to_left"] != 0
            feature = nodes["feature_idx"].astype(np.int64)
            weights = nodes["count"].astype(np.float64)
            trees.append(Tree(feature, limit, limit, left, right, missing_left, values, weights))
    return Ensemble(tuple(trees), base, 1, float32=False, link=link)


_HIST = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoosting"
TREES: Mapping[str, Callable[[Any], Ensemble]] = {
    **{
        f"sklearn.{name}{kind}": _of_trees
        for name in (
            "ensemble._forest.RandomForest",
            "ensemble._forest.ExtraTrees",
            "tree._classes.DecisionTree",
            "tree._classes.ExtraTree",
        )
        for kind in ("Classifier", "Regressor")
    },
    **{f"sklearn.ensemble._gb.GradientBoosting{kind}": _boosted for kind in ("Classifier", "Regressor")},
    **{f"{_HIST}{kind}": _boosted_by_histogram for kind in ("Classifier", "Regressor")},
}
