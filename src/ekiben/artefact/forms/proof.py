"""Make each form that an estimator may have, compare it with the estimator, and keep what is equal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from ekiben.artefact.forms import cause, parity
from ekiben.artefact.forms.attempts import Attempt, attempts
from ekiben.artefact.forms.comparison import RELOADED, compare
from ekiben.artefact.forms.parity import Tally
from ekiben.artefact.forms.population import population_of
from ekiben.artefact.forms.rows import Draw, thresholds_of
from ekiben.errors import AcceptanceError
from ekiben.serving.predictor import Form, Predictor
from ekiben.serving.schema import Schema

FORMAT = 2
_FEWEST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Proven:
    """Exact forms of an estimator.

    Attributes:
        contents: Bytes of each form that was kept.
        document: Content of `parity.json`.
        demanded: Forms that must be there; the first of them serves.
        tallies: What was found, to the last digit, by form.
        seconds: Time of the estimator and of each form, by name; `total` is that of the clock.
    """

    contents: Mapping[Form, bytes]
    document: Mapping[str, Any]
    demanded: tuple[Form, ...] = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict, compare=False)
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def predictor(self) -> Form:
        """The form that a pod takes: the first demanded, or the fastest, or the estimator itself."""
        return next(iter([*self.demanded, *self.contents]), "scikit-learn")


def prove(
    estimator: Any,
    schema: Schema,
    known: npt.NDArray[Any],
    held_out: npt.NDArray[Any],
    *,
    count: int,
    seed: int,
    demanded: Sequence[Form] = (),
    reloaded: Predictor | None = None,
    compression: Mapping[str, Any] | None = None,
) -> Proven:
    """Try every form.

    Args:
        estimator: Fitted.
        schema: What it takes and gives.
        known: Rows it was fitted on, shape (rows, inputs).
        held_out: Rows it was not fitted on.
        count: Rows of the comparison, 1,000 and up: a half on the resolution of the known rows, a
            quarter beside decision thresholds, the rest held out or random.
        seed: Of the random rows.
        demanded: Forms without which nothing is given.
        reloaded: The estimator as it is read back from the artefact; compared like a form.
        compression: What making the estimator smaller cost, if that was asked for; goes into the document.

    Returns:
        What was kept, and the outcome of every form.

    Raises:
        AcceptanceError: A demanded form has a difference or cannot be made, or the reloaded estimator
            answers otherwise.
    """
    if count < _FEWEST_ROWS:
        raise ValueError(f"expected at least {_FEWEST_ROWS} rows, found {count}")
    started = time.perf_counter()
    tried = attempts(estimator, schema, demanded)
    draw = drawn(estimator, schema, known, held_out, tried, count=count, seed=seed)
    predictors: dict[str, Predictor] = {
        form: each.predictor for form, each in tried.items() if each.predictor is not None
    }
    if reloaded is not None:
        predictors[RELOADED] = reloaded
    tallies, seconds, origins = compare(estimator, schema, draw, predictors)
    outcomes: dict[str, Any] = {
        form: each.refusal() for form, each in tried.items() if each.predictor is None
    }
    for form, tally in tallies.items():
        outcomes[form] = {**tally.document(), "cause": None}
        if tally.reason is not None:
            outcomes[form]["cause"] = cause.find(
                estimator, schema, _attempt_of(tried, form), predictors[form], tally
            )
    outcomes = {form: outcomes[form] for form in [*tried, *tallies] if form in outcomes}
    _require(outcomes, demanded)
    document = _document(schema, draw, outcomes, origins, demanded, compression)
    contents = {form: each.content for form, each in tried.items() if outcomes[form]["kept"] and each.content}
    seconds["total"] = time.perf_counter() - started
    return Proven(contents, document, tuple(demanded), tallies, seconds)


def _document(
    schema: Schema,
    draw: Draw,
    outcomes: Mapping[str, Any],
    origins: Mapping[str, int],
    demanded: Sequence[Form],
    compression: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Give the content of `parity.json`."""
    every, met = draw.thresholds()
    return {
        "format": FORMAT,
        "tolerance": {
            "tie": parity.TIE,
            "probability": parity.PROBABILITY_TOLERANCE,
            "number": parity.NUMBER_TOLERANCE,
        },
        "rows": dict(origins),
        "thresholds": {"all": every, "compared": met},
        "decimals": dict(zip([each.name for each in schema.inputs], draw.population.decimals, strict=True)),
        "demanded": list(demanded),
        "forms": {form: outcome for form, outcome in outcomes.items() if form != RELOADED},
        "reloaded": outcomes.get(RELOADED),
        "compression": compression,
    }


def drawn(
    estimator: Any,
    schema: Schema,
    known: npt.NDArray[Any],
    held_out: npt.NDArray[Any],
    tried: Mapping[Form, Attempt],
    *,
    count: int,
    seed: int,
) -> Draw:
    """Decide which rows are compared; the same arguments give the same rows.

    Args:
        estimator: Fitted.
        schema: What it takes and gives.
        known: Rows it was fitted on, shape (rows, inputs).
        held_out: Rows it was not fitted on.
        tried: Its forms, from whose graphs the splits of trees are known.
        count: Rows in all.
        seed: Of the random rows.
    """
    population = population_of(known, schema, estimator.predict)
    made = [each.converted for each in tried.values() if each.converted is not None]
    trees = next((each for each in made if each.ensemble is not None), None)
    splits = None
    if trees is not None and trees.ensemble is not None:
        splits = thresholds_of(trees.ensemble, [each.sources for each in trees.columns], trees.before)
    bounded = schema.output.kind != "regression" and splits is None
    has_form = any(each.predictor is not None for each in tried.values())
    label = estimator.predict if bounded and has_form else None
    return Draw(population, population.encode(held_out), splits, label, count, seed)


def _attempt_of(tried: Mapping[Form, Attempt], name: str) -> Attempt | None:
    return next((each for form, each in tried.items() if form == name), None)


def _require(outcomes: Mapping[str, Mapping[str, Any]], demanded: Sequence[Form]) -> None:
    lost = outcomes.get(RELOADED, {"kept": True})
    if not lost["kept"]:
        raise AcceptanceError(
            f"the stored estimator answers otherwise than the trained one: {lost['reason']} "
            f"({cause.told(lost['cause'])}); nothing was stored",
            remedy="report this with the estimator's class: its stored form is not faithful",
        )
    for form in demanded:
        outcome = outcomes[form]
        if not outcome["kept"]:
            because = f" ({cause.told(outcome['cause'])})" if outcome.get("cause") else ""
            raise AcceptanceError(
                f"expected the exact form {form}, which bento.forms demands; it has none: "
                f"{outcome['reason']}{because}; nothing was stored",
                remedy="take an estimator that has this form, or take it out of bento.forms",
            )
