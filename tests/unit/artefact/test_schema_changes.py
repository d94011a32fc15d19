"""What breaks callers is named; the judge is the validator that answers them."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from ekiben.artefact.schema_changes import changes
from ekiben.serving.problem import RefusedError
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.validation import Validator

YES = Output("classification", ("no", "yes"), probabilities=True)
REAL = Input("x", "float64", minimum=0.0, maximum=10.0)
WORD = Input("w", "string", categories=("a", "b"))
BASE = Schema((REAL, WORD), YES)


def with_real(**parts: Any) -> Schema:
    return Schema((replace(REAL, **parts), WORD), YES)


def with_word(**parts: Any) -> Schema:
    return Schema((REAL, replace(WORD, **parts)), YES)


CASES = [
    ("input removed", True, BASE, Schema((REAL,), YES)),
    ("new required input", True, Schema((REAL,), YES), BASE),
    ("type changed", True, BASE, with_real(type="int64", minimum=0, maximum=10)),
    ("order changed", True, BASE, Schema((WORD, REAL), YES)),
    ("range narrowed", True, BASE, with_real(minimum=1.0)),
    ("range narrowed", True, BASE, with_real(minimum=-1.0, maximum=9.0)),
    ("range narrowed", True, with_real(minimum=None, maximum=None), BASE),
    ("range narrowed", True, BASE, replace(BASE, precision="float32")),
    ("range policy stricter", True, with_real(on_out_of_range="count"), BASE),
    ("range widened", False, BASE, with_real(maximum=11.0)),
    ("range widened", False, BASE, with_real(minimum=5.0, on_out_of_range="count")),
    (
        "counted range changed",
        False,
        with_real(on_out_of_range="count"),
        with_real(minimum=5.0, on_out_of_range="count"),
    ),
    ("category removed", True, BASE, with_word(categories=("a", "c"))),
    ("category added", False, BASE, with_word(categories=("a", "b", "c"))),
    ("categories opened", False, BASE, with_word(categories=None)),
    ("categories closed", True, with_word(categories=None), BASE),
    ("missing policy stricter", True, with_real(missing="nan"), BASE),
    ("missing policy looser", False, BASE, with_real(missing="nan")),
    ("missing value means another", False, with_real(missing="nan"), with_real(missing="value", default=1.0)),
    ("kind of output changed", True, BASE, replace(BASE, output=Output("regression"))),
    (
        "classes changed",
        True,
        BASE,
        replace(BASE, output=Output("classification", ("no", "so", "yes"), True)),
    ),
    ("classes changed", True, BASE, replace(BASE, output=Output("classification", ("yes", "no"), True))),
    ("probabilities removed", True, BASE, replace(BASE, output=replace(YES, probabilities=False))),
    ("probabilities added", False, replace(BASE, output=replace(YES, probabilities=False)), BASE),
]


@pytest.mark.parametrize(("kind", "breaking", "before", "after"), CASES)
def test_each_change_is_named(kind: str, breaking: bool, before: Schema, after: Schema) -> None:
    """With its name, and whether callers must change."""
    assert (kind, breaking) in {(each.kind, each.breaking) for each in changes(before, after)}


def test_the_same_schema_has_no_changes() -> None:
    """Nor has a class that looks the same to Python but not to a caller none."""
    assert changes(BASE, BASE) == ()
    one = replace(BASE, output=Output("classification", (0, 1)))
    other = replace(BASE, output=Output("classification", (False, True)))
    assert [each.kind for each in changes(one, other)] == ["classes changed"]


def test_breaking_changes_come_first() -> None:
    """What must be done before what may be known."""
    found = changes(BASE, Schema((replace(REAL, maximum=20.0), Input("v", "bool")), YES))
    assert [each.breaking for each in found] == sorted((each.breaking for each in found), reverse=True)
    assert {each.kind for each in found} == {"input removed", "new required input", "range widened"}


def drawn(chance: random.Random) -> Schema:
    """A schema out of a few names, types and policies, so that two of them are alike often enough."""
    names = chance.sample(["p", "q"], chance.choice([1, 2, 2]))
    return Schema(tuple(drawn_input(name, chance) for name in names), Output("regression"))


def drawn_input(name: str, chance: random.Random) -> Input:
    if chance.random() < 0.3:
        categories = chance.choice([None, ("a",), ("a", "b"), ("b", "a")])
        missing = chance.random() < 0.3
        return Input(
            name,
            "string",
            categories=categories,
            missing="value" if missing else "refuse",
            default="a" if missing else None,
        )
    ends = sorted(chance.sample([0.0, 1.0, 2.0, 3.0], 2)) if chance.random() < 0.7 else [None, None]
    policies: dict[str, Any] = {
        "on_out_of_range": chance.choice(["refuse", "count"]) if ends[0] is not None else "refuse",
        "missing": chance.choice(["refuse", "nan"]),
    }
    return Input(name, "float64", minimum=ends[0], maximum=ends[1], **policies)


def near(schema: Schema, chance: random.Random) -> Schema:
    """The same with one input drawn anew."""
    inputs = list(schema.inputs)
    place = chance.randrange(len(inputs))
    inputs[place] = drawn_input(inputs[place].name, chance)
    return Schema(tuple(inputs), schema.output)


def accepts(validator: Validator, row: Any) -> bool:
    try:
        validator.row(row, "")
    except RefusedError:
        return False
    return True


VALUES = [None, 0.0, 0.5, 1.5, 2.5, 3.5, "a", "b", "c"]


def test_the_validator_agrees() -> None:
    """Over 400 pairs of schemas: a change is breaking if, and only if, there is a row that the one answers
    and the other refuses.
    """
    chance, seen = random.Random(5), {True: 0, False: 0}  # noqa: S311  # test data
    rows: list[Any] = [[a] for a in VALUES] + [[a, b] for a in VALUES for b in VALUES]
    for _ in range(400):
        before = drawn(chance)
        after = drawn(chance) if chance.random() < 0.3 else near(before, chance)
        if len(before.inputs) == 1:
            mine = [{before.inputs[0].name: a} for a in VALUES] + rows[: len(VALUES)]
        else:
            first, second = (each.name for each in before.inputs)
            mine = [{first: a, second: b} for a in VALUES for b in VALUES] + rows[len(VALUES) :]
        old, new = Validator(before, 1), Validator(after, 1)
        broken = any(accepts(old, row) and not accepts(new, row) for row in mine)
        named = [each for each in changes(before, after) if each.breaking]
        # Two inputs alike may change their order unnoticed by rows; their meaning changes all the same.
        unnoticed = {each.kind for each in named} <= {"order changed"}
        assert broken == bool(named) or (not broken and unnoticed), (before, after, named)
        seen[broken] += 1
    assert min(seen.values()) > 40
