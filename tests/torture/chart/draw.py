"""One random value from a JSON schema, with a liking for what YAML misreads."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import Any

_parser: Any = __import__("re._parser", fromlist=["parse"])  # the standard library's own reading of a pattern
_MISREAD = (
    "", "0", "1", "08", "123", "1e5", "0x1f", "1.0", "true", "null", "yes", "on", "off", "~", "1s",
    "2001-01-01", "a", "a.b", "0.5", "/", "//", "/0", "=", "#", "%{x}", "{{ .Values }}", "é", "'", '"', ": ",
)  # fmt: skip
_MOST = 6  # items of a list, and repetitions of a pattern, where the schema sets no limit
_TEXT = "abcXYZ019 -_.:/#'\"{}$%\\é"


def value(schema: Mapping[str, Any], chance: random.Random) -> Any:
    """Draw a value that the schema allows.

    Args:
        schema: Of the part of draft 7 that the chart's schema is written in.
        chance: Where all randomness comes from.
    """
    for word in ("oneOf", "anyOf"):
        if word in schema:
            rest = {key: found for key, found in schema.items() if key != word}
            return value({**rest, **chance.choice(schema[word])}, chance)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kind = schema["type"]
    if isinstance(kind, list):
        kind = chance.choice(kind)
    draw = {"object": _mapping, "array": _list, "string": text, "integer": _whole, "number": _number}
    if kind in draw:
        return draw[kind](schema, chance)
    return None if kind == "null" else chance.random() < 0.5  # a boolean


def _whole(schema: Mapping[str, Any], chance: random.Random) -> int:
    low, high = schema["minimum"], schema["maximum"]
    return chance.choice((low, high, chance.randint(low, high), chance.randint(low, min(high, low + 50))))


def _number(schema: Mapping[str, Any], chance: random.Random) -> float:
    """An end that belongs to the range, or a number between the ends."""
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", 100))
    ends = [float(schema[end]) for end in ("minimum", "maximum") if end in schema]
    margin = (high - low) / 1_000
    between = round(chance.uniform(low + margin, high - margin), 6)
    return float(chance.choice([*ends, between]))


def _list(schema: Mapping[str, Any], chance: random.Random) -> list[Any]:
    most = schema.get("maxItems", max(schema.get("minItems", 0), _MOST))
    drawn = [value(schema["items"], chance) for _ in range(chance.randint(schema.get("minItems", 0), most))]
    if schema.get("uniqueItems"):
        return list(dict.fromkeys(drawn))
    return drawn


def _mapping(schema: Mapping[str, Any], chance: random.Random) -> dict[str, Any]:
    if schema.get("maxProperties") == 1:
        key, one = chance.choice(list(schema["properties"].items()))
        return {key: value(one, chance)}
    required = schema.get("required", ())
    found = {
        key: value(one, chance)
        for key, one in schema.get("properties", {}).items()
        if key in required or chance.random() < 0.5
    }
    if isinstance(schema.get("additionalProperties"), Mapping):
        found |= {
            name: value(schema["additionalProperties"], chance)
            for name in _names(schema.get("propertyNames", {}), chance)
        }
    return found


def _names(schema: Mapping[str, Any], chance: random.Random) -> Iterator[str]:
    refused = schema.get("not", {})
    for _ in range(chance.randint(0, 3)):
        name = text({"pattern": schema.get("pattern", "^[a-z]{1,9}(\\.example\\.com/[a-z]{1,9})?$")}, chance)
        if name not in refused.get("enum", ()) and not re.search(refused.get("pattern", "(?!)"), name):
            yield name


def text(schema: Mapping[str, Any], chance: random.Random) -> str:
    """Draw a text of a pattern, or any; one that YAML would read as something else where it fits."""
    pattern = schema.get("pattern")
    if chance.random() < 0.4:
        fits = [one for one in _MISREAD if len(one) >= schema.get("minLength", 0)]
        fits = [one for one in fits if pattern is None or re.search(pattern, one)]
        if fits:
            return chance.choice(fits)
    if pattern is None:
        return "".join(chance.choices(_TEXT, k=chance.randint(max(1, schema.get("minLength", 0)), 12)))
    for _ in range(100):
        drawn = "".join(_of(_parser.parse(pattern), chance))
        if re.search(pattern, drawn):
            return drawn
    raise ValueError(f"expected a text that fits {pattern}, drew none")


def _of(parsed: Any, chance: random.Random) -> Iterator[str]:
    for word, found in parsed:
        name = str(word)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, inner = found
            for _ in range(chance.randint(low, min(int(high), max(low, _MOST)))):
                yield from _of(inner, chance)
        elif name == "SUBPATTERN":
            yield from _of(found[3], chance)
        elif name == "BRANCH":
            yield from _of(chance.choice(found[1]), chance)
        elif name != "AT":
            yield _one(name, found, chance)


def _one(name: str, found: Any, chance: random.Random) -> str:
    if name == "LITERAL":
        return chr(found)
    if name == "NOT_LITERAL":
        return chance.choice([one for one in "ab0-" if ord(one) != found])
    if name == "IN":
        return _in(found, chance)
    if name == "ANY":
        return chance.choice("ab0-")
    raise ValueError(f"expected a pattern of plain parts, found {name}")


def _in(parts: list[tuple[Any, Any]], chance: random.Random) -> str:
    allowed: list[str] = []
    negated = str(parts[0][0]) == "NEGATE"
    for word, found in parts[1:] if negated else parts:
        name = str(word)
        if name == "LITERAL":
            allowed.append(chr(found))
        elif name == "RANGE":
            allowed += [chr(code) for code in range(found[0], found[1] + 1)]
        elif str(found).endswith("SPACE") and not str(found).endswith("NOT_SPACE"):
            allowed += list(" \t\n")
        elif str(found).endswith("NOT_SPACE"):
            allowed += list("aZ0-_.")
    if negated:
        allowed = [one for one in "abcXYZ019-_." if one not in allowed]
    return chance.choice(allowed)
