"""Parts that all documents of the API have: times, conditions, blocks that may be absent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ekiben.clients.objects import Condition

Document = Mapping[str, Any]


def seconds(text: str | None) -> float | None:
    """Read a time of the API as seconds since the epoch; None where there is none."""
    return datetime.fromisoformat(text).timestamp() if text else None


def conditions(document: Document) -> tuple[Condition, ...]:
    """Read `status.conditions`."""
    found = block(document, "status").get("conditions") or ()
    return tuple(
        Condition(one["type"], one.get("status", ""), one.get("reason", ""), one.get("message", ""))
        for one in found
    )


def condition(found: tuple[Condition, ...], kind: str) -> Condition | None:
    """Find a condition by its type."""
    return next((one for one in found if one.type == kind), None)


def block(document: Document, *path: str) -> dict[str, Any]:
    """Follow keys to a block; an absent one is empty."""
    found: Any = document
    for key in path:
        found = found.get(key) or {}
    return dict(found)
