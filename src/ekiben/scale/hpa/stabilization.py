"""Stabilisation: of the recommendations of a window, the one that changes least."""

from __future__ import annotations

from ekiben.scale.hpa.history import History, Stamped, remembered


def stabilized(
    history: History, wanted: int, current: int, up_seconds: float, down_seconds: float, now_seconds: float
) -> tuple[int, History]:
    """With `spec.behavior`: up to the least, down to the most recommended of each direction's window.

    Args:
        history: Recommendations, before limits.
        wanted: The newest.
        current: Replicas as in the scale's spec.
        up_seconds: Window for scale-up; its beginning does not belong to it.
        down_seconds: Window for scale-down.
        now_seconds: The controller's clock.

    Returns:
        The recommendation to go on with, and the history with the newest.

    Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#stabilization-window
    """
    up_cutoff, down_cutoff = now_seconds - up_seconds, now_seconds - down_seconds
    least = min([wanted, *(each.replicas for each in history if each.at_seconds > up_cutoff)])
    most = max([wanted, *(each.replicas for each in history if each.at_seconds > down_cutoff)])
    oldest = min(up_cutoff, down_cutoff)
    after = remembered(history, Stamped(wanted, now_seconds), lambda each: each.at_seconds < oldest)
    return min(max(current, least), most), after


def stabilized_by_flag(
    history: History, wanted: int, down_seconds: float, now_seconds: float
) -> tuple[int, History]:
    """Without `spec.behavior`: the most recommended within the controller's window, its beginning included.

    Args:
        history: Recommendations, before limits.
        wanted: The newest.
        down_seconds: `--horizontal-pod-autoscaler-downscale-stabilization`.
        now_seconds: The controller's clock.

    Returns:
        The recommendation to go on with, and the history with the newest.
    """
    cutoff = now_seconds - down_seconds
    most = max([wanted, *(each.replicas for each in history if each.at_seconds >= cutoff)])
    after = remembered(history, Stamped(wanted, now_seconds), lambda each: each.at_seconds < cutoff)
    return most, after
