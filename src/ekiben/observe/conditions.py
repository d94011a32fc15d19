"""PromQL of what is wrong with a release beside its burn rates."""

from __future__ import annotations

from ekiben.observe import objectives
from ekiben.observe.indicators import BY, ON, every, recorded_requests
from ekiben.observe.queries import quoted
from ekiben.observe.windows import Pace, written
from ekiben.serving import metrics

# Reasons for which a decoded row is refused: what was sent does not fit the schema.
UNFIT = ("rows", "fields", "type", "not_finite", "range", "category", "missing")
LEAST_ROWS = 20
# Scores that are better the lower they are (`ekiben.serving.labelled`).
LOSSES = ("log_loss", "mae", "rmse")
# A pod answers its labelled rows as the estimator did, or some bit of it is another one: its log tells of
# every difference, the alert of what a user could notice.
SCORE_TOLERANCE_RATIO = 0.01


def metrics_absent() -> str:
    """The promised availability of each release of which no pod is scraped."""
    return f"max {BY} ({every(objectives.AVAILABILITY_RATIO)}) unless {ON} ({every('up')} == 1)"


def objective_missing(pace: Pace) -> str:
    """Pods of each release whose alerts are blind: no objective, or none of its buckets ends on it."""
    pods = f"count {BY} ({every(metrics.MODEL_INFO.name)})"
    judged = every(recorded_requests("latency", pace))
    return (
        f"({pods} unless {ON} {every(objectives.AVAILABILITY_RATIO)})\n"
        f"or ({pods} and {ON} {every(objectives.LATENCY_SECONDS)} unless {ON} {judged})"
    )


def rejected_ratio(pace: Pace) -> str:
    """Share of rows that did not fit the schema, 0-1, by release; empty below 20 rows in 15 minutes."""
    window = written(pace.window(900))
    unfit = every(metrics.REJECTED_ROWS.name, f"reason=~{quoted('|'.join(UNFIT))}")
    rejected = f"sum {BY} (increase({unfit}[{window}]))"
    predicted = f"sum {BY} (increase({every(metrics.PREDICTIONS.name)}[{window}]))"
    return f"{rejected} / ({rejected} + {predicted} >= {LEAST_ROWS})"


def versions() -> str:
    """Versions (artefacts) that the scraped pods of a release serve, by release."""
    serving = f"{every(metrics.MODEL_INFO.name)} and on (namespace, pod) ({every('up')} == 1)"
    return f"count {BY} (count by (namespace, release, version, artefact_sha256) ({serving}))"


def score_below_floor() -> str:
    """Score of each pod that answers its labelled rows worse than the trained estimator by over 1 %."""
    losses = quoted("|".join(LOSSES))
    by = "by (namespace, release, pod, version, metric)"

    def parts(matcher: str) -> tuple[str, str]:
        expected = every(metrics.RECHECK_EXPECTED_SCORE.name, matcher)
        return every(metrics.RECHECK_SCORE.name, matcher), expected

    gain, expected_gain = parts(f"metric!~{losses}")
    loss, expected_loss = parts(f"metric=~{losses}")
    tolerance = f"{SCORE_TOLERANCE_RATIO:g} * abs"
    return (
        f"min {by} ({gain} < {expected_gain} - {tolerance}({expected_gain}))\n"
        f"or max {by} ({loss} > {expected_loss} + {tolerance}({expected_loss}))"
    )


def failed_rechecks(pace: Pace) -> str:
    """Rechecks that failed within 15 minutes, by release."""
    failed = every(metrics.RECHECKS.name, 'outcome="failed"')
    return f"sum {BY} (increase({failed}[{written(pace.window(900))}]))"


def key_seconds_left() -> str:
    """Time until a caller is without a valid API key, seconds, by release."""
    # What never ends is +Inf seconds away.
    return f"min {BY} ({every(metrics.NEXT_KEY_EXPIRY.name)}) - time()"
