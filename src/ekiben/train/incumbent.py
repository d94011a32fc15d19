"""A trained estimator beside the model in service, on the same held-out rows.

Nothing of it is written into the artefact: what is in service depends on when and
where a model is trained, and the same data, code and seed shall give the same hash.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from ekiben.artefact import aliases, store
from ekiben.config import ModelConfig
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader
from ekiben.serving import predictors
from ekiben.serving.schema import Schema
from ekiben.train import metrics
from ekiben.train.metrics import Interval, Judged
from ekiben.train.partition import Split

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A new model beside the one in service.

    Attributes:
        tag: The model in service.
        score: Its metric on the new model's held-out rows; None if it cannot be compared.
        gain: How much better the new model is, in units of the metric, above 0 is better; paired.
        same_rows: Whether it was judged on these very rows. If not, it may have been fitted on some.
        reason: Why it cannot be compared; empty if it was.
    """

    tag: ModelTag
    score: float | None = None
    gain: Interval | None = None
    same_rows: bool = False
    reason: str = ""


def require(config: ModelConfig, schema: Schema, split: Split, judged: Judged) -> Comparison | None:
    """Refuse a model that is worse than the one in service.

    Args:
        config: The model's `ekiben.yaml`.
        schema: Of the new estimator.
        split: Parts of the data.
        judged: The new estimator's answers to the held-out rows.

    Returns:
        None if no model is in service, or it was not to be asked.

    Raises:
        AcceptanceError: It is worse by `train.accept.margin`, or cannot be compared though it must.
    """
    accept = config.train.accept
    if accept.in_service == "ignore":
        return None
    tag = aliases.resolve(config.model, aliases.IN_SERVICE)
    if tag is None:
        return None
    try:
        found = _compare(tag, config, schema, split, judged)
    except (ConfigError, OSError) as error:
        found = Comparison(tag, reason=str(error))
    if found.gain is None:
        _not_compared(found, config)
        return found
    gain = found.gain
    worse = gain.high < 0 if accept.margin is None else not gain.low >= -accept.margin
    if worse:
        allowed = "" if accept.margin is None else f", more than the margin {accept.margin:g}"
        raise AcceptanceError(
            f"{config.model}: expected a model no worse than {tag} in service, found {accept.metric} "
            f"{-gain.value:.4f} worse on the same {len(split.test)} rows ({-gain.high:.4f} to "
            f"{-gain.low:.4f} over {config.train.bootstrap.confidence:.0%} of resamples){allowed}; "
            "nothing was stored",
            remedy="improve the estimator or the data; train.accept.margin says how much worse is accepted, "
            "train.accept.in_service: ignore asks for no comparison",
        )
    return found


def _not_compared(found: Comparison, config: ModelConfig) -> None:
    if config.train.accept.in_service == "require":
        raise AcceptanceError(
            f"{config.model}: cannot be compared with {found.tag} in service: {found.reason}; "
            "nothing was stored",
            remedy="keep inputs and classes as they are, or set train.accept.in_service: compare",
        )
    _log.warning("train: not compared with %s in service: %s", found.tag, found.reason)


def _compare(tag: ModelTag, config: ModelConfig, schema: Schema, split: Split, judged: Judged) -> Comparison:
    served = reader.read(store.folder_of(tag))
    if reason := _difference(served.schema, schema):
        return Comparison(tag, reason=reason)
    answers = predictors.load(served).predict(split.test_rows)
    other = Judged(
        judged.labels,
        answers.predictions,
        answers.probabilities,
        served.schema.output.classes or (),
        judged.groups,
    )
    section = config.train
    metric = section.accept.metric
    gain = metrics.gain(metric, judged, other, section.bootstrap, section.seed)
    if gain is None:
        return Comparison(tag, reason=f"{metric} is not defined by its answers to these rows")
    return Comparison(tag, metrics.value(metric, other), gain, _same_rows(served, split))


def _difference(served: Schema, trained: Schema) -> str:
    """Why the same rows cannot be given to both; empty if they can."""
    inputs = [[(each.name, each.type) for each in schema.inputs] for schema in (served, trained)]
    if inputs[0] != inputs[1]:
        return "its inputs have other names, types or another order"
    outputs = [(schema.output.kind, schema.output.classes) for schema in (served, trained)]
    return "" if outputs[0] == outputs[1] else "its output is of another kind, or has other classes"


def _same_rows(served: reader.Artefact, split: Split) -> bool:
    card: Any = json.loads(served.content(reader.CARD))
    hashes = card.get("split", {}).get("sha256", {})
    return bool(hashes.get("test") == split.hashes()["test"])
