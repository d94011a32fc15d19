"""Plots of a model report: confusion, ROC, precision and recall, calibration, residuals, importance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ekiben.page.parts import Figure
from ekiben.train import plots
from ekiben.train.metrics import Judged


def figures(card: Mapping[str, Any], judged: Judged) -> Iterator[Figure]:
    """Draw what this kind of model has."""
    if judged.classes:
        caption = "Held-out rows; the opacity is the share of the label's rows."
        yield Figure("Confusion matrix", plots.confusion(judged), caption)
    if judged.probabilities is not None:
        yield from _of_probabilities(card, judged)
    if not judged.classes:
        yield Figure("Residuals", plots.residuals(judged), "Label minus answer of the held-out rows.")
    ranked = sorted(card["importance"].items(), key=lambda item: -item[1]["mean"])
    values = {name: each["mean"] for name, each in ranked}
    errors = [each["std"] for _, each in ranked]
    title = "Permutation importance"
    caption = f"Loss of {card['metric']} when the column is shuffled; the line is one standard deviation."
    yield Figure(title, plots.bars(title, values, errors), caption)
    if "contributions" in card:
        yield _contributions(card["contributions"])


def _contributions(found: Mapping[str, Any]) -> Figure:
    """How much each column contributes to explanations; the mean over scores."""
    sizes = {name: sum(each) / len(each) for name, each in found["mean_absolute"].items()}
    ranked = dict(sorted(sizes.items(), key=lambda item: -item[1]))
    title = "Contributions to explanations"
    caption = f"Mean size over {found['rows']} held-out rows, in units of the {found['scale']}."
    return Figure(title, plots.bars(title, ranked), caption)


def _of_probabilities(card: Mapping[str, Any], judged: Judged) -> Iterator[Figure]:
    from sklearn import metrics
    from sklearn.calibration import calibration_curve

    each = "Each class against the rest."
    axes = ("false positives", "recall")
    drawn = plots.curve("ROC", judged, lambda y, p: metrics.roc_curve(y, p)[:2], axes)
    yield Figure("ROC", drawn, each)
    drawn = plots.curve(
        "Precision and recall",
        judged,
        lambda y, p: metrics.precision_recall_curve(y, p)[1::-1],
        ("recall", "precision"),
        diagonal=False,
    )
    yield Figure("Precision and recall", drawn, each)
    drawn = plots.curve(
        "Calibration",
        judged,
        lambda y, p: calibration_curve(y, p, n_bins=10)[::-1],
        ("probability answered", "share that is so"),
    )
    error = card["calibration"]["expected_error"]
    yield Figure("Calibration", drawn, f"Expected calibration error {error:.4f}.")
