"""What `/predict` must accept and what the estimator must then get, told a second time and plainly.

Written from the rules, with the standard library alone; nothing here is shared with the product but
the declarations of the inputs.
"""

from __future__ import annotations

import json
import math
from typing import Any

from ekiben.serving.schema import Input, Schema


class RefuseError(Exception):
    """The rules refuse this."""


def rows(body: bytes, schema: Schema, most_rows: int) -> list[list[Any]] | None:
    """Rows that a body of `/predict` carries; None if it must be refused."""
    try:
        document = _document(body)
        instances = _instances(document)
        if not 1 <= len(instances) <= most_rows:
            return None
        return [_row(each, schema) for each in instances]
    except RefuseError:
        return None


def _document(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
        if text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}"):
            raise RefuseError
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer)
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # fails on half a surrogate pair
    except ValueError:
        raise RefuseError from None
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise RefuseError
        found[key] = value
    return found


def _constant(_: str) -> Any:
    raise RefuseError  # NaN and Infinity are not JSON


def _integer(digits: str) -> Any:
    """An integer of 64 bits, signed or unsigned, stays one; a longer numeral is a real number."""
    if len(digits) > 25:
        return float(digits)
    number = int(digits)
    return number if -9223372036854775808 <= number <= 18446744073709551615 else float(digits)


def _instances(document: Any) -> list[Any]:
    if isinstance(document, list):
        return [document]
    if isinstance(document, dict) and list(document) == ["features"]:
        return [document["features"]]
    if isinstance(document, dict) and list(document) == ["instances"]:
        instances = document["instances"]
        if isinstance(instances, list):
            return instances
    raise RefuseError


def _row(instance: Any, schema: Schema) -> list[Any]:
    if isinstance(instance, dict):
        if sorted(instance) != sorted(each.name for each in schema.inputs):
            raise RefuseError
        instance = [instance[each.name] for each in schema.inputs]
    if not isinstance(instance, list) or len(instance) != len(schema.inputs):
        raise RefuseError
    strings = any(each.type == "string" for each in schema.inputs)
    largest = {"float64": (2 - 2.0**-52) * 2.0**1023, "float32": (2 - 2.0**-23) * 2.0**127}[schema.precision]
    found = [
        _cell(each, value, strings, largest) for each, value in zip(schema.inputs, instance, strict=True)
    ]
    return found if strings else [float(value) for value in found]


def _cell(declared: Input, value: Any, strings: bool, largest: float) -> Any:
    if value is None:
        if declared.missing == "refuse":
            raise RefuseError
        return math.nan if declared.missing == "nan" else declared.default
    if declared.type == "bool":
        good = value is True or value is False
    elif declared.type == "string":
        good = isinstance(value, str) and (declared.categories is None or value in declared.categories)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        good = False
    elif declared.type == "int64":
        largest = 9223372036854775807 if strings else 9007199254740991
        least = -9223372036854775808 if strings else -9007199254740991
        good = isinstance(value, int) and least <= value <= largest
    else:
        value = float(value)
        good = -largest <= value <= largest
    if not good or (declared.on_out_of_range == "refuse" and outside(declared, value)):
        raise RefuseError
    return value


def outside(declared: Input, value: Any) -> bool:
    """Whether a value lies outside a declared range."""
    if declared.minimum is not None and value < declared.minimum:
        return True
    return declared.maximum is not None and bool(value > declared.maximum)
