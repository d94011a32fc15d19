"""Search trees of nearest neighbours hold raw indices that compiled code follows: check them once, at load.

A sound tree is complete: node i has children 2i + 1 and 2i + 2, which share its rows between them, and nodes
without children among the nodes are leaves. So every index lies within its array, and no query meets more
rows than there are.

Source: sklearn/neighbors/_binary_tree.pxi.tp, `_query_single_depthfirst`, `_query_radius_single`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.errors import ConfigError

_SETS = {"KDTree": 2, "BallTree": 1}  # of bounds: lowest and highest of a box; the centre of a ball
# Metrics whose compiled code reads the rows alone, no weights beside them.
_METRICS = frozenset({"EuclideanDistance64", "ManhattanDistance64"})
_VOTES = frozenset({"KNeighborsClassifier", "RadiusNeighborsClassifier"})
_STATE = 13  # parts of a tree's state


def is_tree(part: Any) -> bool:
    """Whether this is a search tree."""
    return type(part).__name__ in _SETS and type(part).__module__.startswith("sklearn.neighbors.")


def require(tree: Any) -> None:
    """Check a search tree.

    Raises:
        ConfigError: An index points outside the tree or its rows, or the metric reads more than rows.
    """
    if not _sound(tree.__getstate__(), _SETS[type(tree).__name__]):
        raise ConfigError(
            f"estimator: a {type(tree).__name__} points outside itself, or has a metric that no pod takes",
            remedy="train the model again, with metric='euclidean' or 'manhattan'",
        )


def require_labels(part: Any) -> None:
    """Check that a vote's labels are among its classes: compiled code counts votes by them.

    Source: sklearn/metrics/_pairwise_distances_reduction/_argkmin_classmode.pyx.tp.

    Raises:
        ConfigError: A label is none of them.
    """
    state = getattr(part, "__dict__", {})
    if type(part).__name__ not in _VOTES or "_y" not in state:
        return
    labels, classes = np.asarray(state["_y"]), state.get("classes_", ())
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not _within(labels, len(classes)):
        raise ConfigError(
            f"estimator: a {type(part).__name__} holds labels that are none of its classes",
            remedy="train the model again",
        )


def _within(indices: npt.NDArray[Any], below: int) -> bool:
    return bool(np.all((indices >= 0) & (indices < below)))


def _sound(state: tuple[Any, ...], sets: int) -> bool:
    if len(state) != _STATE:
        return False
    data, order, nodes, bounds = (np.asarray(part) for part in state[:4])
    count, metric = state[6], state[11]
    rows = len(data)
    return (
        rows > 0
        and count == len(nodes) > 0
        and bounds.shape == (sets, count, data.shape[1])
        and len(order) == rows
        and np.array_equal(np.sort(order), np.arange(rows))
        and type(metric).__name__ in _METRICS
        and _shares(nodes, rows)
    )


def _shares(nodes: npt.NDArray[Any], rows: int) -> bool:
    """Whether children share the rows of their parent, from the root down, and ends are leaves."""
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    left, right = 2 * inner + 1, 2 * inner + 2
    return (
        bool(starts[0] == 0 and ends[0] == rows)
        and bool(np.all(right < len(nodes)))
        and np.array_equal(starts[left], starts[inner])
        and np.array_equal(ends[left], starts[right])
        and np.array_equal(ends[right], ends[inner])
        and bool(np.all(starts[left] <= ends[left]))
        and bool(np.all(starts[right] <= ends[right]))
    )
