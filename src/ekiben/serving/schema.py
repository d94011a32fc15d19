"""What a model takes and gives: the reader of `schema.json`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from ekiben.errors import ConfigError

InputType = Literal["float64", "int64", "bool", "string"]
Precision = Literal["float64", "float32"]
RangePolicy = Literal["refuse", "count"]
MissingPolicy = Literal["refuse", "nan", "value"]
Kind = Literal["classification", "regression"]
Label = str | int | float | bool

FORMAT = 2
READABLE_FORMATS = (1, 2)  # format 1 had no policies: everything was refused
_KINDS = ("classification", "regression")
_PYTHON: dict[InputType, type] = {"float64": float, "int64": int, "bool": bool, "string": str}


@dataclass(frozen=True, slots=True)
class Input:
    """One column of the features.

    Attributes:
        name: The column's name in the training frame.
        type: What a value must be; nothing is converted but an integer for `float64`.
        minimum: Smallest value expected, of the column's type; None if unbounded.
        maximum: Largest value expected, of the column's type; None if unbounded.
        categories: The strings accepted; None if any.
        on_out_of_range: What happens to a number outside the range: `refuse`, or `count` (accepted, counted).
        missing: What happens to a missing value (null in JSON, NaN in a tensor): `refuse`, `nan` (the
            estimator gets NaN, `float64` only), or `value` (it gets `default`).
        default: In place of a missing value, of the column's type; None for the other policies.

    Raises:
        ValueError: Parts that do not fit each other.
    """

    name: str
    type: InputType
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None
    on_out_of_range: RangePolicy = "refuse"
    missing: MissingPolicy = "refuse"
    default: Label | None = None

    def __post_init__(self) -> None:
        if self.type == "float64":  # the numbers that values are compared with are float64 themselves
            for name in ("minimum", "maximum", "default"):
                object.__setattr__(self, name, _as_float(getattr(self, name)))
        _check_input(self)


@dataclass(frozen=True, slots=True)
class Output:
    """What the estimator answers.

    Attributes:
        kind: Labels or numbers.
        classes: The labels, in the order of the probabilities; None for a regression.
        probabilities: Whether a probability for each class is answered too.
    """

    kind: Kind
    classes: tuple[Label, ...] | None = None
    probabilities: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """What a model takes and gives.

    Attributes:
        inputs: In the estimator's order.
        output: What it answers.
        precision: What a `float64` value must be finite as. Training writes `float32` where the estimator
            does not answer the largest numbers of float64: trees compare float32, sums overflow.

    Raises:
        ValueError: No input, two of one name, or an unknown precision.
    """

    inputs: tuple[Input, ...]
    output: Output
    precision: Precision = "float64"

    def __post_init__(self) -> None:
        names = [each.name for each in self.inputs]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"expected at least one input, each with a name of its own, found {names}")
        if self.precision not in get_args(Precision):
            raise ValueError(f"expected a precision of {get_args(Precision)}, found {self.precision!r}")

    @property
    def numeric(self) -> bool:
        """Whether rows form a float64 array; else they form an array of objects."""
        return all(each.type != "string" for each in self.inputs)

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Read the content of `schema.json`, of this format or the one before.

        Raises:
            ConfigError: Another format version, or a part that is missing, unknown or out of place.
        """
        if not isinstance(document, Mapping) or document.get("format") not in READABLE_FORMATS:
            known = " or ".join(map(str, READABLE_FORMATS))
            raise ConfigError(f"schema.json: expected format {known}, found {_format(document)}")
        try:
            inputs = tuple(_input(each, document["format"]) for each in document["inputs"])
            precision: Precision = "float64" if document["format"] == 1 else document["precision"]
            return cls(inputs, _output(document["output"]), precision)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"schema.json: a part is missing or unknown: {error}") from error

    def document(self) -> dict[str, Any]:
        """Give the content of `schema.json`."""
        return {
            "format": FORMAT,
            "inputs": [
                {
                    "name": each.name,
                    "type": each.type,
                    "minimum": each.minimum,
                    "maximum": each.maximum,
                    "categories": None if each.categories is None else list(each.categories),
                    "on_out_of_range": each.on_out_of_range,
                    "missing": each.missing,
                    "default": each.default,
                }
                for each in self.inputs
            ],
            "precision": self.precision,
            "output": {
                "kind": self.output.kind,
                "classes": None if self.output.classes is None else list(self.output.classes),
                "probabilities": self.output.probabilities,
            },
        }


def _format(document: Any) -> object:
    return document.get("format") if isinstance(document, Mapping) else type(document).__name__


def _input(part: Mapping[str, Any], found_format: int) -> Input:
    policies: dict[str, Any] = {"missing": part["missing"]}
    if found_format > 1:
        policies.update(on_out_of_range=part["on_out_of_range"], default=part["default"])
    categories = part["categories"]
    return Input(
        name=part["name"],
        type=part["type"],
        minimum=part["minimum"],
        maximum=part["maximum"],
        categories=None if categories is None else tuple(categories),
        **policies,
    )


def _as_float(value: Any) -> Any:
    """Give a number as float64 if it is one exactly; anything else as it is, to be refused."""
    return float(value) if type(value) is int and float(value) == value else value


def _check_input(found: Input) -> None:
    """Check what a declaration says of itself.

    Raises:
        ValueError: Parts that do not fit each other.
    """

    def expect(holds: bool, what: str) -> None:
        if not holds:
            raise ValueError(f"input {found.name!r}: expected {what}")

    expect(isinstance(found.name, str) and found.name != "", "a name")
    expect(found.type in get_args(InputType), f"a type of {get_args(InputType)}, found {found.type!r}")
    for policies, policy in ((RangePolicy, found.on_out_of_range), (MissingPolicy, found.missing)):
        expect(policy in get_args(policies), f"a policy of {get_args(policies)}, found {policy!r}")
    kind = _PYTHON[found.type]
    edges = [each for each in (found.minimum, found.maximum) if each is not None]
    expect(not edges or found.type in ("float64", "int64"), f"no range for the type {found.type}")
    expect(
        all(type(each) is kind and math.isfinite(each) for each in edges), f"a range of {found.type} numbers"
    )
    expect(edges == sorted(edges), "a minimum that is not above the maximum")
    expect(bool(edges) or found.on_out_of_range == "refuse", "a range, if what lies outside is counted")
    if found.categories is not None:
        expect(found.type == "string", f"no categories for the type {found.type}")
        expect(bool(found.categories) and all(type(each) is str for each in found.categories), "categories")
        expect(len(set(found.categories)) == len(found.categories), "every category once")
    expect(found.missing != "nan" or found.type == "float64", "the type float64, if NaN is to be passed on")
    expect(
        (found.missing == "value") == (found.default is not None), "a default with the policy 'value' only"
    )
    if found.default is not None:
        _check_default(found, kind, expect)


def _check_default(found: Input, kind: type, expect: Callable[[bool, str], None]) -> None:
    default: Any = found.default
    expect(type(default) is kind, f"a default of the type {found.type}")
    expect(kind is not float or math.isfinite(default), "a finite default")
    expect(found.categories is None or default in found.categories, "a default that is one of the categories")
    expect(
        (found.minimum is None or default >= found.minimum)
        and (found.maximum is None or default <= found.maximum),
        "a default within the range",
    )


def _output(part: Mapping[str, Any]) -> Output:
    if part["kind"] not in _KINDS:
        raise ValueError(f"kind of output {part['kind']!r}")
    classes = part["classes"]
    if (classes is None) == (part["kind"] == "classification"):
        raise ValueError(f"classes {classes!r} of a {part['kind']}")
    return Output(part["kind"], None if classes is None else tuple(classes), bool(part["probabilities"]))
