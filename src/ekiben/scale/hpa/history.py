"""What the controller remembers of an HPA: in memory only, so that a restart forgets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Stamped:
    """A number of replicas at a time.

    Attributes:
        replicas: Recommended, or the size of a change (0 and up).
        at_seconds: When.
        outdated: A change that no policy looked back to any more when another was stored.
    """

    replicas: int
    at_seconds: float
    outdated: bool = False


History = tuple[Stamped, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """Recommendations as they were before all limits, and changes that were made.

    Attributes:
        recommendations: None before the first sync.
        ups: Replicas added.
        downs: Replicas taken away.
    """

    recommendations: History | None = None
    ups: History = ()
    downs: History = ()


def remembered(history: History, new: Stamped, is_old: Callable[[Stamped], bool]) -> History:
    """The history with one more entry, in the place of the last old one if there is one."""
    for index in range(len(history) - 1, -1, -1):
        if is_old(history[index]):
            return (*history[:index], new, *history[index + 1 :])
    return (*history, new)


def with_change(history: History, change: int, longest_period_seconds: float, now_seconds: float) -> History:
    """The history of one direction with one more change.

    Args:
        history: Of that direction.
        change: Replicas, 0 and up.
        longest_period_seconds: Of the direction's policies; what is older is outdated from now on.
        now_seconds: The controller's clock.
    """
    cutoff = now_seconds - longest_period_seconds
    marked = tuple(replace(each, outdated=True) if each.at_seconds < cutoff else each for each in history)
    return remembered(marked, Stamped(change, now_seconds), lambda each: each.outdated)


def changed_within(history: History, period_seconds: float, now_seconds: float) -> int:
    """Replicas changed in the period that ends now; its beginning does not belong to it."""
    cutoff = now_seconds - period_seconds
    return sum(each.replicas for each in history if each.at_seconds > cutoff)
