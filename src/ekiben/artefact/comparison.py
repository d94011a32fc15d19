"""Two versions of a model side by side: what callers meet, and which one is better by which figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ekiben.artefact.schema_changes import Change

Verdict = Literal["better", "worse", "no difference shown", "unknown"]
_LESS_IS_BETTER = frozenset({"log_loss", "brier", "mae", "rmse"})
_MORE_IS_BETTER = frozenset(
    {"accuracy", "balanced_accuracy", "f1_macro", "f1", "roc_auc", "r2", "precision", "recall"}
)
# What makes two scores answers to the same question.
_GROUNDS = {"data_sha256": "data", "seed": "seed", "split": "split", "rows": "number of rows"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A score with its interval.

    Attributes:
        value: The score on held-out rows.
        low: Lower end of its interval; None if the card has none (format 1).
        high: Upper end; None likewise.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of both versions.

    Attributes:
        metric: Its name.
        before: None if that card does not have it.
        after: None if that card does not have it.
        change: `after` less `before`; None if one is absent.
        verdict: `better` or `worse` if the intervals do not overlap; `unknown` without two intervals, or for
            a metric whose direction is not known.
    """

    metric: str
    before: Figure | None
    after: Figure | None
    change: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two versions.

    Attributes:
        before: Tag of the one.
        after: Tag of the other.
        changes: Of the schema, breaking ones first.
        metrics: By name; the metric of the acceptance first.
        grounds: What the scores were measured on differs in: then they are no comparison of estimators.
        parameters: Estimator's parameters that differ, as (before, after); absent ones are None.
        versions: Libraries that differ, likewise.
    """

    before: str
    after: str
    changes: tuple[Change, ...]
    metrics: tuple[Difference, ...]
    grounds: tuple[str, ...]
    parameters: Mapping[str, tuple[Any, Any]]
    versions: Mapping[str, tuple[Any, Any]]

    @property
    def breaking(self) -> bool:
        """Whether a caller of the one may be refused, or misled, by the other."""
        return any(each.breaking for each in self.changes)


def compare(
    before: str, after: str, cards: tuple[Mapping[str, Any], Mapping[str, Any]], changes: tuple[Change, ...]
) -> Comparison:
    """Compare what two cards say.

    Args:
        before: Tag of the one.
        after: Tag of the other.
        cards: Their `card.json`, of format 1 or 2, in this order.
        changes: Of their schemas.
    """
    old, new = cards
    first, second = figures(old), figures(new)
    accepted = str(new.get("metric", ""))
    ordered = sorted({*first, *second}, key=lambda name: (name != accepted, name))
    return Comparison(
        before,
        after,
        changes,
        tuple(_difference(name, first.get(name), second.get(name)) for name in ordered),
        tuple(words for key, words in _GROUNDS.items() if old.get(key) != new.get(key)),
        _differing(_parameters(old), _parameters(new)),
        _differing(old.get("versions") or {}, new.get("versions") or {}),
    )


def figures(card: Mapping[str, Any]) -> dict[str, Figure]:
    """Scores of a card by metric: all of format 2, the one of format 1."""
    found: dict[str, Figure] = {}
    if isinstance(card.get("metric"), str) and _number(card.get("score")) is not None:
        found[card["metric"]] = Figure(float(card["score"]))
    listed = card.get("metrics")
    for name, each in listed.items() if isinstance(listed, Mapping) else ():
        value = _number(each.get("value")) if isinstance(each, Mapping) else None
        if value is not None:
            found[str(name)] = Figure(value, _number(each.get("low")), _number(each.get("high")))
    return found


def _number(found: Any) -> float | None:
    plain = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    return float(found) if plain else None


def _difference(metric: str, before: Figure | None, after: Figure | None) -> Difference:
    if before is None or after is None:
        return Difference(metric, before, after, None, "unknown")
    change = after.value - before.value
    return Difference(metric, before, after, change, _verdict(metric, before, after))


def _verdict(metric: str, before: Figure, after: Figure) -> Verdict:
    """Intervals that do not overlap show a difference; those that do may hide one: the test is conservative.

    Source: Schenker and Gentleman (2001), On judging the significance of differences by examining the overlap
    between confidence intervals, The American Statistician 55(3).
    """
    if metric not in _LESS_IS_BETTER | _MORE_IS_BETTER:
        return "unknown"
    ends = (before.low, before.high, after.low, after.high)
    if any(each is None for each in ends):
        return "unknown"
    was_low, was_high, low, high = (float(each) for each in ends if each is not None)
    if low <= was_high and was_low <= high:
        return "no difference shown"
    return "better" if (low > was_high) == (metric in _MORE_IS_BETTER) else "worse"


def _parameters(card: Mapping[str, Any]) -> dict[str, Any]:
    found = card.get("parameters")
    named = dict(found) if isinstance(found, Mapping) else {}
    return {"estimator": card.get("estimator"), **named}


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    keys = sorted({*old, *new})
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}
