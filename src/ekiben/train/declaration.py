"""What a column of the training frame declares: its type, inferred, and its policy from `ekiben.yaml`.

Without a policy a column has no range: the least and greatest value of a sample
say little about what is right. A new value of the same distribution lies
outside the range of n training values with probability 2 / (n + 1), so with 30
columns and 400 rows one good row in seven would be refused.

Source: exchangeability; each of n + 1 values is as likely to be the least, or the greatest, of all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.config import InputPolicy
from ekiben.errors import ConfigError
from ekiben.serving.schema import Input, InputType

_TYPES: dict[str, InputType] = {"f": "float64", "i": "int64", "u": "int64", "b": "bool"}

_MOST_BYTES = 8  # of a number: float64 and int64; numpy's longdouble has more


def declare(column: Any, name: str, policy: InputPolicy, source: str) -> tuple[npt.NDArray[Any], Input]:
    """Declare a column by its values and its policy.

    Args:
        column: A pandas series.
        name: Its name.
        policy: What `train.inputs` says of it.
        source: Name of the data function, for messages.

    Returns:
        The values, missing ones as the pod would give them to the estimator; and the declaration.

    Raises:
        ConfigError: Values that a pod cannot take, or a policy that does not fit the column.
    """
    if policy.type is not None:
        column = _converted(column, policy.type, name, source)
    missing = np.asarray(column.isna(), dtype=bool)
    if missing.any() and policy.missing == "refuse":
        raise ConfigError(
            f"{source}: column {name!r} has {int(missing.sum())} missing value(s)",
            remedy="fill or drop them in the data function, or say what the pod does with them: "
            f"train.inputs.{name}.missing",
        )
    if missing.all():
        raise ConfigError(f"{source}: column {name!r} has no value at all", remedy="drop the column")
    given = np.asarray(column[~missing].infer_objects()) if missing.any() else np.asarray(column)
    kind = _type(given, column, name, source)
    lowest, highest = policy.range or (None, None)
    try:
        declared = Input(
            name,
            kind,
            minimum=lowest,
            maximum=highest,
            categories=policy.categories or _categories(column, kind),
            on_out_of_range=policy.on_out_of_range,
            missing=policy.missing,
            default=policy.default,
        )
    except ValueError as error:
        raise ConfigError(f"train.inputs.{name}: {error}", remedy=_remedy(policy, kind, name)) from error
    if not missing.any():
        return given, declared
    values = np.empty(len(missing), dtype=object if kind == "string" else given.dtype)
    values[~missing] = given
    values[missing] = np.nan if policy.missing == "nan" else declared.default
    return values, declared


def _remedy(policy: InputPolicy, kind: InputType, name: str) -> str:
    """How a policy would fit a column of this type."""
    if policy.missing != "nan" or kind == "float64":
        return "let the policy fit the column"
    instead = f"set train.inputs.{name}.missing: value with a default, which stands in for a missing value"
    return instead if kind == "string" else f"{instead}; or declare train.inputs.{name}.type: float64"


def _converted(column: Any, kind: InputType, name: str, source: str) -> Any:
    """Give a column the type that was declared, without changing what a value says."""
    import pandas as pd

    if kind == "string":
        return column if _of_strings(column) else column.map(str, na_action="ignore").astype(object)
    try:
        numbers = pd.to_numeric(column.astype(object) if column.dtype.kind == "b" else column)
        given = numbers.dropna().astype(float)
        allowed = {"int64": given == np.floor(given), "bool": given.isin([0, 1])}.get(kind)
        if allowed is None:
            return numbers.astype("float64")
        if allowed.all():
            return numbers.astype("Float64").astype({"int64": "Int64", "bool": "boolean"}[kind])
        reason = f"{given[~allowed].iloc[0]:g} is none"
    except (ValueError, TypeError) as error:
        reason = str(error)
    raise ConfigError(
        f"{source}: column {name!r} cannot be {kind}, as train.inputs.{name}.type says: {reason}",
        remedy="declare the type that the values have, or clean them",
    )


def _of_strings(column: Any) -> bool:
    return all(isinstance(value, str) for value in column.dropna())


def _type(given: npt.NDArray[Any], column: Any, name: str, source: str) -> InputType:
    """Type of the values that are there."""
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        raise ConfigError(f"{source}: column {name!r} holds infinity", remedy="clean it in the data function")
    if given.dtype.kind in _TYPES and given.dtype.itemsize <= _MOST_BYTES:
        return _TYPES[given.dtype.kind]
    if all(isinstance(value, str) for value in given):
        return "string"
    raise ConfigError(
        f"{source}: column {name!r} is of type {column.dtype}; expected numbers, truth values or strings",
        remedy="convert it in the data function",
    )


def _categories(column: Any, kind: InputType) -> tuple[str, ...] | None:
    """Categories of a categorical column of strings."""
    declared = getattr(getattr(column, "cat", None), "categories", None)
    return None if declared is None or kind != "string" else tuple(map(str, declared))
