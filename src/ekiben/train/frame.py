"""A data frame and labels, as arrays and a schema.

Estimators are fitted on arrays, as the pod has no data frames: float64 where
every column is a number or a truth value, objects where strings are among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
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
    """

    rows: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    inputs: tuple[Input, ...]
    sha256: str


def read(found: Any, source: str, policies: Mapping[str, InputPolicy] | None = None) -> Data:
    """Turn what a data function returned into arrays.

    Every row must be one that the pod would accept, by the very rules that it goes by.

    Args:
        found: A pair of a data frame and a series (or array) of labels.
        source: The function's name, for messages.
        policies: What `train.inputs` says of the columns.

    Raises:
        ConfigError: Another form, a column of another type, values that the policies refuse, or a policy
            for a column that there is not.
    """
    policies = policies or {}
    try:
        frame, series = found
        columns = [str(name) for name in frame.columns]
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{source}: expected a pair of a data frame and labels, found {type(found).__name__}",
            remedy="return (features, labels), features a pandas DataFrame",
        ) from error
    labels = np.asarray(series)
    if labels.ndim != 1 or len(labels) != len(frame) or len(labels) == 0:
        raise ConfigError(f"{source}: expected one label per row, found {labels.shape} for {len(frame)} rows")
    if len(set(columns)) != len(columns) or not columns:
        raise ConfigError(f"{source}: expected columns with different names, found {columns}")
    if unknown := sorted(set(policies) - set(columns)):
        raise ConfigError(
            f"train.inputs: {source} has no column {', '.join(unknown)}; it has {', '.join(columns)}",
            remedy="write each column's name as the data frame has it",
        )
    declared = [
        declare(frame[name], str(name), policies.get(str(name), _NO_POLICY), source) for name in frame.columns
    ]
    inputs = tuple(each for _, each in declared)
    parts = [values for values, _ in declared]
    return Data(_rows(inputs, parts, source), labels, inputs, _hash(inputs, [*parts, labels]))


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


def _hash(inputs: tuple[Input, ...], columns: list[npt.NDArray[Any]]) -> str:
    """Hash of the data, the same on every machine (little-endian, lengths before strings)."""
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
