"""Station 1: fit, judge on held-out rows, and keep the estimator only if it met its criterion."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ekiben.artefact import store
from ekiben.artefact.forms.proof import prove
from ekiben.artefact.reference import distributions
from ekiben.artefact.seal import configured
from ekiben.artefact.write import write
from ekiben.config import ModelConfig
from ekiben.errors import AcceptanceError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader
from ekiben.serving import predictors
from ekiben.serving.seal.signature import FILE as SIGNATURE
from ekiben.train import evidence, fitting, frame, functions


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
    """

    tag: ModelTag
    artefact_sha256: str
    folder: Path
    metric: str
    score: float
    accepted_at_least: float
    train_rows: int
    test_rows: int


def train(config: ModelConfig, project: Path) -> Trained:
    """Train a model and put its artefact into BentoML's model store.

    The same data, code, seed and versions give the same artefact; one that is
    in the store already is left as it is.

    Args:
        config: The model's `ekiben.yaml`.
        project: Root of the project, from which the user's functions are imported.

    Raises:
        ConfigError: The user's functions, data or estimator are not what a pod can serve.
        AcceptanceError: The score missed its criterion; nothing is stored.
    """
    section = config.train
    data = frame.read(functions.call(section.data, project), section.data, section.inputs)
    estimator = functions.call(section.estimator, project)
    split = fitting.split(data, section)
    schema = fitting.fit(estimator, split, data.inputs, section)
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
            formats=config.bento.formats,
        )
        if (content := configured.signature_of(folder, config)) is not None:
            (folder / SIGNATURE).write_bytes(content)
        _prove(folder, estimator, split.test_rows)
        tag, stored = store.store(folder)
    return Trained(
        tag=tag,
        artefact_sha256=sha256,
        folder=stored,
        metric=section.accept.metric,
        score=score,
        accepted_at_least=section.accept.min,
        train_rows=len(split.train_labels),
        test_rows=len(split.test_labels),
    )


def _accept(config: ModelConfig, score: float, rows: int) -> None:
    accept = config.train.accept
    if not score >= accept.min:  # NaN is not accepted either
        raise AcceptanceError(
            f"{config.model}: expected {accept.metric} of at least {accept.min:g} on {rows} held-out rows, "
            f"found {score:.4f}; nothing was stored",
            remedy=f"improve the estimator ({config.train.estimator}) or the data, or lower train.accept.min",
        )


def _prove(folder: Path, estimator: Any, rows: Any) -> None:
    """What the pod will read, if it reads the estimator, answers exactly as what was judged."""
    written = reader.read(folder, "scikit-learn")
    own = replace(written, may_unpickle=True)  # whatever its format: this process wrote it
    served = predictors.load(own).predict(rows)
    same = np.array_equal(served.predictions, estimator.predict(rows))
    if same and served.probabilities is not None:
        same = np.array_equal(served.probabilities, estimator.predict_proba(rows))
    if not same:
        raise AcceptanceError(
            "the stored estimator answers otherwise than the trained one; nothing was stored",
            remedy="report this with the estimator's class: its stored form is not faithful",
        )
