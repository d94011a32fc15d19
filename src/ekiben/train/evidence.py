"""What proves an estimator: its score, golden rows, its card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ekiben.config import ModelConfig, Train
from ekiben.serving.artefact import versions
from ekiben.serving.schema import Input, InputType, Schema
from ekiben.train.fitting import Split
from ekiben.train.frame import Data

RELATIVE_TOLERANCE = 1e-9
CARD_FORMAT = GOLDEN_FORMAT = 1


def score(metric: str, labels: Any, predictions: Any) -> float:
    """Score of predictions against labels by a metric of `ekiben.yaml`."""
    from sklearn import metrics

    if metric == "f1_macro":
        return float(metrics.f1_score(labels, predictions, average="macro"))
    by_name = {
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "r2": metrics.r2_score,
    }
    return float(by_name[metric](labels, predictions))


def golden(estimator: Any, split: Split, schema: Schema, section: Train) -> dict[str, Any]:
    """Content of `golden.json`: held-out rows with the estimator's own answers."""
    count = min(section.golden_rows, len(split.test_rows))
    chosen = np.random.default_rng(section.seed).permutation(len(split.test_rows))[:count]
    rows = split.test_rows[chosen]
    probabilities = estimator.predict_proba(rows).tolist() if schema.output.probabilities else None
    return {
        "format": GOLDEN_FORMAT,
        "instances": [_instance(schema.inputs, row) for row in rows],
        "predictions": np.asarray(estimator.predict(rows)).tolist(),
        "probabilities": probabilities,
        "relative_tolerance": RELATIVE_TOLERANCE,
    }


def card(config: ModelConfig, data: Data, split: Split, estimator: Any, found: float) -> dict[str, Any]:
    """Content of `card.json`: where the model comes from and how good it is."""
    section = config.train
    kind = type(estimator)
    return {
        "format": CARD_FORMAT,
        "metric": section.accept.metric,
        "score": found,
        "acceptance": {"metric": section.accept.metric, "min": section.accept.min},
        "rows": {"train": len(split.train_labels), "test": len(split.test_labels)},
        "data_sha256": data.sha256,
        "seed": section.seed,
        "estimator": f"{kind.__module__}.{kind.__qualname__}",
        "parameters": {name: _plain(value) for name, value in estimator.get_params(deep=True).items()},
        "versions": versions(),
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
