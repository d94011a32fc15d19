"""What a model takes and gives: the reader of `schema.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from ekiben.errors import ConfigError

InputType = Literal["float64", "int64", "bool", "string"]
Kind = Literal["classification", "regression"]
Label = str | int | float | bool

FORMAT = 1
_TYPES = ("float64", "int64", "bool", "string")
_KINDS = ("classification", "regression")


@dataclass(frozen=True, slots=True)
class Input:
    """One column of the features.

    Attributes:
        name: The column's name in the training frame.
        type: What a value must be; nothing is converted but an integer for `float64`.
        minimum: Smallest value accepted; None if unbounded.
        maximum: Largest value accepted; None if unbounded.
        categories: The strings accepted; None if any.
    """

    name: str
    type: InputType
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None


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
    """Inputs in the estimator's order, and the output."""

    inputs: tuple[Input, ...]
    output: Output

    @property
    def numeric(self) -> bool:
        """Whether rows form a float64 array; else they form an array of objects."""
        return all(each.type != "string" for each in self.inputs)

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Read the content of `schema.json`.

        Raises:
            ConfigError: Another format version, or a part that is missing or unknown.
        """
        if not isinstance(document, Mapping) or document.get("format") != FORMAT:
            raise ConfigError(f"schema.json: expected format {FORMAT}, found {_format(document)}")
        try:
            inputs = tuple(_input(each) for each in document["inputs"])
            output = _output(document["output"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"schema.json: a part is missing or unknown: {error}") from error
        if not inputs:
            raise ConfigError("schema.json: expected at least one input, found none")
        return cls(inputs, output)

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
                    "missing": "refuse",
                }
                for each in self.inputs
            ],
            "output": {
                "kind": self.output.kind,
                "classes": None if self.output.classes is None else list(self.output.classes),
                "probabilities": self.output.probabilities,
            },
        }


def _format(document: Any) -> object:
    return document.get("format") if isinstance(document, Mapping) else type(document).__name__


def _input(part: Mapping[str, Any]) -> Input:
    if part["type"] not in _TYPES:
        raise ValueError(f"type {part['type']!r} of input {part['name']!r}")
    if part["missing"] != "refuse":
        raise ValueError(f"policy {part['missing']!r} for missing values of input {part['name']!r}")
    categories = part["categories"]
    return Input(
        name=str(part["name"]),
        type=part["type"],
        minimum=part["minimum"],
        maximum=part["maximum"],
        categories=None if categories is None else tuple(categories),
    )


def _output(part: Mapping[str, Any]) -> Output:
    if part["kind"] not in _KINDS:
        raise ValueError(f"kind of output {part['kind']!r}")
    classes = part["classes"]
    if (classes is None) == (part["kind"] == "classification"):
        raise ValueError(f"classes {classes!r} of a {part['kind']}")
    return Output(part["kind"], None if classes is None else tuple(classes), bool(part["probabilities"]))
