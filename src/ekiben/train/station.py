"""Station 1: fit, judge on held-out rows, and keep the estimator only if it met its criterion."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ekiben.artefact import store
from ekiben.artefact.compression import Compressed, compress
from ekiben.artefact.form import estimator_bytes
from ekiben.artefact.forms.proof import prove
from ekiben.artefact.forms.report import summary
from ekiben.artefact.reference import distributions
from ekiben.artefact.write import write
from ekiben.config import ModelConfig
from ekiben.errors import AcceptanceError
from ekiben.identifiers import ModelTag
from ekiben.serving.predictors import estimator as stored
from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
from ekiben.serving.schema import Schema
from ekiben.train import evidence, fitting, frame, functions
from ekiben.train.fitting import Split


@dataclass(frozen=True, slots=True)
class Trained:
    """What station 1 leaves.

    Attributes:
        tag: The model in BentoML's store.
        artefact_sha256: Hash of the artefact, `sha256:...`.
        folder: The artefact's folder in the store.
        metric: Name of the score.
        score: On the held-out rows.
        accepted_at_least: The criterion.
        train_rows: Rows it was fitted on.
        test_rows: Rows held out.
        parity: What the comparison of the forms found, and how long it took.
        compression: What making the estimator smaller cost; None if nothing of it was asked for.
    """

    tag: ModelTag
    artefact_sha256: str
    folder: Path
    metric: str
    score: float
    accepted_at_least: float
    train_rows: int
    test_rows: int
    parity: Mapping[str, Any] = field(compare=False)
    compression: Mapping[str, Any] | None = field(compare=False)


def train(config: ModelConfig, project: Path) -> Trained:
    """Train a model and put its artefact into BentoML's model store.

    The same data, code, seed and versions give the same artefact; one that is
    in the store already is left as it is.

    Args:
        config: The model's `ekiben.yaml`.
        project: Root of the project, from which the user's functions are imported.

    Raises:
        ConfigError: The user's functions, data or estimator are not what a pod can serve.
        AcceptanceError: The score missed its criterion, the estimator answers otherwise once it is read
            back, or a form that `bento.forms` demands is not exact; nothing is stored.
    """
    section = config.train
    data = frame.read(functions.call(section.data, project), section.data, section.inputs)
    estimator = functions.call(section.estimator, project)
    split = fitting.split(data, section)
    schema = fitting.fit(estimator, split, data.inputs, section)
    compressed = _compressed(config, estimator, schema, split)
    estimator = compressed.estimator if compressed else estimator
    score = evidence.score(section.accept.metric, split.test_labels, estimator.predict(split.test_rows))
    _accept(config, score, len(split.test_labels))
    golden = evidence.golden(estimator, split, schema, section)
    reference = distributions(split.train_rows, split.train_labels, schema)
    card = evidence.card(config, data, split, estimator, score)
    proven = prove(
        estimator,
        schema,
        split.train_rows,
        split.test_rows,
        count=section.parity_rows,
        seed=section.seed,
        demanded=config.bento.forms,
        reloaded=_reloaded(estimator, schema),
        compression=compressed.document if compressed else None,
    )
    with tempfile.TemporaryDirectory(prefix="ekiben-train-") as name:
        folder = Path(name)
        sha256 = write(
            folder,
            config.model,
            estimator,
            schema,
            golden=golden,
            reference=reference,
            card=card,
            proven=proven,
        )
        tag, kept = store.store(folder)
    return Trained(
        tag=tag,
        artefact_sha256=sha256,
        folder=kept,
        metric=section.accept.metric,
        score=score,
        accepted_at_least=section.accept.min,
        train_rows=len(split.train_labels),
        test_rows=len(split.test_labels),
        parity=summary(proven),
        compression=_cost(compressed),
    )


def _compressed(config: ModelConfig, estimator: Any, schema: Schema, split: Split) -> Compressed | None:
    """The estimator made smaller, if `bento.compression` asks for it."""
    if not config.bento.compression.wanted:
        return None
    score = partial(evidence.score, config.train.accept.metric)
    asked, seed = config.bento.compression, config.train.seed
    return compress(estimator, asked, schema, split.test_rows, split.test_labels, score, seed)


def _cost(compressed: Compressed | None) -> dict[str, Any] | None:
    return None if compressed is None else {**compressed.document, "row_seconds": dict(compressed.seconds)}


def _reloaded(estimator: Any, schema: Schema) -> EstimatorPredictor:
    """What a pod answers with if it reads the estimator's file."""
    return EstimatorPredictor(stored.load(estimator_bytes(estimator)), schema)


def _accept(config: ModelConfig, score: float, rows: int) -> None:
    accept = config.train.accept
    if not score >= accept.min:  # NaN is not accepted either
        raise AcceptanceError(
            f"{config.model}: expected {accept.metric} of at least {accept.min:g} on {rows} held-out rows, "
            f"found {score:.4f}; nothing was stored",
            remedy=f"improve the estimator ({config.train.estimator}) or the data, or lower train.accept.min",
        )
