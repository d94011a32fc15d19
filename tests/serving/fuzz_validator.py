"""Bodies for the validator, good ones with something changed; a program that runs very many.

    python -m tests.serving.fuzz_validator --cases 1000000 --seed 0

prints one line of JSON and ends with 1 if the product and the oracle disagree on a case: on whether a
body is accepted, on a bit of the rows, on the count of rows out of range, or on what scikit-learn predicts.
"""

from __future__ import annotations

import argparse
import collections
import json
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor
from tests.serving import oracle

from ekiben.serving import table
from ekiben.serving.exchange import Question
from ekiben.serving.predictor import EstimatorPredictor
from ekiben.serving.problem import MOST_ERRORS, RefusedError
from ekiben.serving.protocols import predict
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.validation import Validator

MOST_ROWS = 4
BATCH = 5_000  # cases of one hypothesis run: its memory grows with each
_CHOICES = 64  # bytes, one per choice
T = TypeVar("T")
JSON = {b"content-type": b"application/json"}
_RANDOM = np.random.default_rng(0)


@dataclass(frozen=True)
class Model:
    """A schema and an estimator that was fitted on rows of it."""

    schema: Schema
    estimator: Any
    validator: Validator
    predictor: EstimatorPredictor


def _model(*inputs: Input) -> Model:
    gaps = any(each.missing == "nan" for each in inputs)
    schema = Schema(inputs, Output("regression"), "float32" if gaps else "float64")
    rows = _RANDOM.uniform(-1, 1, size=(40, len(inputs)))
    if not schema.numeric:
        rows = rows.astype(object)
        for place, each in enumerate(inputs):
            if each.type == "string":
                rows[:, place] = ["red", "blue"] * 20
        estimator = make_pipeline(
            OneHotEncoder(handle_unknown="ignore", sparse_output=False), LinearRegression()
        )
    elif gaps:
        rows[::3] = np.nan
        estimator = DecisionTreeRegressor(random_state=0)  # takes NaN, compares float32
    else:
        estimator = LinearRegression()
    estimator.fit(rows, _RANDOM.uniform(size=40))
    return Model(schema, estimator, Validator(schema, MOST_ROWS), EstimatorPredictor(estimator, schema))


def models() -> tuple[Model, ...]:
    """One model per way through the validator."""
    return (
        _model(Input("a", "float64"), Input("b:c", "float64"), Input("d/e", "float64")),
        _model(
            Input("a", "float64", minimum=-1, maximum=1),
            Input("b", "float64", maximum=2**53, on_out_of_range="count"),
            Input("c", "float64", minimum=0),
        ),
        _model(
            Input("a", "float64", missing="nan", minimum=-2),
            Input("b", "float64", missing="value", default=0.5, maximum=1),
            Input("c", "float64"),
        ),
        _model(
            Input("n", "int64", minimum=-3, maximum=2**53 - 1),
            Input("yes", "bool", missing="value", default=True),
            Input("x", "float64"),
            Input("m", "int64", maximum=0, on_out_of_range="count", missing="value", default=0),
        ),
        _model(
            Input("colour", "string", categories=("red", "blue"), missing="value", default="red"),
            Input("text", "string"),
            Input("x", "float64", minimum=-1, maximum=1, on_out_of_range="count"),
            Input("n", "int64", maximum=2**63 - 1),
            Input("yes", "bool"),
            Input("gap", "float64", missing="nan", minimum=0),
        ),
        _model(Input("only", "float64", minimum=-1)),
    )


# JSON texts of one value: usual ones, those at an edge of a rule, and those that no column takes.
_REALS = [
    "0", "1", "-1", "0.5", "-0.5", "-0", "-0.0", "1.0", "1e0", "0.1", "1e-400", "5e-324", "2.5e-324", "1E+0",
    "1.0000000000000002", "-1.0000000000000002", "0.30000000000000004", "9007199254740993",
    "9007199254740993.0", "1.7976931348623157e308", "123456789012345678901234567890", "3.141592653589793238",
]  # fmt: skip
_INTEGERS = [
    "0", "1", "-3", "-4", "9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740991",
    "-9007199254740992", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1.0",
]  # fmt: skip
_STRINGS = ['"red"', '"blue"', '"r\\u0065d"', '""', '"a\\u0000"', '"\\ud83d\\ude00"', '":"', '"é"', '"1"']
_STRANGE = [
    "null", "true", "false", '"red"', '"2"', "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "nan", "[]",
    "[1]", "{}", "[1,2]", '{"a":1}', "01", "+1", "1.", ".5", "0x1", "1e", "-", "", '"\\ud800"', "1 2", "tru",
    "1.7976931348623159e308", "3.4028234663852886e38", "3.4028234663852889e38", "1" + "0" * 400,
    "1" + "0" * 5_000, "\u0661", "\x0c1", "2", "-2", "1e17",
]  # fmt: skip
_OF_TYPE = {"float64": _REALS, "int64": _INTEGERS, "bool": ["true", "false"], "string": _STRINGS}
_USUAL = {"float64": ["0.5", "0", "1"], "int64": ["0", "-1"], "bool": ["true"], "string": ['"red"']}
_LONG = " " * table.LEAST_BYTES
_SPACE = ["", "", "", " ", "\n", "\t ", "\r\n"]
_CHANGES = [
    "",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '"',
    "0",
    "-",
    "e",
    ".",
    " ",
    "\x00",
    "\ufeff",
    "[]",
    "null",
    "é",
]
_FAULTS = ["", "", "", "", "", "order", "repeat", "rename", "drop", "escape"]
_KEYS = ['"instances"'] * 9 + ['"inst\\u0061nces"', '"instance"', "instances"]


class Choices:
    """Choices by the bytes of one draw: a tenth of the time of one draw per choice, and it still shrinks.

    Bytes that are used up are zero, and the first option is the plainest.
    """

    def __init__(self, content: bytes) -> None:
        self._bytes = iter(content)

    def below(self, count: int) -> int:
        """A number from 0 to count - 1."""
        return next(self._bytes, 0) % count

    def of(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]


def body_of(schema: Schema, choose: Choices) -> bytes:
    """A body that fits a schema, unless something in it was changed."""
    form = choose.of(["instances", "instances", "instances", "row", "features"])
    count = choose.of([1, 2, 1, 2, 3, MOST_ROWS, 0, MOST_ROWS + 1]) if form == "instances" else 1
    strange = choose.below(4) == 1  # most have no strange cell at all
    rows = [_instance(schema, choose, strange=strange, named=form != "row") for _ in range(count)]
    gap = choose.of(_SPACE)
    if form == "row":
        text = rows[0]
    elif form == "features":
        text = f'{{{gap}"features":{rows[0]}{gap}}}'
    else:
        text = f"{gap}{{{choose.of(_KEYS)}{gap}:{gap}[{f',{gap}'.join(rows)}]{gap}}}"
    for _ in range(choose.of([0, 0, 0, 0, 0, 1, 2])):
        place, taken = choose.below(len(text) + 1), choose.below(3)
        text = text[:place] + choose.of(_CHANGES) + text[place + taken :]
    # Spaces make a body long enough for the way that only long ones take.
    space = choose.of(["", _LONG, _LONG])
    return (text + space).encode("utf-8", errors="surrogatepass")


def _instance(schema: Schema, choose: Choices, *, strange: bool, named: bool) -> str:
    cells = []
    for each in schema.inputs:
        texts = choose.of([_USUAL, _OF_TYPE])[each.type]
        if each.missing != "refuse":
            texts = [*texts, "null", "null"]
        if strange and choose.below(len(schema.inputs) + 1) == 0:
            texts = _STRANGE
        cells.append(choose.of(texts))
    if named and choose.below(4) == 1:
        return _object(schema, choose, cells)
    if choose.below(16) == 1:
        cells = choose.of([cells[:-1], [*cells, "1"], []])
    return "[" + ",".join(cells) + "]"


def _object(schema: Schema, choose: Choices, cells: Sequence[str]) -> str:
    """An object of values by name; one in two has a fault, or looks as if."""
    pairs = [(json.dumps(each.name), cell) for each, cell in zip(schema.inputs, cells, strict=True)]
    fault = choose.of(_FAULTS)
    if fault == "order":
        pairs.reverse()
    elif fault == "repeat":
        pairs.append(pairs[0])
    elif fault == "rename":
        pairs[0] = ('"other"', pairs[0][1])
    elif fault == "drop":
        pairs.pop()
    elif fault == "escape":
        name = schema.inputs[0].name
        pairs[0] = (f'"\\u{ord(name[0]):04x}{name[1:]}"', pairs[0][1])
    return "{" + ",".join(f"{key}:{cell}" for key, cell in pairs) + "}"


def check(model: Model, body: bytes) -> str:
    """Compare product and oracle on one body.

    Returns:
        Which way it went: `refused`, `accepted`, or `table` (accepted straight from its bytes).

    Raises:
        AssertionError: They disagree, or a refusal is not what it must be.
    """
    expected = oracle.rows(body, model.schema, MOST_ROWS)
    straight = table.rows(body, model.validator)
    question = _read(model, body)
    assert (question is None) == (expected is None), "accepted by the product or the oracle alone"
    if question is None or expected is None:
        assert straight is None
        return "refused"
    for found in (question.rows, straight):
        if found is not None:
            assert bits(found.tolist()) == bits(expected)
    counted = sum(
        any(
            each.on_out_of_range == "count" and oracle.outside(each, value)
            for each, value in zip(model.schema.inputs, row, strict=True)
        )
        for row in expected
    )
    assert question.out_of_range == counted
    if model.schema.numeric:
        assert question.rows.dtype == np.float64
        check_prediction(model, question.rows, expected)
    return "accepted" if straight is None else "table"


def _read(model: Model, body: bytes) -> Question | None:
    """What the dialect reads; None if it refuses as it must."""
    try:
        return predict.Predict(model.validator, {}).read(body, JSON)
    except RefusedError as error:
        if error.status not in (400, 422) or len(error.places) > MOST_ERRORS:
            raise AssertionError(f"refused with {error.status} and {len(error.places)} places") from error
        return None


def check_prediction(model: Model, rows: Any, expected: Sequence[Sequence[float]]) -> None:
    """scikit-learn predicts the same bits for the product's rows and for the oracle's."""
    with np.errstate(all="ignore"):
        right = model.estimator.predict(np.array(expected, dtype=np.float64))
        assert model.predictor.predict(rows).predictions.tobytes() == right.tobytes()


def bits(rows: Sequence[Sequence[Any]]) -> list[list[tuple[type, Any]]]:
    """Values with their types, floats by their bits."""
    return [
        [(type(each), struct.pack("d", each) if type(each) is float else each) for each in row]
        for row in rows
    ]


def run(cases: int, first_seed: int) -> dict[str, Any]:
    """Run cases in batches, each from a seed of its own.

    Returns:
        Counts by way, seconds, cases per second, and `failure`: None, or the body that disagreed.
    """
    known = models()
    ways: collections.Counter[str] = collections.Counter()
    failure = None
    started = time.perf_counter()
    for number in range(-(-cases // BATCH)):
        examples = min(BATCH, cases - number * BATCH)
        try:
            _batch(known, examples, first_seed + number, ways)
        except AssertionError as error:
            failure = {"seed": first_seed + number, "message": str(error), "notes": error.__notes__}
            break
    seconds = time.perf_counter() - started
    return {
        "cases": sum(ways.values()),
        "seed": first_seed,
        "seconds": round(seconds, 1),
        "cases_per_second": round(sum(ways.values()) / seconds),
        **{way: ways[way] for way in ("accepted", "table", "refused")},
        "failure": failure,
    }


def _batch(known: Sequence[Model], examples: int, number: int, ways: collections.Counter[str]) -> None:
    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(st.binary(min_size=_CHOICES, max_size=_CHOICES))
    def agree(content: bytes) -> None:
        choose = Choices(content)
        model = choose.of(known)
        body = body_of(model.schema, choose)
        try:
            ways[check(model, body)] += 1
        except BaseException:
            note(f"{model.schema}\n{body!r}")
            raise

    agree()


def main() -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    given_options = parser.parse_args()
    found = run(given_options.cases, given_options.seed)
    print(json.dumps(found))  # noqa: T201 - its result
    return 0 if found["failure"] is None else 1


if __name__ == "__main__":
    sys.exit(main())
