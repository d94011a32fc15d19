"""What the data are like before anything is fitted: the data report, as plain values.

Sources: Tukey (1977), Exploratory data analysis (fences at 1.5 interquartile ranges); Iglewicz and Hoaglin
(1993), How to detect and handle outliers (modified z-score 3.5); Fernández, García and Herrera (2008), the
KEEL repository (an imbalance ratio above 1.5 is imbalanced, above 9 highly so).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ekiben.config import Train
from ekiben.train.frame import Data
from ekiben.train.partition import Split

Rule = Literal["tukey", "mad"]
FORMAT = 1
_FENCE, _Z, _NORMAL = 1.5, 3.5, 0.6745  # 0.6745: 75 % quantile of the normal distribution
_BINS, _MOST_VALUES = 20, 12
_IMBALANCED, _HIGHLY = 1.5, 9.0


def profile(frame: Any, labels: Any, section: Train, *, classifier: bool) -> dict[str, Any]:
    """Describe raw data: missing values, outliers, constant columns, duplicates, imbalance.

    Args:
        frame: A pandas data frame.
        labels: A series or array, shape (rows,).
        section: With the rule for outliers.
        classifier: Whether the labels are classes.

    Returns:
        A document for JSON.
    """
    import pandas as pd

    target = pd.Series(np.asarray(labels))
    return {
        "format": FORMAT,
        "rows": len(frame),
        "columns": [{"name": str(name), **_column(frame[name], section.outliers)} for name in frame.columns],
        "target": _classes(target) if classifier else _column(target, section.outliers),
        "duplicates": _duplicates(frame, target),
    }


def _column(column: Any, rule: Rule) -> dict[str, Any]:
    missing = int(column.isna().sum())
    given = column.dropna()
    distinct = int(given.nunique())
    found: dict[str, Any] = {
        "type": _type(given),
        "missing": missing,
        "distinct": distinct,
        "constant": distinct <= 1,
    }
    if found["type"] != "number" or not np.isfinite(given.astype(float)).any():
        counts = given.astype(str).value_counts()
        return {**found, "values": {str(name): int(count) for name, count in counts[:_MOST_VALUES].items()}}
    values = np.asarray(given, dtype=np.float64)
    finite = values[np.isfinite(values)]
    counted, edges = np.histogram(finite, bins=_BINS)
    quantiles = np.quantile(finite, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return {
        **found,
        "infinite": len(values) - len(finite),
        "mean": float(finite.mean()),
        "std": float(finite.std()),
        "quantiles": dict(zip(("min", "q1", "median", "q3", "max"), quantiles, strict=True)),
        "outliers": outliers(finite, rule),
        "histogram": {"edges": edges.tolist(), "counts": counted.tolist()},
    }


def outliers(values: npt.NDArray[np.float64], rule: Rule) -> dict[str, Any]:
    """Count values beyond the fences of a rule.

    Args:
        values: Finite, shape (values,).
        rule: `tukey`: beyond 1.5 interquartile ranges from the quartiles; `mad`: a modified z-score, 0.6745
            distances from the median per median absolute deviation, above 3.5. A column of which more than
            half is one value has no such deviation, and no outlier by this rule.

    Returns:
        `rule`, the fences `low` and `high`, and `count`.
    """
    if rule == "tukey":
        first, third = np.quantile(values, [0.25, 0.75])
        reach = _FENCE * (third - first)
        low, high = first - reach, third + reach
    else:
        middle = np.median(values)
        deviation = np.median(np.abs(values - middle))
        reach = _Z * deviation / _NORMAL if deviation > 0 else np.abs(values - middle).max()
        low, high = middle - reach, middle + reach
    count = int(((values < low) | (values > high)).sum())
    return {"rule": rule, "low": float(low), "high": float(high), "count": count}


def _type(given: Any) -> str:
    if given.dtype.kind == "b" or str(given.dtype) == "boolean":
        return "truth value"
    if given.dtype.kind in "iuf":
        return "number"
    return "time" if given.dtype.kind == "M" else "text"


def _classes(target: Any) -> dict[str, Any]:
    counts = target.dropna().astype(str).value_counts()
    ratio = float(counts.iloc[0] / counts.iloc[-1]) if len(counts) else 1.0
    return {
        "type": "class",
        "missing": int(target.isna().sum()),
        "values": {str(name): int(count) for name, count in counts.items()},
        "imbalance_ratio": ratio,
        "imbalance": "high" if ratio > _HIGHLY else "moderate" if ratio > _IMBALANCED else "none",
    }


def _duplicates(frame: Any, target: Any) -> dict[str, int]:
    """Rows that are there before, and rows whose features are there with another label."""
    keys = _keys(frame)
    known = {(key, str(label)) for key, label in zip(keys, target, strict=True)}
    labels_of: dict[int, int] = {}
    for key, _ in known:
        labels_of[key] = labels_of.get(key, 0) + 1
    return {
        "rows": len(keys) - len(known),
        "contradicting": sum(labels_of[key] > 1 for key in keys.tolist()),
    }


def _keys(frame: Any) -> npt.NDArray[np.int64]:
    """A number for each row, equal for equal rows; two missing values are equal."""
    import pandas as pd

    codes = np.stack([pd.factorize(frame[name], use_na_sentinel=True)[0] for name in frame.columns], axis=1)
    _, keys = np.unique(codes, axis=0, return_inverse=True)
    return np.asarray(keys, dtype=np.int64).ravel()


def leakage(split: Split, section: Train) -> dict[str, Any]:
    """Count what the parts share that they must not.

    Returns:
        Rows per part, how many rows held out have the very features of a row to fit on, and (with a column
        of groups) how many groups are in more than one part.
    """
    data: Data = split.data
    keys = _row_keys(data)
    parts = split.parts()
    seen = np.unique(keys[split.train])
    found: dict[str, Any] = {
        "by": split.by,
        "rows": {name: len(rows) for name, rows in parts.items()},
        "seen_in_train": {
            name: int(np.isin(keys[rows], seen).sum()) for name, rows in parts.items() if name != "train"
        },
    }
    if split.by == "group":
        groups = data.aside[str(section.partition.column)]
        sets = [set(groups[rows].tolist()) for rows in parts.values()]
        found["shared_groups"] = sum(map(len, sets)) - len(set.union(*sets))
    return found


def _row_keys(data: Data) -> npt.NDArray[np.int64]:
    import pandas as pd

    return _keys(pd.DataFrame(data.rows))
