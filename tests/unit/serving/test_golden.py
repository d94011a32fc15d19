from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from ekiben.errors import AcceptanceError, ConfigError
from ekiben.serving.answer import Answer
from ekiben.serving.golden import Golden, prove

INSTANCES = [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}, {"a": 5.0, "b": 6.0}]
DOCUMENT = {
    "instances": INSTANCES,
    "predictions": ["x", "y", "x"],
    "probabilities": [[0.75, 0.25], [0.25, 0.75], [1.0, 0.0]],
    "relative_tolerance": 1e-9,
}


class Served:
    """A model that knows the golden rows by heart, in every form."""

    def __init__(self) -> None:
        self.known = {
            tuple(row.values()): (label, p)
            for row, label, p in zip(
                INSTANCES, DOCUMENT["predictions"], DOCUMENT["probabilities"], strict=True
            )  # type: ignore[call-overload]
        }
        self.bodies: list[Any] = []

    def __call__(self, body: bytes, _: str) -> Answer:
        document = orjson.loads(body)
        self.bodies.append(document)
        if isinstance(document, dict) and "instances" in document:
            found = [self.known[tuple(row.values())] for row in document["instances"]]
            reply = {"predictions": [label for label, _ in found], "probabilities": [p for _, p in found]}
        else:
            row = document if isinstance(document, list) else list(document["features"].values())
            label, p = self.known[tuple(row)]
            reply = {"prediction": label, "probabilities": p}
        return Answer(200, orjson.dumps(reply))


def check(served: Callable[[bytes, str], Answer], most_rows: int = 100) -> None:
    prove(Golden.parse(DOCUMENT), ["a", "b"], served, most_rows)


def test_right_answers_are_accepted_in_every_form() -> None:
    """All rows at once, then the first row alone in both forms of one row."""
    served = Served()
    check(served)
    assert served.bodies == [{"instances": INSTANCES}, [1.0, 2.0], {"features": INSTANCES[0]}]


def test_no_more_rows_at_once_than_allowed() -> None:
    """A small row limit splits the rows, and all of them are still compared."""
    served = Served()
    check(served, most_rows=2)
    assert served.bodies[:2] == [{"instances": INSTANCES[:2]}, {"instances": INSTANCES[2:]}]
    served.known[5.0, 6.0] = ("y", [0.0, 1.0])
    with pytest.raises(AcceptanceError, match="first: row 2"):
        check(served, most_rows=2)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (("y", [0.25, 0.75]), True),
        (("x", [0.25, 0.75]), False),
        ((1, [0.25, 0.75]), False),
        (("y", [0.25 + 1e-11, 0.75]), True),
        (("y", [0.25 + 1e-8, 0.75]), False),
        (("y", [0.25]), False),
        (("y", None), False),
    ],
)
def test_each_answer_counts(answer: Any, right: bool) -> None:
    """A label must be the same, a probability within 1e-9, and none may be missing."""
    served = Served()
    served.known[3.0, 4.0] = answer
    if right:
        check(served)
    else:
        with pytest.raises(AcceptanceError, match="1 of 3 golden rows"):
            check(served)


def test_refused_rows_are_a_failure() -> None:
    """A model that refuses its own golden rows does not become ready."""
    with pytest.raises(AcceptanceError, match="status 422"):
        check(lambda _body, _id: Answer(422, b"{}"))


@pytest.mark.parametrize(
    "change",
    [
        {"instances": []},
        {"predictions": ["x"]},
        {"probabilities": [[1.0]]},
        {"relative_tolerance": None},
        {"instances": [5] * 3},
    ],
)
def test_files_that_do_not_pair(change: dict[str, Any]) -> None:
    """Rows and answers must pair, and there is at least one row."""
    with pytest.raises(ConfigError, match=r"golden\.json"):
        Golden.parse({**DOCUMENT, **change})
