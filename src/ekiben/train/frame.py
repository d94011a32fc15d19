"""A data frame and labels, as arrays and a schema.

Estimators are fitted on arrays, as the pod has no data frames: float64 where
every column is a number or a truth value, objects where strings are among them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.errors import ConfigError
from ekiben.serving.schema import Input, InputType

_TYPES: dict[str, InputType] = {"f": "float64", "i": "int64", "u": "int64", "b": "bool"}


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


def read(found: Any, source: str) -> Data:
    """Turn what a data function returned into arrays.

    Args:
        found: A pair of a data frame and a series (or array) of labels.
        source: The function's name, for messages.

    Raises:
        ConfigError: Another form, missing values, or a column of another type.
    """
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
    inputs = tuple(_input(frame[name], str(name), source) for name in frame.columns)
    numeric = all(each.type != "string" for each in inputs)
    parts = [np.asarray(frame[name]) for name in frame.columns]
    rows = np.empty((len(labels), len(columns)), dtype=np.float64 if numeric else object)
    for position, part in enumerate(parts):
        rows[:, position] = part
    return Data(rows, labels, inputs, _hash(inputs, [*parts, labels]))


def _input(column: Any, name: str, source: str) -> Input:
    """Declaration of a column, inferred from its values."""
    missing = int(column.isna().sum())
    if missing:
        raise ConfigError(
            f"{source}: column {name!r} has {missing} missing value(s)",
            remedy="fill or drop them in the data function: the pod refuses rows with missing values",
        )
    values = np.asarray(column)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ConfigError(f"{source}: column {name!r} holds infinity", remedy="clean it in the data function")
    if values.dtype.kind in _TYPES:
        return Input(name, _TYPES[values.dtype.kind])
    if all(isinstance(value, str) for value in values):
        declared = getattr(getattr(column, "cat", None), "categories", None)
        return Input(name, "string", categories=None if declared is None else tuple(map(str, declared)))
    raise ConfigError(
        f"{source}: column {name!r} is of type {column.dtype}; expected numbers, truth values or strings",
        remedy="convert it in the data function",
    )


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
