"""JSON that leaves no choice: UTF-8, each member once, no number beyond JSON, a bounded length.

A parser that takes the last of two members, or a number that no other parser
takes, lets two readers of one signed document see two documents.

Source: https://www.rfc-editor.org/rfc/rfc8259#section-4 (names should be unique).
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from ekiben.errors import ConfigError


def parse(content: bytes, name: str) -> Any:
    """Read a document.

    Args:
        content: The file's; whoever read it bounded its length.
        name: What it is called in messages.

    Raises:
        ConfigError: It is no JSON, nested too deeply for the parser, or has a member twice.
    """
    try:
        return json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigError(
            f"{name}: expected JSON in UTF-8, each member once: {reason}",
            remedy="take the artefact from the model store again, or train again",
        ) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
