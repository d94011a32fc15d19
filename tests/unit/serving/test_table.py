from __future__ import annotations

import gc
import json
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from ekiben.serving import table
from ekiben.serving.decoding import decode
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.validation import Validator

REGRESSION = Output("regression")
TWO = Schema((Input("a", "float64"), Input("b", "float64", maximum=99)), REGRESSION)
LONG = " " * table.LEAST_BYTES


def rows(text: str, schema: Schema = TWO) -> Any:
    """Rows of a text straight from its bytes: as they are, and made long, which is another way."""
    validator = Validator(schema, 300)
    short, long = (table.rows(each.encode(), validator) for each in (text, text + LONG))
    if short is not None:
        usual = validator.rows(decode(text.encode())["instances"], "")
        assert short.tobytes() == usual.tobytes()
    assert (short is None) == (long is None)
    return None if long is None else long.tolist()


@pytest.mark.parametrize(
    "cells",
    [
        "[[1,2],[3,4]]", "[ [1 ,2]\r\n, [3,\t4] ]", "[[1e0,2.0],[0.3e1,40E-1]]",
    ],
)  # fmt: skip
def test_tables_of_numbers(cells: str) -> None:
    """However the numbers and the space between them are written."""
    assert rows(f'{{"instances":{cells}}}') == [[1.0, 2.0], [3.0, 4.0]]
    assert rows(f' {{ "instances" \n: {cells}\t}}\n') == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "cells",
    [
        "[[1],[2,3,4]]", "[[1,2,3],[4]]", "[[1,2,3,4]]", "[1,2,3,4]", "[]", "[[]]", "[[],[1,2]]",
        "[[1,[2,3]],[[],4]]", "[[[],[1,2]],[3,4]]", "[[[1],2]]", "[[1,2],[3,[4]]]", "[[[1,2]],[[3,4]]]",
        '["ab","cd"]', '[{"a":1,"b":2}]', '[[1,2],{"a":1,"b":2}]', "[[1,{}]]", "[[1,2],null]", "[[1,2],3]",
        "[[1,true]]", "[[1,null]]", '[[1,"2"]]', "[[1,NaN]]", "[[1,1e999]]", "[[1,2],]", "[[1,2]",
        "[[1,100]]",
        "[[1,18446744073709551616]]",
    ],
)  # fmt: skip
def test_what_is_no_table_of_this_schema(cells: str) -> None:
    """Ragged, nested, empty, of another type or out of range: left to the way that names places.

    Many of them hold four numbers all the same, which is all that a flat buffer can tell.
    """
    assert rows(f'{{"instances":{cells}}}') is None


def test_an_integer_beyond_64_bits() -> None:
    """Short, it is the float that the usual way makes of it; long, it is left to that way."""
    validator, text = Validator(TWO, 300), '{"instances":[[1,-9223372036854775809]]}'
    short = table.rows(text.encode(), validator)
    assert short is not None
    assert short.tolist() == [[1.0, -(2.0**63)]]
    assert table.rows((text + LONG).encode(), validator) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"instances":[[1,2]],"instances":[[1,2]]}', '{"instances":[[1,2]],"x":1}',
        '{"x":1,"instances":[[1,2]]}',
        '{"inst\\u0061nces":[[1,2]]}', '{"features":[[1,2]]}', "[[1,2]]", '[{"instances":[[1,2]]}]',
        '\ufeff{"instances":[[1,2]]}', '{"instances":[[1,2]]} {}', '{"instances":[[1,2]]}\x00', "",
    ],
)  # fmt: skip
def test_other_documents(text: str) -> None:
    """Another key, a key twice, a mark at the front, something behind: left to the usual way."""
    assert rows(text) is None


@pytest.mark.parametrize("count", [0, 1, 300, 301])
def test_the_row_limit(count: int) -> None:
    """As many rows as the usual way takes."""
    found = rows(f'{{"instances":{[[1, 2]] * count}}}')
    assert (found is not None) == (1 <= count <= 300)


def test_other_schemas() -> None:
    """Integers, truth values and strings keep their types only in the usual way."""
    for kind in ("int64", "bool", "string"):
        schema = Schema((Input("a", "float64"), Input("b", kind)), REGRESSION)
        assert rows('{"instances":[[1,2]]}', schema) is None


def test_real_rows_are_bit_equal_to_the_standard_library() -> None:
    """256 rows of 30 measured features, 256 of 17 digits, one of each, are the numbers that json reads."""
    schema = Schema(
        tuple(Input(f"x{i}", "float64", minimum=-1e9, maximum=1e9) for i in range(30)), REGRESSION
    )
    validator = Validator(schema, 256)
    measured, drawn = load_breast_cancer().data[:256], np.random.default_rng(0).normal(size=(256, 30))
    for values in (measured, drawn, measured[:1], drawn[:1]):
        body = json.dumps({"instances": values.tolist()}).encode()
        found = table.rows(body, validator)
        assert found is not None
        assert found.tobytes() == np.array(json.loads(body)["instances"]).tobytes() == values.tobytes()
        assert found.tobytes() == validator.rows(decode(body)["instances"], "").tobytes()


def test_threads_do_not_share_a_parser() -> None:
    """Two threads read different bodies at once, and each gets its own numbers."""
    validator = Validator(TWO, 300)
    wrong: list[int] = []

    def read(number: int) -> None:
        body = json.dumps({"instances": [[number, number]] * 300}).encode()
        for _ in range(50):
            found = table.rows(body, validator)
            if found is None or not (found == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


def test_nothing_is_kept() -> None:
    """A body that was read leaves no memory behind that Python knows of."""
    validator = Validator(TWO, 300)
    body = json.dumps({"instances": [[1.5, 2.5]] * 300}).encode()
    table.rows(body, validator)
    gc.collect()
    tracemalloc.start()
    for _ in range(100):
        table.rows(body, validator)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < len(body)
