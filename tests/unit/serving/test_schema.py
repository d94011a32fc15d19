from __future__ import annotations

from typing import Any

import pytest

from ekiben.errors import ConfigError
from ekiben.serving.schema import Input, Output, Schema

REGRESSION = Output("regression")
PLAIN = {"minimum": None, "maximum": None, "categories": None, "missing": "refuse"}
FORMAT_1: dict[str, Any] = {
    "format": 1,
    "inputs": [
        {**PLAIN, "name": "x", "type": "float64", "minimum": 0},
        {**PLAIN, "name": "s", "type": "string", "categories": ["a"]},
    ],
    "output": {"kind": "regression", "classes": None, "probabilities": False},
}  # fmt: skip


def test_the_format_before_is_read() -> None:
    """Format 1 had ranges and categories that refuse, no missing values, and nothing about float32."""
    assert Schema.parse(FORMAT_1) == Schema(
        (Input("x", "float64", minimum=0.0), Input("s", "string", categories=("a",))), REGRESSION
    )


def test_policies_come_back_from_their_document() -> None:
    """What is written is what is read, every policy included."""
    schema = Schema(
        (
            Input("x", "float64", minimum=0, maximum=1, on_out_of_range="count", missing="nan"),
            Input("n", "int64", maximum=5, missing="value", default=5),
            Input("yes", "bool", missing="value", default=False),
            Input("s", "string", categories=("a", "b"), missing="value", default="b"),
        ),
        REGRESSION,
        "float32",
    )
    document = schema.document()
    assert document["format"] == 2
    assert document["precision"] == "float32"
    policies = [(each["on_out_of_range"], each["missing"], each["default"]) for each in document["inputs"]]
    assert policies == [
        ("count", "nan", None),
        ("refuse", "value", 5),
        ("refuse", "value", False),
        ("refuse", "value", "b"),
    ]
    assert Schema.parse(document) == schema


@pytest.mark.parametrize(
    "parts",
    [
        {"type": "float32"}, {"name": ""}, {"minimum": 1, "maximum": 0}, {"minimum": float("nan")},
        {"minimum": float("inf")}, {"minimum": True}, {"minimum": "0"}, {"minimum": 2**53 + 1},
        {"type": "bool", "minimum": 0}, {"type": "string", "maximum": 1}, {"type": "int64", "minimum": 0.5},
        {"on_out_of_range": "clip", "minimum": 0}, {"on_out_of_range": "count"}, {"categories": ("a",)},
        {"type": "string", "categories": ()}, {"type": "string", "categories": ("a", "a")},
        {"type": "string", "categories": (1,)}, {"missing": "impute"}, {"missing": "value"}, {"default": 1.0},
        {"type": "int64", "missing": "nan"}, {"missing": "value", "default": True},
        {"missing": "value", "default": float("nan")}, {"missing": "value", "default": "1"},
        {"missing": "value", "default": 2, "maximum": 1},
        {"type": "int64", "missing": "value", "default": 1.0},
        {"type": "string", "missing": "value", "default": "c", "categories": ("a",)},
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_each_other(parts: dict[str, Any]) -> None:
    """A policy without a meaning for its column is refused, in code and in a document."""
    whole = {"name": "x", "type": "float64", **parts}
    with pytest.raises(ValueError, match="expected"):
        Input(**whole)
    document = Schema((Input("x", "float64"),), REGRESSION).document()
    document["inputs"][0].update(whole)
    with pytest.raises(ConfigError, match=r"schema\.json"):
        Schema.parse(document)


@pytest.mark.parametrize("names", [(), ("a", "a")])
def test_every_input_has_a_name_of_its_own(names: tuple[str, ...]) -> None:
    """None, or two of one name, are no schema."""
    with pytest.raises(ValueError, match="a name of its own"):
        Schema(tuple(Input(name, "float64") for name in names), REGRESSION)


def test_an_unknown_precision() -> None:
    """Only float64 and float32 are known."""
    with pytest.raises(ConfigError, match="precision"):
        Schema.parse({**Schema((Input("a", "float64"),), REGRESSION).document(), "precision": "float16"})
