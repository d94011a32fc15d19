"""Every PromQL expression of ekiben, and the parts of those that are empty while all is well.

Split by the grammar's operators in the text, not by the product's builders.

Source: https://prometheus.io/docs/prometheus/latest/querying/operators/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMPARISON = r"(?:[<>]=?|[!=]=)"
_OPERATOR = re.compile(rf"\b(?:and|or|unless)\b|{_COMPARISON}")
_MODIFIER = re.compile(r"^\s*(?:bool|(?:on|ignoring|group_left|group_right)\s*(?:\([^)]*\))?)\s*")
_AGGREGATION = re.compile(r"^(?:sum|min|max|count|group|avg)\s*(?:by\s*\([^)]*\))?\s*\(")
_NUMBER = re.compile(r"^-?[\d.e+]+$")


def parts(expression: str) -> Iterator[str]:
    """Give what stands between comparisons and set operators, down through brackets and aggregations.

    An alert is empty while nothing is wrong; each of its parts has data all the same.
    """
    text = expression.strip()
    pieces = _split(text)
    if len(pieces) > 1:
        for piece in pieces:
            yield from parts(piece)
        return
    inner = _inside(text)
    if inner is not None and (text.startswith("(") or len(_split(inner)) > 1):
        yield from parts(inner)
    elif not _NUMBER.match(text):
        yield text


def _split(text: str) -> list[str]:
    """Cut at every operator that stands in no bracket."""
    masked = _masked(text)
    pieces, begin = [], 0
    for found in _OPERATOR.finditer(masked):
        if masked[: found.start()].count("(") != masked[: found.start()].count(")"):
            continue
        pieces.append(text[begin : found.start()])
        begin = found.end()
        while more := _MODIFIER.match(text[begin:]):
            begin += more.end()
    return [*pieces, text[begin:]]


def _inside(text: str) -> str | None:
    """What one bracket holds that ends with the text: of nothing, or of an aggregation."""
    head = _AGGREGATION.match(text)
    begin = 1 if text.startswith("(") else head.end() if head else 0
    if not begin:
        return None
    depth, masked = 1, _masked(text)
    for at in range(begin, len(text)):
        depth += {"(": 1, ")": -1}.get(masked[at], 0)
        if depth == 0:
            return text[begin:at] if at == len(text) - 1 else None
    return None


def _masked(text: str) -> str:
    """The text with strings, matchers and ranges blanked: their signs are no operators."""
    for pattern in (_STRING, re.compile(r"\{[^}]*\}"), re.compile(r"\[[^\]]*\]")):
        text = pattern.sub(lambda found: " " * len(found[0]), text)
    return text


def opened(expression: str) -> str:
    """Let every comparison give 0 or 1 instead of nothing: what joins the parts is judged, no threshold."""
    masked = _masked(expression)
    text, begin = "", 0
    for found in re.finditer(rf"{_COMPARISON}(?!\s*bool)", masked):
        text += expression[begin : found.end()] + " bool "
        begin = found.end()
    return text + expression[begin:]
