"""`spec.behavior`: how fast replicas may change, and how long a recommendation is remembered."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from ekiben.errors import ConfigError
from ekiben.scale.hpa.history import History, Memory, changed_within
from ekiben.scale.hpa.machine import ceil32, cut32, wrapped32

PolicyKind = Literal["Pods", "Percent"]
Select = Literal["Max", "Min", "Disabled"]

_LONGEST_WINDOW_SECONDS = 3600
_LONGEST_PERIOD_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Policy:
    """One limit of a direction.

    Attributes:
        kind: What `value` counts: pods, or percents of the replicas at the period's beginning.
        value: Above 0.
        period_seconds: 1 to 1,800.

    Raises:
        ConfigError: Outside of these.
    """

    kind: PolicyKind
    value: int
    period_seconds: int

    def __post_init__(self) -> None:
        if self.kind not in ("Pods", "Percent") or self.value <= 0:
            raise ConfigError(f"expected a policy Pods or Percent above 0, found {self.kind} {self.value}")
        if not 0 < self.period_seconds <= _LONGEST_PERIOD_SECONDS:
            raise ConfigError(
                f"expected a period of 1 to {_LONGEST_PERIOD_SECONDS} s, found {self.period_seconds}"
            )


@dataclass(frozen=True, slots=True)
class Rules:
    """One direction.

    Attributes:
        policies: At least one.
        select: Which policy counts: the one that changes most, least, or no change at all.
        window_seconds: Stabilisation window, 0 to 3,600; None for the controller's flag (down only).
        tolerance_ratio: None for the controller's flag.

    Raises:
        ConfigError: Outside of these.
    """

    policies: tuple[Policy, ...]
    select: Select = "Max"
    window_seconds: int | None = None
    tolerance_ratio: float | None = None

    def __post_init__(self) -> None:
        if not self.policies:
            raise ConfigError("expected at least one policy, found none")
        if self.select not in ("Max", "Min", "Disabled"):
            raise ConfigError(f"expected selectPolicy Max, Min or Disabled, found {self.select!r}")
        if self.window_seconds is not None and not 0 <= self.window_seconds <= _LONGEST_WINDOW_SECONDS:
            raise ConfigError(
                f"expected a stabilisation window of 0 to {_LONGEST_WINDOW_SECONDS} s, "
                f"found {self.window_seconds}"
            )
        if self.tolerance_ratio is not None and not 0 <= self.tolerance_ratio < math.inf:
            raise ConfigError(f"expected a tolerance of 0 or more, found {self.tolerance_ratio!r}")

    @property
    def longest_period_seconds(self) -> int:
        """How far its policies look back, seconds."""
        return max(policy.period_seconds for policy in self.policies)


# Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#default-behavior
DEFAULT_UP = Rules((Policy("Pods", 4, 15), Policy("Percent", 100, 15)), window_seconds=0)
DEFAULT_DOWN = Rules((Policy("Percent", 100, 15),))


@dataclass(frozen=True, slots=True)
class Behavior:
    """Both directions."""

    up: Rules = DEFAULT_UP
    down: Rules = DEFAULT_DOWN


def up_limit(current_replicas: int, rules: Rules, memory: Memory, now_seconds: float) -> int:
    """The most replicas that the policies allow now; never below the current ones."""
    found = _limit(current_replicas, rules, memory, now_seconds, _raised, {"Max": max, "Min": min})
    return max(found, current_replicas)


def down_limit(current_replicas: int, rules: Rules, memory: Memory, now_seconds: float) -> int:
    """The fewest replicas that the policies allow now; never above the current ones."""
    found = _limit(current_replicas, rules, memory, now_seconds, _lowered, {"Max": min, "Min": max})
    return min(found, current_replicas)


def _raised(start: int, policy: Policy) -> int:
    """Rounded up, so that a percentage of a few replicas still adds one."""
    if policy.kind == "Pods":
        return wrapped32(start + policy.value)
    return ceil32(float(start) * (1 + float(policy.value) / 100))


def _lowered(start: int, policy: Policy) -> int:
    """Cut, so that a percentage of a few replicas still takes one away."""
    if policy.kind == "Pods":
        return wrapped32(start - policy.value)
    return cut32(float(start) * (1 - float(policy.value) / 100))


def _limit(
    current_replicas: int,
    rules: Rules,
    memory: Memory,
    now_seconds: float,
    moved: Callable[[int, Policy], int],
    among: dict[str, Callable[[Iterable[int]], int]],
) -> int:
    """Each policy starts from the replicas that there were when its period began."""
    if rules.select == "Disabled":
        return current_replicas

    def allowed(policy: Policy) -> int:
        def within(history: History) -> int:
            return changed_within(history, policy.period_seconds, now_seconds)

        return moved(wrapped32(current_replicas - within(memory.ups) + within(memory.downs)), policy)

    return among[rules.select](allowed(policy) for policy in rules.policies)
