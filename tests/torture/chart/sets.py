"""Random value sets: the chart's own keys from its schema, Kubernetes' blocks from samples."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

from tests.chart.conftest import CHART
from tests.torture.chart import blocks, draw
from tests.torture.chart.allowed import allowed

_NOT_DRAWN = "global"


def drawn(which: int, seed: int) -> dict[str, Any]:
    """One set of values that the chart must take."""
    chance = random.Random(f"{seed} {which}")  # noqa: S311  # not for secrets
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return allowed(_section(schema, chance, ""), chance)


def _section(schema: Mapping[str, Any], chance: random.Random, above: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, one in schema["properties"].items():
        path = f"{above}{key}"
        if path == _NOT_DRAWN or chance.random() < 0.4:
            continue
        if path in blocks.BLOCKS:
            found[key] = json.loads(json.dumps(chance.choice(blocks.BLOCKS[path])))
        elif "properties" in one:
            found[key] = (
                _section(one, chance, f"{path}.")
                if key not in ("requests", "limits")
                else draw.value(one, chance)
            )
        else:
            found[key] = draw.value(one, chance)
    return found


@functools.cache
def leaves() -> frozenset[str]:
    """Paths of the schema's values."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return frozenset(_schema_paths(schema, ""))


def _schema_paths(schema: Mapping[str, Any], above: str) -> Iterator[str]:
    for key, one in schema["properties"].items():
        if "properties" in one:
            yield from _schema_paths(one, f"{above}{key}.")
        elif key != _NOT_DRAWN:
            yield f"{above}{key}"


def paths(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Those of the schema's values that a set has; `above` with its dot, for parts of one."""
    for key, found in values.items():
        path = f"{above}{key}"
        if isinstance(found, Mapping) and path not in leaves():
            yield from paths(found, f"{path}.")
        else:
            yield path
