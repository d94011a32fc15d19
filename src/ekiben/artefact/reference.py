"""Reference distributions of the training rows, to compare live rows with."""

from __future__ import annotations

from typing import Any

import numpy as np

from ekiben.serving.schema import Schema

FORMAT = 1
_PARTS = 10


def distributions(rows: Any, labels: Any, schema: Schema) -> dict[str, Any]:
    """Content of `reference.json`.

    Args:
        rows: Training rows, shape (rows, inputs).
        labels: Shape (rows,).
        schema: Inputs and output.

    Returns:
        Per input: quantile edges and the count between each two (and the count of missing values, if there
        are any), or counts per category.
    """
    inputs = {
        each.name: _counts(rows[:, column])
        if each.type in ("string", "bool")
        else _quantiles(rows[:, column])
        for column, each in enumerate(schema.inputs)
    }
    output = _counts(labels) if schema.output.kind == "classification" else _quantiles(labels)
    return {"format": FORMAT, "rows": len(rows), "inputs": inputs, "output": output}


def _quantiles(column: Any) -> dict[str, Any]:
    """Deciles by order statistics, in whole numbers; the last interval is closed.

    Source: Hyndman and Fan (1996), Sample quantiles in statistical packages, definition 1.
    """
    given = np.asarray(column, dtype=np.float64)
    values = np.sort(given[~np.isnan(given)])
    count = len(values)
    missing = {"missing": len(given) - count} if count < len(given) else {}
    if count == 0:
        return {"edges": [], "counts": [], **missing}
    ranks = [max(0, -(-count * part // _PARTS) - 1) for part in range(_PARTS + 1)]
    edges = np.unique(values[ranks])
    if len(edges) == 1:
        return {"edges": [float(edges[0])] * 2, "counts": [count], **missing}
    counts, _ = np.histogram(values, bins=edges)
    return {"edges": edges.tolist(), "counts": counts.tolist(), **missing}


def _counts(column: Any) -> dict[str, Any]:
    values, counts = np.unique(np.asarray(column).astype(str), return_counts=True)
    return {"categories": dict(zip(values.tolist(), counts.tolist(), strict=True))}
