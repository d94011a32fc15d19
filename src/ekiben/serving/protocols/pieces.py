"""Pieces of JSON Schema (2020-12): objects, arrays, references, and one column of a model."""

from __future__ import annotations

from typing import Any

from ekiben.serving.cells import INT64, LARGEST, Limits, accepted
from ekiben.serving.schema import Input

Document = dict[str, Any]
_TYPES: dict[str, Document] = {
    "float64": {"type": "number", "format": "double"},
    "int64": {"type": "integer", "format": "int64"},
    "bool": {"type": "boolean"},
    "string": {"type": "string"},
}


def reference(name: str) -> Document:
    """Reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(properties: Document, optional: Document | None = None) -> Document:
    """Schema of an object with these properties and no other."""
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }


def array(items: Document, *, least: int = 0, most: int | None = None) -> Document:
    """Schema of an array."""
    found: Document = {"type": "array", "items": items}
    if least:
        found["minItems"] = least
    if most is not None:
        found["maxItems"] = most
    return found


def column(declared: Input, common: Limits) -> Document:
    """Schema of one value.

    Args:
        declared: The column.
        common: What all columns of the model have in common.
    """
    found = {**_TYPES[declared.type], **_bounds(declared, common)}
    told = [
        f"{name} {limit}"
        for name, limit in (("minimum", declared.minimum), ("maximum", declared.maximum))
        if limit is not None
    ]
    if told and declared.on_out_of_range == "count":
        found["description"] = f"Expected {' and '.join(told)}; what is outside is accepted and counted."
    if declared.categories is not None:
        found["enum"] = list(declared.categories)
    if declared.missing == "refuse":
        return found
    return {"anyOf": [found, {"type": "null"}], "description": _missing(declared)}


def _bounds(declared: Input, common: Limits) -> Document:
    """Least and greatest number, where the type itself does not say them."""
    if declared.type not in ("float64", "int64"):
        return {}
    own = (-LARGEST["float64"], LARGEST["float64"]) if declared.type == "float64" else (INT64[0], INT64[-1])
    found = zip(("minimum", "maximum"), accepted(declared, common), own, strict=True)
    return {name: limit for name, limit, widest in found if limit != widest}


def _missing(declared: Input) -> str:
    substitute = "NaN" if declared.missing == "nan" else repr(declared.default)
    return f"null is a missing value; the estimator gets {substitute}."
