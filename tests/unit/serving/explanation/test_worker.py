"""The queue of explanations: its limits, its refusals, and that nobody is forgotten."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from sklearn.linear_model import LinearRegression

from ekiben.artefact.explanation import explained_by
from ekiben.artefact.write import write
from ekiben.serving import artefact as reader
from ekiben.serving.answer import Answer
from ekiben.serving.explanation.worker import Explanations, Limits
from ekiben.serving.instruments import Instruments
from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
from ekiben.serving.protocols.explain import Explain
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.ticket import Called, clock
from ekiben.serving.validation import Validator

ROWS = np.random.default_rng(0).normal(size=(30, 2))
SCHEMA = Schema((Input("a", "float64"), Input("b", "float64")), Output("regression"))
HEADERS = {b"content-type": b"application/json"}
BODY = b'{"instances": [[1, 2], [3, 4]]}'


@dataclass
class Room:
    """Explanations of a line, and what became of requests."""

    artefact: reader.Artefact
    explanations: Explanations
    dialect: Explain
    instruments: Instruments
    answers: list[Answer] = field(default_factory=list)

    def ask(self, body: bytes = BODY, seconds: float = 5.0) -> Called:
        ticket = Called(self.dialect, HEADERS, "id", clock() + seconds, self.answers.append)  # type: ignore[arg-type]
        self.explanations.take(ticket, self.dialect, body)
        return ticket

    async def settled(self, count: int) -> list[tuple[int, Any]]:
        """Wait for answers; give status and reason or document."""
        for _ in range(500):
            if len(self.answers) >= count:
                break
            await asyncio.sleep(0.005)
        assert len(self.answers) == count
        return [(each.status, orjson.loads(each.body)) for each in self.answers]

    async def loaded(self) -> None:
        """Wait for the end of loading."""
        self.explanations.open(self.artefact)
        await asyncio.wrap_future(self.explanations._worker.submit(int))

    def count(self, name: str) -> float:
        return sum(
            float(each.value)
            for each in self.instruments.series()
            if each.metric.name == name and not hasattr(each.value, "count")
        )


def room(
    folder: Path, *, most: int = 3, seconds: float = 5.0, change: Callable[[Any], Any] = lambda c: c
) -> Room:
    estimator = LinearRegression().fit(ROWS, ROWS[:, 0] - 2 * ROWS[:, 1])
    rows = ROWS[:2]
    golden = {
        "format": 1,
        "instances": [dict(zip("ab", row, strict=True)) for row in rows.tolist()],
        "predictions": estimator.predict(rows).tolist(),
        "probabilities": None,
        "relative_tolerance": 1e-9,
    }
    folder.mkdir()
    content = change(explained_by(estimator, SCHEMA, ROWS, rows))
    write(folder, "line", estimator, SCHEMA, golden=golden, reference={}, card={}, explanation=content)
    found = reader.read(folder)
    assert found.explanation is not None
    instruments = Instruments(found, "scikit-learn")
    predictor = EstimatorPredictor(estimator, SCHEMA)
    explanations = Explanations(predictor, Limits(most, seconds, 1_000), instruments)
    dialect = Explain(Validator(SCHEMA, 100), {"name": "line", "version": "1"}, found.explanation, SCHEMA)
    return Room(found, explanations, dialect, instruments)


def run(scenario: Coroutine[Any, Any, None], found: Room) -> None:
    try:
        asyncio.run(scenario)
    finally:
        found.explanations.close()


def test_rows_are_explained_and_counted(tmp_path: Path) -> None:
    """Of y = a - 2 b: with b two more, its contribution is four less."""
    found = room(tmp_path / "a")

    async def scenario() -> None:
        await found.loaded()
        found.ask()
        ((status, document),) = await found.settled(1)
        assert status == 200
        first, second = (each["contributions"] for each in document["explanations"])
        assert second["a"] - first["a"] == pytest.approx(2)
        assert second["b"] - first["b"] == pytest.approx(-4)
        assert found.count("model_explanations_total") == 2

    run(scenario(), found)


def test_requests_wait_while_it_is_loaded(tmp_path: Path) -> None:
    """The pod is ready before its explanations are: what comes meanwhile is answered, not refused."""
    found = room(tmp_path / "a")

    async def scenario() -> None:
        gate = threading.Event()
        found.explanations._worker.submit(gate.wait)
        found.explanations.open(found.artefact)
        found.ask()
        await asyncio.sleep(0.01)
        assert not found.answers
        gate.set()
        assert [status for status, _ in await found.settled(1)] == [200]

    run(scenario(), found)


def other_golden(content: Any) -> Any:
    arrays = dict(content.arrays)
    arrays["golden"] = arrays["golden"] + 1e-6
    return type(content)(content.summary, arrays)


def other_background(content: Any) -> Any:
    arrays = dict(content.arrays)
    arrays["intercepts"] = arrays["intercepts"] + 1e-6
    return type(content)(content.summary, arrays)


@pytest.mark.parametrize("change", [other_golden, other_background])
def test_golden_rows_that_are_explained_otherwise_close_it(
    change: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every request is refused and the log says why; predictions go on."""
    found = room(tmp_path / "a", change=change)

    async def scenario() -> None:
        await found.loaded()
        found.ask()
        ((status, document),) = await found.settled(1)
        assert (status, document["reason"]) == (503, "not_ready")
        assert "did not add up" in document["detail"]

    run(scenario(), found)
    assert "2 of 2 golden rows are not explained" in caplog.text


def test_a_row_that_does_not_add_up_is_refused_by_name(tmp_path: Path) -> None:
    """422 with the pointer of the row, and counted; the other rows get no answer that could be misread."""
    found = room(tmp_path / "a")

    async def scenario() -> None:
        await found.loaded()
        ready = found.explanations._found
        assert ready is not None
        explain = ready.explainer.explain

        def wrong(rows: Any) -> Any:
            explained = explain(rows)
            explained.contributions[rows[:, 0] == 3] += 1e-6
            return explained

        ready.explainer.explain = wrong  # type: ignore[method-assign]
        found.ask()
        ((status, document),) = await found.settled(1)
        assert (status, document["reason"]) == (422, "not_additive")
        assert [each["pointer"] for each in document["errors"]] == ["/instances/1"]
        assert found.instruments._rejected_requests["not_additive"] == 1
        assert found.instruments._rejected_rows["not_additive"] == 2
        assert found.count("model_explanations_total") == 0

    run(scenario(), found)


def test_limits(tmp_path: Path) -> None:
    """One too many gets 503 at once, one that waited too long 504; all are answered."""
    found = room(tmp_path / "a", most=2, seconds=0.05)

    async def scenario() -> None:
        await found.loaded()
        gate = threading.Event()
        found.explanations._worker.submit(gate.wait)
        found.ask()
        found.ask()
        found.ask()
        assert [each.status for each in found.answers] == [503]
        await asyncio.sleep(0.1)
        gate.set()
        answers = await found.settled(3)
        assert [(status, each["reason"]) for status, each in answers] == [
            (503, "busy"), (504, "late"), (504, "late"),
        ]  # fmt: skip
        found.ask()
        assert (await found.settled(4))[3][0] == 200  # room is given back

    run(scenario(), found)


def test_whoever_went_away_costs_nothing(tmp_path: Path) -> None:
    """A cancelled request is not explained, not answered, and gives its room back."""
    found = room(tmp_path / "a", most=1)

    async def scenario() -> None:
        await found.loaded()
        gate = threading.Event()
        found.explanations._worker.submit(gate.wait)
        found.ask().cancel()
        gate.set()
        await asyncio.wrap_future(found.explanations._worker.submit(int))
        await asyncio.sleep(0.01)
        found.ask()
        ((status, _),) = await found.settled(1)
        assert status == 200

    run(scenario(), found)


@pytest.mark.parametrize(
    ("body", "status"), [(b"[1]", 422), (b"{", 400), (b'{"instances": [[1, "x"]]}', 422)]
)
def test_what_does_not_fit_is_refused(body: bytes, status: int, tmp_path: Path) -> None:
    """In the words of `/predict`."""
    found = room(tmp_path / "a")

    async def scenario() -> None:
        await found.loaded()
        found.ask(body)
        assert (await found.settled(1))[0][0] == status

    run(scenario(), found)
