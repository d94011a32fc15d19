"""Whether an estimator is good enough: by the bounds of its metric, and beside the model in service."""

from __future__ import annotations

from collections.abc import Mapping

from ekiben.config import ModelConfig
from ekiben.config.train import LOWER_IS_BETTER
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.train.metrics import Interval


def require(config: ModelConfig, measured: Mapping[str, Interval], rows: int) -> Interval:
    """Hold the worse bound of the metric's interval to the criterion.

    Args:
        config: The model's `ekiben.yaml`.
        measured: Interval by metric.
        rows: Rows held out, for messages.

    Returns:
        The metric that was judged.

    Raises:
        ConfigError: The held-out rows do not define the metric.
        AcceptanceError: The bound misses the criterion.
    """
    accept = config.train.accept
    if accept.metric not in measured:
        raise ConfigError(
            f"train.accept.metric: {accept.metric} is not defined by the answers to these {rows} "
            f"held-out rows; defined are {', '.join(measured)}",
            remedy="choose one of these; roc_auc, log_loss and brier need predict_proba and every class",
        )
    found = measured[accept.metric]
    error = accept.metric in LOWER_IS_BETTER
    bound, limit = found.high if error else found.low, accept.limit
    if not (bound <= limit if error else bound >= limit):  # NaN is not accepted either
        way, side, field = ("most", "upper", "raise train.accept.max")
        if not error:
            way, side, field = ("least", "lower", "lower train.accept.min")
        raise AcceptanceError(
            f"{config.model}: expected {accept.metric} of at {way} {limit:g} on {rows} held-out rows, found "
            f"{found.value:.4f} with the {side} bound {bound:.4f} "
            f"({_told(found, config.train.bootstrap.confidence)}); nothing was stored",
            remedy=f"improve the estimator ({config.train.estimator}), give more rows (a narrower interval), "
            f"or {field}",
        )
    return found


def _told(found: Interval, confidence: float) -> str:
    """How the bound was found."""
    return {
        "resamples": f"{confidence:.0%} of resamples",
        "exact": f"exact, {confidence:.0%}: every resample says the same",
        "none": "no interval: every resample says the same, and nothing bounds the metric",
    }[found.by]
