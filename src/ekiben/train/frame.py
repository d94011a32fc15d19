"""A data frame and labels, as arrays and a schema.

Estimators are fitted on arrays, as the pod has no data frames: float64 where
every column is a number or a truth value, objects where strings are among them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.config import InputPolicy
from ekiben.errors import ConfigError
from ekiben.serving.problem import RefusedError
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.validation import Validator
from ekiben.train.declaration import declare

_NO_POLICY = InputPolicy()


@dataclass(frozen=True, slots=True)
class Data:
    """Features and labels.

    Attributes:
        rows: Shape (rows, inputs), float64 or objects.
        labels: Shape (rows,).
        inputs: One declaration per column, in order.
        sha256: Hash of names, types and values, `sha256:...`.
        aside: Columns that are no inputs, by name; shape (rows,) each.
    """

    rows: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    inputs: tuple[Input, ...]
    sha256: str
    aside: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def column(self, name: str) -> npt.NDArray[Any]:
        """Values of an input or of a column set aside, shape (rows,)."""
        if name in self.aside:
            return self.aside[name]
        found: npt.NDArray[Any] = self.rows[:, [each.name for each in self.inputs].index(name)]
        return found


def read(
    found: Any,
    source: str,
    policies: Mapping[str, InputPolicy] | None = None,
    aside: Collection[str] = (),
) -> Data:
    """Turn what a data function returned into arrays.

    Every row must be one that the pod would accept, by the very rules that it goes by.

    Args:
        found: A pair of a data frame and a series (or array) of labels.
        source: The function's name, for messages.
        policies: What `train.inputs` says of the columns.
        aside: Names of columns that the estimator does not get.

    Raises:
        ConfigError: Another form, a column of another type, values that the policies refuse, or a policy
            for a column that there is not.
    """
    policies = policies or {}
    frame, series = pair(found, source)
    columns = [str(name) for name in frame.columns]
    _check_names(columns, source, [*policies, *aside])
    labels = _labels(series, source)
    kept = [name for name in frame.columns if str(name) not in aside]
    if not kept:
        raise ConfigError(
            f"{source}: every column is left out; expected one for the estimator",
            remedy="take a column out of train.ignore and train.partition.column",
        )
    declared = [declare(frame[name], str(name), policies.get(str(name), _NO_POLICY), source) for name in kept]
    inputs = tuple(each for _, each in declared)
    parts = [values for values, _ in declared]
    rows = _rows(inputs, parts, source)
    others = {name: _aside(frame[name], name, source) for name in frame.columns if str(name) in aside}
    return Data(rows, labels, inputs, digest(inputs, [*parts, labels]), others)


def pair(found: Any, source: str) -> tuple[Any, Any]:
    """Take apart what a data function returned.

    Raises:
        ConfigError: It is no pair of a data frame and as many labels, or columns share a name.
    """
    try:
        frame, series = found
        _ = frame.columns, frame.dtypes
    except (TypeError, ValueError, AttributeError) as error:
        kinds = ", ".join(type(each).__name__ for each in found) if isinstance(found, tuple) else ""
        raise ConfigError(
            f"{source}: expected a pair of a data frame and labels, found {type(found).__name__}"
            + (f" of {kinds}" if kinds else ""),
            remedy="return (features, labels), features a pandas DataFrame",
        ) from error
    shape, columns = np.shape(series), [str(name) for name in frame.columns]
    if len(shape) != 1 or shape[0] != len(frame) or shape[0] == 0:
        raise ConfigError(
            f"{source}: expected one row at least and one label per row, found labels of shape {shape} for "
            f"{len(frame)} rows",
            remedy="return as many labels as rows; a model has one target, several are several models",
        )
    if len(set(columns)) != len(columns) or not all(columns) or not columns:
        raise ConfigError(
            f"{source}: expected columns with different names, none of them empty, found {_odd(columns)}",
            remedy="rename them in the data function: requests name each column",
        )
    return frame, series


def _odd(columns: list[str]) -> str:
    """Names that are there twice, or empty."""
    counts = Counter(columns)
    odd = [f"{name!r} {count} times" for name, count in counts.items() if count > 1 or not name]
    return ", ".join(odd) or "no column"


def _check_names(columns: list[str], source: str, named: list[str]) -> None:
    if unknown := sorted(set(named) - set(columns)):
        raise ConfigError(
            f"train: {source} has no column {', '.join(unknown)}; it has {', '.join(columns)}",
            remedy="write each column's name as the data frame has it",
        )


def _labels(series: Any, source: str) -> npt.NDArray[Any]:
    """Labels of one type, each of them there."""
    import pandas as pd

    missing = int(pd.isna(series).sum())
    if missing:
        raise ConfigError(f"{source}: {missing} label(s) are missing", remedy="drop these rows")
    labels = np.asarray(series)
    if labels.dtype.kind == "O":
        labels = np.asarray(pd.Series(labels).infer_objects())
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ConfigError(f"{source}: labels hold infinity", remedy="drop these rows")
    if labels.dtype.kind not in "fiubU" and not all(isinstance(value, str) for value in labels):
        raise ConfigError(
            f"{source}: expected labels that are all numbers, all truth values or all strings, "
            f"found {labels.dtype}",
            remedy="convert them in the data function",
        )
    return labels


def _aside(column: Any, name: str, source: str) -> npt.NDArray[Any]:
    if column.isna().any():
        raise ConfigError(
            f"{source}: column {name!r}, which is no input, has missing values",
            remedy="fill them, or drop it",
        )
    return np.asarray(column)


def _rows(inputs: tuple[Input, ...], columns: list[npt.NDArray[Any]], source: str) -> npt.NDArray[Any]:
    """Rows as the pod would make them of the same values."""
    validator = Validator(Schema(inputs, Output("regression")), most_rows=len(columns[0]))
    named = {each.name: values for each, values in zip(inputs, columns, strict=True)}
    try:
        return validator.columns(named, "", place=lambda name, row: f"column {name!r}, row {row}")
    except RefusedError as error:
        found = "; ".join(f"{each.pointer}: {each.detail}" for each in error.places)
        raise ConfigError(
            f"{source}: rows that the pod would refuse: {found}",
            remedy="clean them in the data function, or widen the policy in train.inputs",
        ) from error


def digest(inputs: tuple[Input, ...], columns: list[npt.NDArray[Any]]) -> str:
    """Hash names, types and values, the same on every machine (little-endian, lengths before strings)."""
    digest = hashlib.sha256()
    for name in (*(f"{each.name}\0{each.type}" for each in inputs), "labels"):
        digest.update(f"{len(name.encode())}:{name}".encode())
    for column in columns:
        if column.dtype.kind in "fiub":
            digest.update(np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).tobytes())
        else:
            for value in column:
                digest.update(f"{len(str(value).encode())}:{value}".encode())
    return f"sha256:{digest.hexdigest()}"
