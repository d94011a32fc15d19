"""Values that travel, as JSON: one rule for journeys, records and `--json`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any


def jsonable(value: Any) -> Any:
    """Turn dataclasses, models, tuples and paths into JSON; values that name themselves stay text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if type(value).__str__ is not object.__str__:
            return str(value)
        return {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if callable(dumped := getattr(value, "model_dump", None)):  # pydantic's, which is not loaded for this
        return dumped(mode="json")
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    return str(value) if isinstance(value, Path) else value
