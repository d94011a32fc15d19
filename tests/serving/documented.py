"""What the README of a bento says of a request and its answer, and whether an answer is that.

A section `Request` names method and path in code (`POST /predict`) and shows the body as fenced JSON; the
section `Answer` behind it shows the answer. Other sections of these names follow in pairs, e.g. `Request: a
missing value`. In an answer the string "..." stands for any string. Numbers with a fraction are compared
within the tolerance that the section states ("within 0.05 of these"), without one exactly; all else is
compared exactly. An answer of another status than 200 says so ("status 422").
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BENTOS = tuple(sorted(path.parent.name for path in ROOT.glob("bentos/*/ekiben.yaml")))

_SECTION = re.compile(r"^## (Request|Answer)\b.*\n((?:(?!^## ).*\n?)*)", re.MULTILINE)
_FENCED = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ASKED = re.compile(r"`(GET|POST) (/\S*)`")
_WITHIN = re.compile(r"\bwithin ([0-9.e-]+) of these\b")
_STATUS = re.compile(r"\bstatus (\d{3})\b")
_ANY = "..."


@dataclass(frozen=True)
class Documented:
    """One request and its answer.

    Attributes:
        method: Of the request.
        path: Of the request.
        body: Of the request, decoded.
        status: Of the answer.
        answer: Decoded.
        tolerance: Largest difference of a number with a fraction, absolute.
    """

    method: str
    path: str
    body: Any
    status: int
    answer: Any
    tolerance: float


def read(text: str) -> list[Documented]:
    """Requests and answers of a README; at least one."""
    sections = [(match[1], match[2]) for match in _SECTION.finditer(text)]
    kinds = [kind for kind, _ in sections]
    assert kinds, "expected sections Request and Answer"
    assert kinds == ["Request", "Answer"] * (len(kinds) // 2), f"expected pairs, found {kinds}"
    return [_pair(sections[place][1], sections[place + 1][1]) for place in range(0, len(sections), 2)]


def of(bento: str) -> list[Documented]:
    """Requests and answers of a bento's README."""
    return read((ROOT / "bentos" / bento / "README.md").read_text(encoding="utf-8"))


def _pair(request: str, answer: str) -> Documented:
    (asked,) = _ASKED.findall(request)
    (body,) = _FENCED.findall(request)
    (expected,) = _FENCED.findall(answer)
    words = _FENCED.sub("", answer)
    within, status = _WITHIN.findall(words), _STATUS.findall(words)
    assert len(within) < 2, within
    assert len(status) < 2, status
    return Documented(
        method=asked[0],
        path=asked[1],
        body=json.loads(body),
        status=int(status[0]) if status else 200,
        answer=json.loads(expected),
        tolerance=float(within[0]) if within else 0.0,
    )


def differences(expected: Any, found: Any, tolerance: float, place: str = "") -> list[str]:
    """Places where an answer is not the documented one, each with both values."""
    if type(expected) is dict and type(found) is dict and expected.keys() == found.keys():
        pairs = [(f"{place}/{key}", expected[key], found[key]) for key in expected]
    elif type(expected) is list and type(found) is list and len(expected) == len(found):
        pairs = [
            (f"{place}/{number}", *both) for number, both in enumerate(zip(expected, found, strict=True))
        ]
    else:
        return [] if _same(expected, found, tolerance) else [f"{place}: {expected!r} is {found!r}"]
    return [each for below, a, b in pairs for each in differences(a, b, tolerance, below)]


def _same(expected: Any, found: Any, tolerance: float) -> bool:
    if expected == _ANY:
        return type(found) is str and found != ""
    if type(expected) is float and type(found) is float:
        return math.isfinite(found) and abs(found - expected) <= tolerance
    return type(expected) is type(found) and bool(expected == found)
