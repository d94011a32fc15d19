"""Names in a PromQL expression, found by its grammar's tokens and not by the product's builders.

Source: https://prometheus.io/docs/prometheus/latest/querying/basics/ and .../operators/.
"""

from __future__ import annotations

import re

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_RANGE = re.compile(r"\[[^\]]*\]")
_LABELS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_MATCHERS = re.compile(r"\{([^}]*)\}")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "group_left", "group_right"})
_LABEL_FUNCTION = re.compile(r"\blabel_(?:replace|join)\b")


def names(expression: str) -> set[str]:
    """Series that an expression reads."""
    text = _STRING.sub('""', expression)
    for pattern in (_RANGE, _LABELS, _MATCHERS):
        text = pattern.sub(" ", text)
    found = re.finditer(rf"(?<![\w:.]){_NAME.pattern}(?!\s*\()(?![\w:])", text)
    # An aggregation with its labels first (`sum by (x) (...)`) lost them above: it still has its bracket.
    return {each.group() for each in found} - _WORDS


def labels(expression: str) -> set[str]:
    """Labels that an expression matches, groups by or joins on; not those that it makes itself."""
    text = _STRING.sub('""', expression)
    found = {each.strip() for match in _LABELS.finditer(text) for each in match[2].split(",")}
    for match in _MATCHERS.finditer(text):
        found |= {re.split(r"=~|!~|!=|=", each)[0].strip() for each in match[1].split(",")}
    return found - {""}
