"""JSON without its traps: no duplicate key, no NaN, nothing that is not UTF-8.

orjson refuses all of these but the duplicate key, of which it keeps the last.
Every pair of an object costs one colon outside of strings, so a body with as
many colons as its document has pairs holds no duplicate. Where the count
differs (a duplicate, or a colon inside a string) the slow parser decides.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from ekiben.serving.problem import RefusedError

_DEEP = "expected JSON of ordinary depth"


def decode(body: bytes) -> Any:
    """Parse a JSON text strictly (RFC 8259); numbers beyond float64 come as infinity.

    Raises:
        RefusedError: 400; not JSON, or an object names a key twice.
    """
    document = parse(body)
    if b":" in body:
        check_keys(body, _pairs(document))
    return document


def parse(body: bytes) -> Any:
    """Parse a JSON text of which the caller will count the pairs itself, for `check_keys`.

    Raises:
        RefusedError: 400; not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RefusedError(400, "not_json", "expected a JSON document in UTF-8 (RFC 8259)") from None


def check_keys(body: bytes, pairs: int) -> None:
    """Check that no object of a JSON text names a key twice.

    Args:
        body: The text.
        pairs: Pairs of all objects that the parser made of it.

    Raises:
        RefusedError: 400.
    """
    if body.count(b":") != pairs:
        _search_duplicates(body)


def _pairs(document: Any) -> int:
    """Pairs of all objects in a document; iterative, because 1,024 levels may be nested."""
    count = 0
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if type(part) is dict:
            count += len(part)
            waiting.extend(each for each in part.values() if type(each) in (dict, list))
        elif type(part) is list:
            waiting.extend(each for each in part if type(each) in (dict, list))
    return count


def _search_duplicates(body: bytes) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> None:
        if len({key for key, _ in pairs}) != len(pairs):
            raise RefusedError(400, "duplicate_key", "expected every key of an object once")

    try:
        json.loads(body.decode(), object_pairs_hook=unique)
    except RecursionError:
        raise RefusedError(400, "not_json", _DEEP) from None
