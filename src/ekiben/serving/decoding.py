"""JSON without its traps: no duplicate key, no NaN, nothing that is not UTF-8.

orjson refuses all of these but the duplicate key, of which it keeps the last.
Every pair of an object costs one colon outside of strings, so a body with as
many colons as its document has pairs holds no duplicate. Where the counts
differ (a duplicate, or a colon inside a string) the slow parser decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from ekiben.serving.problem import RefusedError

_MEDIA_TYPE = b"application/json"
_WITH_CHARSET = re.compile(rb'application/json[ \t]*(;[ \t]*charset=("utf-8"|utf-8)[ \t]*)?', re.IGNORECASE)
_NOT_JSON = "expected a JSON document in UTF-8 (RFC 8259)"
_DEEP = "expected JSON of ordinary depth"
# What orjson says of a number beyond float64, which is JSON all the same (RFC 8259, section 6).
_BEYOND = "number is infinity"
_EXACT_DIGITS = 20  # longer integers are beyond 64 bits


def check_media_type(headers: Mapping[bytes, bytes]) -> None:
    """Accept JSON in UTF-8 and nothing else.

    Raises:
        RefusedError: 415.
    """
    found = headers.get(b"content-type", b"")
    if found != _MEDIA_TYPE and not _WITH_CHARSET.fullmatch(found):
        raise RefusedError(415, "content_type", "expected the content type application/json (charset utf-8)")


def decode(body: bytes) -> Any:
    """Parse a JSON text strictly (RFC 8259).

    Integers of 64 bits (signed or unsigned) come as int; longer ones and numbers with a fraction or an
    exponent as float, rounded to the nearest; those beyond float64 as infinity.

    Raises:
        RefusedError: 400; not JSON, or an object names a key twice.
    """
    document = parse(body)
    colons = body.count(b":")
    if (
        colons
        and not (type(document) is dict and len(document) == colons)
        and not _has_pairs(document, colons)
    ):
        _slowly(body)
    return document


def parse(body: bytes) -> Any:
    """Parse a JSON text of which the caller will count the pairs itself, for `check_keys`.

    Raises:
        RefusedError: 400; not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not str(error).startswith(_BEYOND):
            raise RefusedError(400, "not_json", _NOT_JSON) from None
    document = _slowly(body)
    _check_characters(document)
    return document


def check_keys(body: bytes, pairs: int) -> None:
    """Check that no object of a JSON text names a key twice.

    Args:
        body: The text.
        pairs: Pairs of all objects that the parser made of it.

    Raises:
        RefusedError: 400.
    """
    if body.count(b":") != pairs:
        _slowly(body)


def _has_pairs(document: Any, expected: int) -> bool:
    """Whether all objects of a document have this many pairs (at most that many are possible).

    Level by level, so that what lies below the last object is never looked at; without recursion, because
    1,024 levels may be nested.
    """
    found = 0
    level = [document]
    while level:
        inner: list[Any] = []
        for part in level:
            if type(part) is dict:
                found += len(part)
                inner.extend(part.values())
            elif type(part) is list:
                inner.extend(part)
        if found == expected:
            return True
        level = inner
    return False


def _slowly(body: bytes) -> Any:
    """Parse with the standard library: it shows all pairs, and takes numbers beyond float64."""
    try:
        return json.loads(
            body.decode(), object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_integer
        )
    except RecursionError:
        raise RefusedError(400, "not_json", _DEEP) from None
    except ValueError:
        raise RefusedError(400, "not_json", _NOT_JSON) from None


def _check_characters(document: Any) -> None:
    """Refuse half of a surrogate pair, which the standard library takes for a character."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise RefusedError(400, "not_json", _DEEP) from None
    except UnicodeEncodeError:
        raise RefusedError(400, "not_json", _NOT_JSON) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RefusedError(400, "duplicate_key", "expected every key of an object once")
    return found


def _refuse(constant: str) -> NoReturn:
    del constant
    raise RefusedError(400, "not_json", _NOT_JSON)


def _integer(digits: str) -> int | float:
    """Give the number that orjson gives for an integer: int within 64 bits, float beyond."""
    if len(digits) <= _EXACT_DIGITS and -(2**63) <= (number := int(digits)) < 2**64:
        return number
    return float(digits)
