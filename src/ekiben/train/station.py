"""Station 1: fit, judge on held-out rows, and keep the estimator only if it met its criterion."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ekiben.artefact import form, formats, store
from ekiben.artefact.compression import Compressed, compress
from ekiben.artefact.forms import parity
from ekiben.artefact.forms.proof import prove
from ekiben.artefact.forms.report import summary
from ekiben.artefact.reference import distributions
from ekiben.artefact.seal import configured
from ekiben.artefact.write import write
from ekiben.config import ModelConfig, Train
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader
from ekiben.serving import predictors
from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
from ekiben.serving.schema import Schema
from ekiben.serving.seal.signature import FILE as SIGNATURE
from ekiben.train import (
    acceptance,
    determinism,
    evidence,
    exceptions,
    fitting,
    frame,
    incumbent,
    insight,
    metrics,
    model_report,
    partition,
    search,
    sources,
    streams,
)
from ekiben.train import report as data_report
from ekiben.train.incumbent import Comparison
from ekiben.train.partition import Split
from ekiben.train.search import Found, Progress


@dataclass(frozen=True, slots=True)
class Trained:
    """What station 1 leaves.

    Attributes:
        tag: The model in BentoML's store.
        artefact_sha256: Hash of the artefact, `sha256:...`.
        folder: The artefact's folder in the store.
        metric: Name of the score.
        score: On the held-out rows.
        low: Lower bound of its interval.
        high: Upper bound.
        accepted_at_least: The criterion of the lower bound; None for an error.
        accepted_at_most: The criterion of the upper bound; None for a score.
        train_rows: Rows it was fitted on.
        test_rows: Rows held out.
        in_service: The comparison with the model in service; None if there was none.
        parity: What the comparison of the forms found, and how long it took.
        compression: What making the estimator smaller cost; None if nothing of it was asked for.
    """

    tag: ModelTag
    artefact_sha256: str
    folder: Path
    metric: str
    score: float
    low: float
    high: float
    accepted_at_least: float | None
    accepted_at_most: float | None
    train_rows: int
    test_rows: int
    in_service: Comparison | None
    parity: Mapping[str, Any] = field(compare=False)
    compression: Mapping[str, Any] | None = field(compare=False)


@streams.to_stderr()
@exceptions.told("the estimator's own code")
def train(
    config: ModelConfig, project: Path, progress: Progress | None = None, report: Path | None = None
) -> Trained:
    """Train a model and put its artefact into BentoML's model store.

    The same data, code, seed and versions give the same artefact; one that is
    in the store already is left as it is. What is printed meanwhile goes to stderr.

    Args:
        config: The model's `ekiben.yaml`.
        project: Root of the project, from which the user's functions are imported.
        progress: Told after each fit of a search.
        report: Where the model report is written (`.md`: Markdown, else HTML); None writes none.

    Raises:
        ConfigError: The user's functions, data or estimator are not what a pod can serve, or raised an
            exception.
        AcceptanceError: The score missed its criterion, the estimator answers otherwise once it is read
            back, or a form that `bento.forms` demands is not exact; nothing is stored.
    """
    from sklearn.base import is_classifier

    section = config.train
    estimator = fitting.build(section, project)
    split = parts(section, project, classifier=is_classifier(estimator))
    searched = None
    if section.search is not None:
        searched = search.search(estimator, split, section, section.search, progress)
    fitted, schema = estimator, _fit(estimator, split, searched, section)
    compressed = _compressed(config, fitted, schema, split)
    estimator = compressed.estimator if compressed else fitted
    once_fitted, kept = _content(fitted, config), fitting.copied(estimator, section)
    judged = metrics.judge(estimator, split.test_rows, split.test_labels, _groups(split, section))
    measured = metrics.measure(judged, section.bootstrap, section.seed)
    found = acceptance.require(config, measured, len(split.test))
    compared = incumbent.require(config, schema, split, judged)
    _fit_again(fitted, once_fitted, split, searched, config, project)
    golden = evidence.golden(estimator, split, schema, section)
    labelled = evidence.labelled_rows(judged, split, schema, config)
    reference = distributions(split.train_rows, split.train_labels, schema)
    card = evidence.card(config, split, estimator, judged, measured, searched)
    explained = insight.explained(config, split, evidence.golden_rows(split, config.train), estimator, schema)
    if explained is not None:
        card["contributions"] = explained[1]
    proven = prove(
        estimator,
        schema,
        split.train_rows,
        split.test_rows,
        count=section.parity_rows,
        seed=section.seed,
        demanded=config.bento.forms,
        reloaded=EstimatorPredictor(formats.reloaded(config.bento.formats, kept), schema),
        compression=compressed.document if compressed else None,
    )
    with tempfile.TemporaryDirectory(prefix="ekiben-train-") as name:
        folder = Path(name)
        sha256 = write(
            folder,
            config.model,
            kept,
            schema,
            golden=golden,
            reference=reference,
            card=card,
            labelled=labelled,
            proven=proven,
            formats=config.bento.formats,
            explanation=explained[0] if explained else None,
        )
        if (content := configured.signature_of(folder, config)) is not None:
            (folder / SIGNATURE).write_bytes(content)
        _prove(folder, estimator, split.test_rows)
        tag, stored = store.store(folder)
    if report is not None:
        found_data = data_report.report(config, project)
        model_report.write(
            model_report.Report(
                str(tag),
                model_report.text_of(estimator),
                found_data,
                card,
                proven.document,
                judged,
                model_report.sizes_of(stored),
                compared,
            ),
            report,
        )
    return Trained(
        tag=tag,
        artefact_sha256=sha256,
        folder=stored,
        metric=section.accept.metric,
        score=found.value,
        low=found.low,
        high=found.high,
        accepted_at_least=section.accept.min,
        accepted_at_most=section.accept.max,
        train_rows=len(split.train),
        test_rows=len(split.test),
        in_service=compared,
        parity=summary(proven),
        compression=_cost(compressed),
    )


def parts(section: Train, project: Path, *, classifier: bool) -> Split:
    """Read the data and part them: what a model is fitted on, and what it is judged by.

    Args:
        section: Of `ekiben.yaml`.
        project: Root of the project.
        classifier: Whether the labels are classes.

    Raises:
        ConfigError: The data cannot be read, or not be parted.
    """
    return partition.split(_data(section, project), section, classifier=classifier)


def _data(section: Train, project: Path) -> frame.Data:
    aside = {*section.ignore, *filter(None, [section.partition.column])}
    return frame.read(sources.load(section, project), sources.name(section.data), section.inputs, aside)


def _fit(estimator: Any, split: Split, searched: Found | None, section: Train) -> Schema:
    if searched is not None:
        estimator.set_params(**searched.parameters)
    return fitting.fit(estimator, split, split.data.inputs, section)


def _fit_again(
    estimator: Any, content: bytes, split: Split, searched: Found | None, config: ModelConfig, project: Path
) -> None:
    """Build and fit once more; the same data, code and seed must give the same bytes."""
    section = config.train
    second = fitting.build(section, project)
    _fit(second, split, searched, section)
    stored = (content, _content(second, config))
    determinism.require(estimator, second, split.test_rows, section.estimator, stored=stored)


def _content(estimator: Any, config: ModelConfig) -> bytes:
    """The estimator in the one form whose bytes are its own; empty if only pickles can hold it.

    Raises:
        ConfigError: It shall be stored in this form, which cannot hold it.
    """
    try:
        return form.estimator_bytes(estimator)
    except ConfigError:
        if "skops" in config.bento.formats:
            raise
        return b""


def _compressed(config: ModelConfig, estimator: Any, schema: Schema, split: Split) -> Compressed | None:
    """The estimator made smaller, if `bento.compression` asks for it."""
    asked = config.bento.compression
    if not asked.wanted:
        return None
    return compress(estimator, asked, schema, split.test_rows, partial(_loss, split, config.train))


def _loss(split: Split, section: Train, before: Any, after: Any) -> dict[str, float]:
    """What a smaller estimator loses on the held-out rows, in units of the metric of the acceptance."""
    metric, groups = section.accept.metric, _groups(split, section)
    judged = [metrics.judge(each, split.test_rows, split.test_labels, groups) for each in (before, after)]
    gain = metrics.gain(metric, judged[1], judged[0], section.bootstrap, section.seed)
    if gain is None:
        raise AcceptanceError(
            f"bento.compression: {metric} is not defined by the answers to the held-out rows",
            remedy="accept by another metric, or hold out more rows",
        )
    first, second = (metrics.value(metric, each) or 0.0 for each in judged)
    return {"before": first, "after": second, "lost": -gain.value, "low": -gain.high, "high": -gain.low}


def _cost(compressed: Compressed | None) -> dict[str, Any] | None:
    return None if compressed is None else {**compressed.document, "row_seconds": dict(compressed.seconds)}


def _groups(split: Split, section: Train) -> Any:
    """Group of each held-out row, where rows of a group hang together."""
    return split.data.aside[str(section.partition.column)][split.test] if split.by == "group" else None


def _prove(folder: Path, estimator: Any, rows: Any) -> None:
    """What the pod will read, if it reads the estimator, answers as what was judged.

    Last digits may differ: sums of BLAS follow where in memory an array lies.
    """
    written = reader.read(folder, "scikit-learn")
    own = replace(written, may_unpickle=True)  # whatever its format: this process wrote it
    served = predictors.load(own).predict(rows)
    regression = written.schema.output.kind == "regression"
    probabilities = estimator.predict_proba(rows) if served.probabilities is not None else None
    tally = parity.Tally(float(np.std(served.predictions)) if regression else 0.0, regression)
    tied = parity.tied(estimator, rows, probabilities, written.schema)
    expected = parity.Answered(np.asarray(estimator.predict(rows)), probabilities, tied)
    tally.add(
        expected, parity.Answered(served.predictions, served.probabilities), rows, ["held out"] * len(rows)
    )
    if tally.reason is not None:
        raise AcceptanceError(
            f"the stored estimator answers otherwise than the trained one: {tally.reason}; "
            "nothing was stored",
            remedy="report this with the estimator's class: its stored form is not faithful",
        )
