"""Ask the estimator, its reloaded copy and its forms for the same rows, block by block."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.artefact.forms import parity
from ekiben.artefact.forms.parity import Answered, Tally
from ekiben.artefact.forms.rows import ORIGINS, Block, Draw
from ekiben.serving.predictor import Predictor
from ekiben.serving.schema import Schema

RELOADED = "scikit-learn"  # the estimator as it is read back from the artefact
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_LONGEST = 200  # characters of an error that are kept
_ALONE = 256  # rows that are also asked one by one: a batch may take another way


@dataclass(slots=True)
class _Compared:
    """One block, asked of everybody."""

    block: Block
    rows: npt.NDArray[Any]
    of_origin: int
    expected: Answered
    found: dict[str, Answered]
    alone: dict[str, Answered]
    places: npt.NDArray[np.intp]
    seconds: dict[str, float]
    raised: dict[str, str]


def compare(
    estimator: Any, schema: Schema, draw: Draw, predictors: Mapping[str, Predictor]
) -> tuple[dict[str, Tally], dict[str, float], dict[str, int]]:
    """Ask the estimator and every form for every block, and add up.

    Args:
        estimator: The estimator that was trained.
        schema: What it takes and gives.
        draw: The rows.
        predictors: What is compared with it, by name.

    Returns:
        The differences and the time, seconds, by name; and the number of rows by origin.
    """
    regression = schema.output.kind == "regression"
    known = draw.population.decode(draw.population.known)
    scale = float(np.std(np.asarray(estimator.predict(known), dtype=np.float64))) if regression else 0.0
    tallies = {form: Tally(scale, regression) for form in predictors}
    seconds: dict[str, float] = dict.fromkeys(["estimator", *predictors], 0.0)
    origins = dict.fromkeys(map(str, ORIGINS), 0)
    if not predictors:
        return tallies, seconds, origins
    for done in _asked(estimator, schema, draw, dict(predictors)):
        for form, said in done.raised.items():
            tallies[form].raised = said
        given = done.of_origin
        origins[done.block.origin] += given
        origins["random"] += len(done.rows) - given
        names: list[str] = [str(done.block.origin)] * given + ["random"] * (len(done.rows) - given)
        for form, tally in tallies.items():
            if form not in done.found:
                continue
            tally.add(done.expected, done.found[form], done.rows, names)
            again = _taken(done.expected, done.places)
            tally.add(again, done.alone[form], done.rows[done.places], [names[each] for each in done.places])
            tally.rows -= len(done.places)  # the same rows, asked alone
            tally.ties -= int(again.tied.sum()) if again.tied is not None else 0
        for name, spent in done.seconds.items():
            seconds[name] += spent
    return tallies, seconds, origins


def _asked(
    estimator: Any, schema: Schema, draw: Draw, predictors: dict[str, Predictor]
) -> Iterator[_Compared]:
    """Ask for one block after the other; who raised is not asked again.

    Not in threads: scikit-learn's forests change the filters of warnings, which all threads share; nor in
    forests' own threads, whose sums have no order.
    """
    blocks = list(draw.blocks())
    alone = max(1, _ALONE // len(blocks))
    for block in blocks:
        done = _ask(estimator, schema, draw, predictors, block, alone)
        for form in done.raised:
            del predictors[form]
        yield done


def _ask(
    estimator: Any, schema: Schema, draw: Draw, predictors: Mapping[str, Predictor], block: Block, alone: int
) -> _Compared:
    seconds: dict[str, float] = {}
    coded, given = draw.rows(block)
    rows = draw.population.decode(coded)
    started = time.perf_counter()
    probabilities = np.asarray(estimator.predict_proba(rows)) if schema.output.probabilities else None
    expected = Answered(
        np.asarray(estimator.predict(rows)),
        probabilities,
        parity.tied(estimator, rows, probabilities, schema),
    )
    seconds["estimator"] = time.perf_counter() - started
    places = np.linspace(0, len(rows) - 1, min(alone, len(rows))).astype(np.intp)
    found, single, raised = {}, {}, {}
    for form, predictor in predictors.items():
        started = time.perf_counter()
        try:
            found[form] = _answered(predictor, [rows])
            seconds[form] = time.perf_counter() - started
            # The estimator itself takes milliseconds for a row; it is a batch's answers that are compared.
            single[form] = (
                _taken(found[form], places)
                if form == RELOADED
                else _answered(predictor, [rows[each : each + 1] for each in places])
            )
        except Exception as error:  # noqa: BLE001  # a form may be made of anything, and is dropped for it
            found.pop(form, None)
            raised[form] = _said(error)
    return _Compared(block, rows, given, expected, found, single, places, seconds, raised)


def _said(error: Exception) -> str:
    """An error in one line, the same in every run."""
    text = _ADDRESS.sub("", " ".join(str(error).split()))
    return f"{type(error).__name__}: {text[:_LONGEST]}"


def _answered(predictor: Predictor, parts: Iterable[Any]) -> Answered:
    answers = [predictor.predict(each) for each in parts]
    predictions = np.concatenate([each.predictions for each in answers])
    shares = [each.probabilities for each in answers if each.probabilities is not None]
    return Answered(predictions, np.concatenate(shares) if shares else None)


def _taken(answered: Answered, places: npt.NDArray[np.intp]) -> Answered:
    return Answered(
        answered.predictions[places],
        None if answered.probabilities is None else answered.probabilities[places],
        None if answered.tied is None else answered.tied[places],
    )
