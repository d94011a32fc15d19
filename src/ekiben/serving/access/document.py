"""Strict reading of access control's files: no unknown, missing or repeated member passes.

Messages name places and never values: what was pasted into the wrong field may be a secret.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ekiben.errors import ConfigError

FORMAT = 1
Part = TypeVar("Part")


def parse(content: bytes, name: str, read: Callable[[Any], Part], remedy: str) -> Part:
    """Read a JSON object that says `"format": 1`.

    Args:
        content: The file's.
        name: What it is called in messages.
        read: Reads the object; raises `ValueError`.
        remedy: What to do when it is wrong.

    Raises:
        ConfigError: It is something else.
    """
    try:
        found = json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise ConfigError(f"{name}: expected JSON, each member once", remedy=remedy) from None  # quotes it
    if not isinstance(found, Mapping) or found.get("format") != FORMAT:
        raise ConfigError(f'{name}: expected an object with "format": {FORMAT}', remedy=remedy)
    try:
        return read(found)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}", remedy=remedy) from None


def members(part: Any, required: frozenset[str], optional: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    """Check the members of an object.

    Raises:
        ValueError: One is missing or unknown, or it is no object; says which are expected.
    """
    if not isinstance(part, Mapping) or not required <= set(part) <= required | optional:
        also = f", and perhaps {', '.join(sorted(optional))}" if optional else ""
        raise ValueError(f"expected the members {', '.join(sorted(required))}{also}, and no other")
    return part


def at(place: str, read: Callable[[Any], Part], part: Any) -> Part:
    """Read a part; an error says where it was.

    Raises:
        ValueError: `read` raised one.
    """
    try:
        return read(part)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def parts(part: Any, what: str) -> list[Any]:
    """Read a list of parts, at least one.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(part, list) or not part:
        raise ValueError(f"expected {what}: a list, not empty")
    return part


def texts(part: Any, what: str) -> tuple[str, ...]:
    """Read a list of strings, at least one, none empty.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(part, list) or not part or not all(isinstance(each, str) and each for each in part):
        raise ValueError(f"expected {what}: a list of strings, at least one")
    return tuple(part)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
