from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.serving.decoding import decode
from ekiben.serving.problem import RefusedError

KEYS = st.sampled_from(["a", "b", "a:b", "\u003a", "", "é"])


class Raw(str):
    """A text that is JSON already."""

    __slots__ = ()


def _text(value: Any) -> str:
    return value if isinstance(value, Raw) else json.dumps(value)


def _object(pairs: list[tuple[str, Any]]) -> Raw:
    return Raw("{" + ",".join(f"{json.dumps(key)}: {_text(value)}" for key, value in pairs) + "}")


VALUES = st.recursive(
    st.one_of(st.integers(-9, 9), st.sampled_from(["", ":", 'say "a":1', "\\"]), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: Raw(f"[{','.join(map(_text, items))}]")),
        st.lists(st.tuples(KEYS, inner), max_size=4).map(_object),
    ),
    max_leaves=12,
)


def has_duplicates(text: str) -> bool:
    """What the standard library sees: every object as its list of pairs."""
    found = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        found.append(len(pairs) != len({key for key, _ in pairs}))

    json.loads(text, object_pairs_hook=note)
    return any(found)


@settings(deadline=None)
@given(st.lists(st.tuples(KEYS, VALUES), max_size=4).map(_object))
def test_duplicate_keys_are_found_and_nothing_else_is(text: str) -> None:
    """Whatever is nested or looks like a pair inside a string: refused exactly if a key occurs twice."""
    if has_duplicates(text):
        with pytest.raises(RefusedError) as caught:
            decode(text.encode())
        assert (caught.value.status, caught.value.reason) == (400, "duplicate_key")
    else:
        assert decode(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"nan", b"[NaN]", b"[Infinity]", b"[-Infinity]", b"[1,]", b"{'a': 1}", b"[01]", b"[1] [2]",
        b"\xef\xbb\xbf[1]", b'["\xff"]', b'["\\ud800"]', b"[" * 5_000, b'{"a":' * 5_000,
        "[1]".encode("utf-16"),
    ],
)  # fmt: skip
def test_what_is_not_json_is_refused(body: bytes) -> None:
    """RFC 8259 and UTF-8, nothing more lenient."""
    with pytest.raises(RefusedError) as caught:
        decode(body)
    assert (caught.value.status, caught.value.reason) == (400, "not_json")


@pytest.mark.parametrize(
    ("numeral", "value"),
    [
        ("1e999", math.inf), ("-1e999", -math.inf), ("1" + "0" * 400, math.inf),
        ("1" + "0" * 5_000, math.inf),
        ("1.7976931348623159e308", math.inf), ("1.7976931348623157e308", 1.7976931348623157e308),
        ("1e-999", 0.0), ("18446744073709551616", 2.0**64), ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)), ("-9223372036854775809", -(2.0**63)), ("-0", 0), ("-0.0", -0.0),
    ],
)  # fmt: skip
def test_numerals(numeral: str, value: float) -> None:
    """Integers of 64 bits stay integers; what float64 cannot hold is infinity, whatever stands beside it."""
    for others in ("", ",1e999", ",1"):
        found = decode(f"[{numeral}{others}]".encode())[0]
        assert (type(found), repr(found)) == (type(value), repr(value))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":1,"a":1e999}', "duplicate_key"), ("[1e999,NaN]", "not_json"),
        ('[1e999,"\\ud800"]', "not_json"),
        ("[1e999,]", "not_json"), ("[" * 3_000 + "1e999" + "]" * 3_000, "not_json"),
    ],
)  # fmt: skip
def test_large_numbers_excuse_nothing(text: str, reason: str) -> None:
    """A document with a number beyond float64 is held to every other rule."""
    with pytest.raises(RefusedError) as caught:
        decode(text.encode())
    assert (caught.value.status, caught.value.reason) == (400, reason)


def test_deep_documents_with_colons_do_not_crash() -> None:
    """A thousand levels with a colon in a string take the slow way without running out of stack."""
    body = b'{"a":' * 1_000 + b'":"' + b"}" * 1_000
    try:
        decode(body)
    except RefusedError as error:
        assert error.reason == "not_json"  # noqa: PT017 - either outcome is fine, a crash is not
