"""What a card says beyond the score: slices, calibration, and which columns the answers hang on."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.artefact import explanation
from ekiben.config import ModelConfig, Train
from ekiben.errors import ConfigError
from ekiben.serving.explanation.content import Content
from ekiben.serving.explanation.explained import Summary
from ekiben.serving.explanation.loaded import explainer_of
from ekiben.serving.protocols.explain import meaning
from ekiben.serving.schema import Schema
from ekiben.train import metrics
from ekiben.train.metrics import SCORERS, Judged
from ekiben.train.partition import Split

_BINS = 10
_MOST_VALUES = 20  # more values of a number make quarters of it
_REPEATS = 5
_DIGITS = 6
MOST_ROWS = 2000  # held-out rows that an importance is measured on


def slices(judged: Judged, split: Split, section: Train) -> dict[str, list[dict[str, Any]]]:
    """Measure the held-out rows apart by the values of each column in `train.slices`.

    Numbers with many values are cut at the quartiles of the rows to fit on.

    Raises:
        ConfigError: There is no such column.
    """
    known = {each.name for each in split.data.inputs} | set(split.data.aside)
    if unknown := sorted(set(section.slices) - known):
        raise ConfigError(
            f"train.slices: no column {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        )
    found: dict[str, list[dict[str, Any]]] = {}
    for column in section.slices:
        values = split.data.column(column)
        found[column] = [
            {
                "value": name,
                "rows": int(chosen.sum()),
                "metrics": {
                    metric: asdict(each)
                    for metric, each in metrics.measure(
                        judged.of(chosen), section.bootstrap, section.seed
                    ).items()
                },
            }
            for name, chosen in _values(values[split.train], values[split.test])
            if chosen.any()
        ]
    return found


def _values(seen: npt.NDArray[Any], asked: npt.NDArray[Any]) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Named masks of the rows asked."""
    if seen.dtype.kind not in "iuf" or len(np.unique(seen)) <= _MOST_VALUES:
        text = asked.astype(str)
        return [(str(value), text == value) for value in np.unique(text)]
    edges = np.nanquantile(seen, [0.25, 0.5, 0.75])
    place = np.searchsorted(edges, asked, side="left")
    names = [f"to {edges[0]:.4g}", *(f"{a:.4g} to {b:.4g}" for a, b in itertools.pairwise(edges))]
    names.append(f"above {edges[-1]:.4g}")
    masks = [(name, (place == at) & ~np.isnan(asked)) for at, name in enumerate(names)]
    return [*masks, ("missing", np.isnan(asked))]


def calibration(judged: Judged) -> dict[str, Any] | None:
    """Compare how sure the answers are with how often they are right.

    Returns:
        Bins of the greatest probability with rows, mean probability and share of right answers, and the
        expected calibration error, 0-1; None without probabilities.

    Source: Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, equation 3.
    """
    if judged.probabilities is None:
        return None
    sure = judged.probabilities.max(axis=1)
    right = np.asarray(judged.classes)[judged.probabilities.argmax(axis=1)] == judged.labels
    place = np.clip(np.ceil(sure * _BINS).astype(int) - 1, 0, _BINS - 1)
    bins = [
        {
            "low": at / _BINS,
            "high": (at + 1) / _BINS,
            "rows": int((place == at).sum()),
            "probability": float(sure[place == at].mean()),
            "right_ratio": float(right[place == at].mean()),
        }
        for at in np.unique(place).tolist()
    ]
    error = sum(each["rows"] * abs(each["probability"] - each["right_ratio"]) for each in bins) / len(sure)
    return {"expected_error": float(error), "bins": bins}


def importance(estimator: Any, split: Split, section: Train) -> Mapping[str, dict[str, float]]:
    """Loss of the accepted metric when one column of the held-out rows is shuffled.

    Returns:
        Mean and standard deviation over 5 shuffles, by column, the greatest mean first.

    Source: Breiman (2001), Random forests, section 10.
    """
    from sklearn.inspection import permutation_importance

    rows, labels = split.test_rows[:MOST_ROWS], split.test_labels[:MOST_ROWS]
    found = permutation_importance(
        estimator,
        rows,
        labels,
        scoring=SCORERS[section.accept.metric],
        n_repeats=_REPEATS,
        random_state=section.seed,
    )
    names = [each.name for each in split.data.inputs]
    order = np.argsort(-found.importances_mean, kind="stable")
    return {
        names[at]: {"mean": float(found.importances_mean[at]), "std": float(found.importances_std[at])}
        for at in order
    }


def contributions(
    means: npt.NDArray[np.float64], summary: Summary, schema: Schema, rows: int
) -> dict[str, Any]:
    """What a card says of explanations: how much each column contributes on average, whatever the sign.

    Six digits: the last ones of a float depend on the processor, and the artefact's hash must not.

    Args:
        means: Mean absolute contribution over held-out rows, shape (inputs, scores).
        summary: What explains.
        schema: Of the model.
        rows: Held-out rows.

    Returns:
        Scale, classes, rows, and by column one number per score.
    """
    return {
        **meaning(summary, schema),
        "rows": rows,
        "mean_absolute": {
            each.name: [float(f"{value:.{_DIGITS}g}") for value in values]
            for each, values in zip(schema.inputs, means, strict=True)
        },
    }


def explained(
    config: ModelConfig, split: Split, golden: Any, estimator: Any, schema: Schema
) -> tuple[Content, dict[str, Any]] | None:
    """What explains the estimator, if `bento.explain` asks for it, and what the card says of it.

    Raises:
        ConfigError: There is no exact explanation of such an estimator.
        AcceptanceError: A held-out row's contributions do not add up to the answer.
    """
    if not config.bento.explain:
        return None
    rows = split.test_rows[:MOST_ROWS]
    content = explanation.explained_by(estimator, schema, split.train_rows, golden)
    explainer = explainer_of(content, len(schema.inputs))
    means = explanation.require(explainer, content, estimator, schema, rows)
    return content, contributions(means, content.summary, schema, len(rows))
