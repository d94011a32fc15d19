"""Golden rows: rows with the answers they must give, at start and after every release."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import orjson

from ekiben.errors import AcceptanceError, ConfigError
from ekiben.serving.answer import Answer
from ekiben.serving.schema import Label

_OK = 200
_ID = "warm-up"


@dataclass(frozen=True, slots=True)
class Golden:
    """Content of `golden.json`.

    Attributes:
        instances: One mapping of column to value per row; None is a missing value.
        predictions: The estimator's answer to each.
        probabilities: Per row one probability per class, 0-1; None if there are none.
        relative_tolerance: How far a number may be off, relative.
    """

    instances: tuple[Mapping[str, Label | None], ...]
    predictions: tuple[Label, ...]
    probabilities: tuple[tuple[float, ...], ...] | None
    relative_tolerance: float

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Read the content of `golden.json`.

        Raises:
            ConfigError: A part is missing, or rows and answers do not pair.
        """
        try:
            probabilities = document["probabilities"]
            found = cls(
                instances=tuple(dict(row) for row in document["instances"]),
                predictions=tuple(document["predictions"]),
                probabilities=None if probabilities is None else tuple(tuple(row) for row in probabilities),
                relative_tolerance=float(document["relative_tolerance"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"golden.json: a part is missing or unknown: {error!r}") from error
        rows = len(found.instances)
        answers = {len(found.predictions), rows if found.probabilities is None else len(found.probabilities)}
        if rows == 0 or answers != {rows}:
            raise ConfigError(
                f"golden.json: expected one answer per row and at least one row, found {rows} row(s)"
            )
        return found


def prove(
    golden: Golden, names: Sequence[str], answer: Callable[[bytes, str], Answer], most_rows: int
) -> None:
    """Send golden rows the way of every request, in every form, and compare each answer.

    Args:
        golden: Rows and what they must give.
        names: Columns in the estimator's order.
        answer: The lane's way from a body to an answer.
        most_rows: Most rows that it takes at once.

    Raises:
        AcceptanceError: An answer is missing or wrong.
    """
    wrong = sorted(
        {
            number
            for number, found in _answers(golden, names, answer, most_rows)
            if not _right(golden, number, found)
        }
    )
    if wrong:
        raise AcceptanceError(
            f"{len(wrong)} of {len(golden.instances)} golden rows gave another answer than the trained "
            f"estimator (first: row {wrong[0]})",
            remedy="train and build the model again; this image must not serve",
        )


def _answers(
    golden: Golden, names: Sequence[str], answer: Callable[[bytes, str], Answer], most_rows: int
) -> Iterator[tuple[int, tuple[Any, Any]]]:
    """Row number, prediction and probabilities of every row and form."""
    for first in range(0, len(golden.instances), most_rows):
        instances = golden.instances[first : first + most_rows]
        found = _sent({"instances": instances}, answer)
        predictions, probabilities = found["predictions"], found.get("probabilities")
        for place, prediction in enumerate(predictions):
            yield first + place, (prediction, None if probabilities is None else probabilities[place])
    instance = golden.instances[0]
    for body in ([instance[name] for name in names], {"features": instance}):
        found = _sent(body, answer)
        yield 0, (found["prediction"], found.get("probabilities"))


def _sent(body: Any, answer: Callable[[bytes, str], Answer]) -> Mapping[str, Any]:
    reply = answer(orjson.dumps(body), _ID)
    if reply.status != _OK:
        raise AcceptanceError(f"golden rows were refused with status {reply.status}: {reply.body.decode()}")
    found: Mapping[str, Any] = orjson.loads(reply.body)
    return found


def _right(golden: Golden, number: int, found: tuple[Any, Any]) -> bool:
    prediction, probabilities = found
    if not _same(prediction, golden.predictions[number], golden.relative_tolerance):
        return False
    if golden.probabilities is None:
        return True
    expected = golden.probabilities[number]
    return (
        probabilities is not None
        and len(probabilities) == len(expected)
        and all(_same(a, b, golden.relative_tolerance) for a, b in zip(probabilities, expected, strict=True))
    )


def _same(found: Any, expected: Any, tolerance: float) -> bool:
    """Equal in type and value; numbers with a fraction within the tolerance (of 1 below 1)."""
    if isinstance(expected, float):
        return isinstance(found, float) and math.isclose(
            found, expected, rel_tol=tolerance, abs_tol=tolerance
        )
    return type(found) is type(expected) and bool(found == expected)
