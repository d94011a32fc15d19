"""The rows of the parity proof, asked of running pods and of the estimator; and why a pod differs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.artefact.forms import cause, parity
from ekiben.artefact.forms.attempts import Attempt
from ekiben.artefact.forms.parity import Answered, Tally
from ekiben.artefact.forms.population import Coded
from ekiben.artefact.forms.rows import ORIGINS, Block, Draw
from ekiben.bento.asking import Client
from ekiben.errors import AcceptanceError
from ekiben.serving import cells
from ekiben.serving.predictor import Form, Predictor
from ekiben.serving.schema import Schema

Progress = Callable[[int, int], None]
_ALONE = 256  # rows that are asked one by one, as where the forms are compared without a pod


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared, and on which rows.

    Attributes:
        estimator: Whose answers are right.
        schema: What it takes and gives.
        draw: The rows.
        tried: Its forms, made anew from the estimator.
        scale: What differences of a regression are relative to, at least.
    """

    estimator: Any
    schema: Schema
    draw: Draw
    tried: Mapping[Form, Attempt]
    scale: float


@dataclass(slots=True)
class Outcome:
    """What was found so far.

    Attributes:
        tallies: Differences by form.
        rows: Compared, by origin.
        refused: Rows that the schema does not let in, and nobody is asked for.
        alone: Rows that were asked one by one, too.
    """

    tallies: dict[Form, Tally]
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, ORIGINS), 0))
    refused: int = 0
    alone: int = 0

    def document(self, draw: Draw) -> dict[str, Any]:
        """Give it as JSON; `forms` as `parity.json` has them."""
        every, met = draw.thresholds()
        return {
            "rows": dict(self.rows),
            "refused": self.refused,
            "alone": self.alone,
            "thresholds": {"all": every, "compared": met},
            "forms": {form: tally.document() for form, tally in self.tallies.items()},
        }


def compare(
    sides: Sides, clients: Mapping[Form, Client], progress: Progress | None, longest_seconds: float
) -> Outcome:
    """Ask every pod for every row, block by block; a few rows of each block alone, too.

    Args:
        sides: What is compared.
        clients: A pod of each form.
        progress: Told rows compared and rows in all.
        longest_seconds: When it gives up.

    Raises:
        AcceptanceError: A pod refuses rows or breaks off, or the time is over.
    """
    deadline = time.monotonic() + longest_seconds
    regression = sides.schema.output.kind == "regression"
    found = Outcome({form: Tally(sides.scale, regression) for form in clients})
    blocks = list(sides.draw.blocks())
    done = 0
    for block in blocks:
        _compare_block(sides, clients, block, max(1, _ALONE // len(blocks)), found)
        done += block.count
        if progress is not None:
            progress(done, sides.draw.count)
        if done < sides.draw.count and time.monotonic() > deadline:
            raise AcceptanceError(
                f"expected the running pod to answer {sides.draw.count:,} rows within {longest_seconds:g} s, "
                f"it answered {done:,}",
                remedy="set bento.pod_rows in ekiben.yaml to fewer rows",
            )
    return found


def _compare_block(
    sides: Sides, clients: Mapping[Form, Client], block: Block, alone: int, found: Outcome
) -> None:
    coded, given = sides.draw.rows(block)
    let_in = admitted(sides.schema, coded)
    found.refused += int((~let_in).sum())
    rows = sides.draw.population.decode(coded[let_in])
    if not len(rows):
        return
    own = int(let_in[:given].sum())
    names = [str(block.origin)] * own + ["random"] * (len(rows) - own)
    found.rows[block.origin] += own
    found.rows["random"] += len(rows) - own
    expected = _expected(sides, rows)
    places = np.linspace(0, len(rows) - 1, min(alone, len(rows))).astype(np.intp)
    found.alone += len(places)
    for form, client in clients.items():
        tally = found.tallies[form]
        try:
            tally.add(expected, client.many(rows), rows, names)
            again = _taken(expected, places)
            tally.add(again, client.alone(rows[places]), rows[places], [names[each] for each in places])
        except AcceptanceError as error:
            raise AcceptanceError(f"{form}: {error}; no bento was packed", remedy=error.remedy) from error
        tally.rows -= len(places)  # the same rows, asked alone
        tally.ties -= int(again.tied.sum()) if again.tied is not None else 0


def admitted(schema: Schema, coded: Coded) -> npt.NDArray[np.bool_]:
    """Which coded rows a pod lets in: rows are drawn beyond the ranges that a schema refuses, too."""
    common = cells.limits(schema)
    let_in = np.ones(len(coded), dtype=np.bool_)
    for place, declared in enumerate(schema.inputs):
        if declared.type != "string":
            least, greatest = cells.accepted(declared, common)
            let_in &= ~((coded[:, place] < least) | (coded[:, place] > greatest))
    return let_in


def why(sides: Sides, form: Form, here: Predictor, content: bytes, tally: Tally) -> str:
    """Say why a pod differs: by the file of the form, or only in the pod.

    Args:
        sides: What was compared.
        form: That the pod answers by.
        here: The same file, read by this process.
        content: Of that file.
        tally: The differences.
    """
    rows = np.array(
        [[np.nan if value is None else value for value in each.row] for each in tally.worst],
        dtype=np.float64 if sides.schema.numeric else object,
    )
    again = Tally(sides.scale, tally.regression)
    answers = here.predict(rows)
    again.add(
        _expected(sides, rows), Answered(answers.predictions, answers.probabilities), rows, [""] * len(rows)
    )
    if again.reason is None or form == "scikit-learn":
        return "the same file answers right in this process: the pod's way to it differs, not the form"
    tried = sides.tried.get(form, Attempt())
    if tried.content is None:
        return f"the estimator has no such form: {tried.reason}"
    return cause.told(
        cause.find(
            sides.estimator,
            sides.schema,
            Attempt(content, here, tried.converted),
            here,
            again,
        )
    )


def _expected(sides: Sides, rows: npt.NDArray[Any]) -> Answered:
    estimator, schema = sides.estimator, sides.schema
    probabilities = np.asarray(estimator.predict_proba(rows)) if schema.output.probabilities else None
    tied = parity.tied(estimator, rows, probabilities, schema)
    return Answered(np.asarray(estimator.predict(rows)), probabilities, tied)


def _taken(answered: Answered, places: npt.NDArray[np.intp]) -> Answered:
    return Answered(
        answered.predictions[places],
        None if answered.probabilities is None else answered.probabilities[places],
        None if answered.tied is None else answered.tied[places],
    )
