"""What proves an estimator: golden rows, its card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ekiben.artefact.write import json_bytes
from ekiben.config import ModelConfig, Train
from ekiben.errors import ConfigError
from ekiben.serving import labelled, versions
from ekiben.serving.predictor import Answers
from ekiben.serving.schema import Input, InputType, Schema
from ekiben.train import insight, metrics
from ekiben.train.metrics import Interval, Judged
from ekiben.train.partition import Split
from ekiben.train.search import Found

RELATIVE_TOLERANCE = 1e-9
CARD_FORMAT = 2
GOLDEN_FORMAT = 1


def golden(estimator: Any, split: Split, schema: Schema, section: Train) -> dict[str, Any]:
    """Content of `golden.json`: held-out rows with the estimator's own answers."""
    rows = golden_rows(split, section)
    probabilities = estimator.predict_proba(rows).tolist() if schema.output.probabilities else None
    return {
        "format": GOLDEN_FORMAT,
        "instances": [_instance(schema.inputs, row) for row in rows],
        "predictions": np.asarray(estimator.predict(rows)).tolist(),
        "probabilities": probabilities,
        "relative_tolerance": RELATIVE_TOLERANCE,
    }


def labelled_rows(judged: Judged, split: Split, schema: Schema, config: ModelConfig) -> dict[str, Any] | None:
    """Content of `labelled.json`: held-out rows with their labels, if pods shall score themselves.

    Raises:
        ConfigError: They take more room than a pod reads.
    """
    asked = config.observe.recheck
    if asked is None:
        return None
    rows = np.random.default_rng(config.train.seed).permutation(len(split.test_rows))[: asked.rows]
    rows.sort()
    part = judged.of(rows)
    answers = Answers(part.predictions, part.probabilities)
    document = labelled.document(split.test_rows[rows], part.labels, schema, answers)
    if (size := len(json_bytes(document))) > labelled.MOST_BYTES:
        raise ConfigError(
            f"observe.recheck.rows: expected at most {labelled.MOST_BYTES} bytes, "
            f"found {size} of {len(rows)} rows",
            remedy="ask for fewer rows",
        )
    return document


def golden_rows(split: Split, section: Train) -> Any:
    """The held-out rows that are golden, shape (rows, inputs)."""
    count = min(section.golden_rows, len(split.test_rows))
    chosen = np.random.default_rng(section.seed).permutation(len(split.test_rows))[:count]
    return split.test_rows[chosen]


def card(
    config: ModelConfig,
    split: Split,
    estimator: Any,
    judged: Judged,
    measured: Mapping[str, Interval],
    searched: Found | None,
) -> dict[str, Any]:
    """Content of `card.json`: where the model comes from and how good it is."""
    section = config.train
    kind = type(estimator)
    return {
        "format": CARD_FORMAT,
        "metric": section.accept.metric,
        "score": measured[section.accept.metric].value,
        "metrics": {name: asdict(each) for name, each in measured.items()},
        "classes": metrics.by_class(judged, section.bootstrap, section.seed),
        "slices": insight.slices(judged, split, section),
        "calibration": insight.calibration(judged),
        "importance": insight.importance(estimator, split, section),
        "search": None if searched is None else searched.document,
        "validation": _validation(estimator, split, section),
        "interval": section.bootstrap.model_dump(),
        "acceptance": {"metric": section.accept.metric, **_criterion(section)},
        "rows": {name: len(rows) for name, rows in split.parts().items()},
        "data_sha256": split.data.sha256,
        "columns": {
            each.name: {"type": each.type, "declared": _declared(section, each.name)}
            for each in split.data.inputs
        },
        "split": _split(split, section),
        "seed": section.seed,
        "estimator": f"{kind.__module__}.{kind.__qualname__}",
        "parameters": {name: _plain(value) for name, value in estimator.get_params(deep=True).items()},
        "versions": versions.here(),
    }


def _validation(estimator: Any, split: Split, section: Train) -> dict[str, Any] | None:
    """Metrics on the rows to choose by; they flatter a model that a search chose."""
    rows = split.validation
    if not len(rows):
        return None
    judged = metrics.judge(estimator, split.data.rows[rows], split.data.labels[rows])
    return {
        name: asdict(each) for name, each in metrics.measure(judged, section.bootstrap, section.seed).items()
    }


def _criterion(section: Train) -> dict[str, float]:
    limits = {"min": section.accept.min, "max": section.accept.max}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _declared(section: Train, column: str) -> bool:
    policy = section.inputs.get(column)
    return policy is not None and policy.type is not None


def _split(split: Split, section: Train) -> dict[str, Any]:
    return {
        "by": split.by,
        "column": section.partition.column,
        "test_ratio": section.test_ratio,
        "validation_ratio": section.partition.validation_ratio,
        "sha256": split.hashes(),
    }


def _instance(inputs: tuple[Input, ...], row: Any) -> dict[str, Any]:
    convert: dict[InputType, Callable[[Any], Any]] = {
        "float64": _number,
        "int64": int,
        "bool": bool,
        "string": str,
    }
    return {each.name: convert[each.type](value) for each, value in zip(inputs, row, strict=True)}


def _number(value: Any) -> float | None:
    """Give a number as JSON has it: a missing one is null."""
    return None if np.isnan(value) else float(value)


def _plain(value: Any) -> Any:
    """A parameter as JSON; an object by its type, never by its address."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    kind = value if isinstance(value, type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"
