"""What explains an estimator's predictions: coefficients and background, or trees with the rows they grew on.

Exact or not at all: an estimator that has neither a linear form nor trees behind steps that keep each column
apart is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.artefact.forms.ensembles import LEAF, Ensemble, Tree, ensemble_of
from ekiben.artefact.forms.folded import fold
from ekiben.artefact.forms.scaling import NoExactFormError, Step, peel
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.serving.explanation import linear
from ekiben.serving.explanation.additivity import TOLERANCE, Additivity
from ekiben.serving.explanation.content import GOLDEN, Content
from ekiben.serving.explanation.explained import Explainer, Summary
from ekiben.serving.explanation.loaded import explainer_of
from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
from ekiben.serving.schema import Schema

Floats = npt.NDArray[np.float64]
_MOST_WEIGHT = 2**30  # of a root whose weights are no whole numbers; LightGBM counts in 32 bits


def explained_by(estimator: Any, schema: Schema, known: Any, golden: Any) -> Content:
    """Make what explains an estimator.

    Args:
        estimator: Fitted.
        schema: What it takes and gives.
        known: Rows it was fitted on, shape (rows, inputs); their mean is the background of a linear model.
        golden: Rows whose contributions go along, for the pod to compare.

    Raises:
        ConfigError: It cannot be explained exactly, or LightGBM is not installed.
    """
    found = _content(estimator, schema, known)
    contributions = explainer_of(found, len(schema.inputs)).explain(golden.astype(np.float64)).contributions
    return Content(found.summary, {**found.arrays, GOLDEN: contributions}, found.steps)


def require(explainer: Explainer, content: Content, estimator: Any, schema: Schema, rows: Any) -> Floats:
    """Prove an explainer on rows: what it says adds up to what the estimator answers.

    Args:
        explainer: Of the content.
        content: What it was made of.
        estimator: Fitted.
        schema: What it takes and gives.
        rows: Held out.

    Returns:
        Mean absolute contribution, shape (inputs, scores).

    Raises:
        AcceptanceError: A row does not add up.
    """
    explained = explainer.explain(rows.astype(np.float64))
    additivity = Additivity(explainer.base, content.summary.link, schema.output)
    right = additivity.right(explained, EstimatorPredictor(estimator, schema).predict(rows))
    if not right.all():
        raise AcceptanceError(
            f"bento.explain: the contributions of {int((~right).sum())} of {len(rows)} held-out rows do not "
            f"add up to the estimator's output within {TOLERANCE:g}; nothing was stored",
            remedy="report this with the estimator's class, or set bento.explain: false",
        )
    found: Floats = np.abs(explained.contributions).mean(axis=0)
    return found


def _content(estimator: Any, schema: Schema, known: Any) -> Content:
    if not schema.numeric:
        raise _refused("an input is a string, which the steps before the estimator make several columns of")
    try:
        return _linear(estimator, schema, known)
    except NoExactFormError:
        pass
    try:
        steps, last = peel(estimator)
        return _trees(steps, ensemble_of(last), getattr(last, "loss", ""))
    except NoExactFormError as error:
        raise _refused(str(error)) from error


def _refused(reason: str) -> ConfigError:
    return ConfigError(
        f"bento.explain: expected a linear model or trees behind scalers, found another estimator: {reason}",
        remedy="set bento.explain: false, or take an estimator that docs/explanations.md lists",
    )


def _linear(estimator: Any, schema: Schema, known: Any) -> Content:
    folded = fold(estimator, schema)
    if any(each.missing == "nan" for each in schema.inputs):
        raise NoExactFormError("a value may be missing, which no matrix knows")
    rows = known.astype(np.float64)
    # fsum rounds once: the mean is the same on every processor.
    background = np.array([math.fsum(column) / len(rows) for column in rows.T.tolist()])
    arrays = {
        linear.COEFFICIENTS: folded.coefficients,
        linear.INTERCEPTS: folded.intercepts,
        linear.BACKGROUND: background,
    }
    return Content(Summary("linear", folded.link, len(folded.intercepts)), arrays)


def _trees(steps: Sequence[Step], ensemble: Ensemble, loss: Any) -> Content:
    if loss == "exponential":
        raise NoExactFormError("the exponential loss has probabilities of twice its decision function")
    trees = ensemble.trees
    arrays: dict[str, Any] = {
        "base": ensemble.base / ensemble.divisor,
        "sizes": np.array([len(tree.left) for tree in trees], dtype=np.int64),
        "feature": np.concatenate([np.where(tree.left == LEAF, 0, tree.feature) for tree in trees]),
        "limit": np.concatenate([np.where(tree.left == LEAF, 0.0, tree.limit) for tree in trees]),
        "left": np.concatenate([tree.left for tree in trees]),
        "right": np.concatenate([tree.right for tree in trees]),
        "missing_left": np.concatenate([tree.missing_left for tree in trees]),
        "count": np.concatenate([counts(tree) for tree in trees]),
        "values": np.concatenate([_of_leaves(tree) for tree in trees]),
        "divisor": np.array([float(ensemble.divisor)]),
    }
    arrays |= {f"step_{number}": step.vector for number, step in enumerate(steps)}
    summary = Summary("trees", ensemble.link, len(ensemble.base))
    return Content(summary, arrays, tuple(step.operation for step in steps))


def _of_leaves(tree: Tree) -> Floats:
    """Values of leaves; what an inner node would say adds to nothing."""
    found: Floats = np.where((tree.left == LEAF)[:, None], tree.values, 0.0)
    return found


def counts(tree: Tree) -> npt.NDArray[np.int64]:
    """Rows that came to each node, as whole numbers.

    Rows drawn with replacement count as often as they were drawn. Weights that are no whole numbers (of
    classes or rows) become parts of 2^30 of the root's, at least one.

    Args:
        tree: One tree.

    Returns:
        Shape (nodes,); a node's is the sum of its children's.
    """
    weights = tree.weights
    whole = bool((weights == np.rint(weights)).all()) and weights.min() > 0 and weights[0] <= _MOST_WEIGHT
    if not whole:
        weights = weights * (_MOST_WEIGHT / weights[0])
    found = np.maximum(1, np.rint(weights)).astype(np.int64)
    for node in np.flatnonzero(tree.left != LEAF)[::-1]:  # children come after their parent
        found[node] = found[tree.left[node]] + found[tree.right[node]]
    return found
