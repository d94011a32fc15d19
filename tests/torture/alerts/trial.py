"""One fault on one release: make it, watch Alertmanager until the alert's time is over, judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.torture.alerts.faults import Fault
from tests.torture.alerts.pace import INTERVAL_SECONDS, PACE, bound_seconds
from tests.torture.alerts.release import Release, Seen
from tests.torture.pod.results import Verdict
from tests.torture.pod.scenario import Check

_POLL_SECONDS = 2.0  # each look by kubectl takes a tenth of a second of CPU
# Below, the machine was too busy to watch itself: its alerts say so, and prove nothing about ours.
LEAST_SEEN_RATIO = 0.9
_HEALTHY_SECONDS = 180.0
_THERE_SECONDS = 300.0  # a Secret reaches its pods within the kubelet's sync period, and a bit
# Every window that a fault is seen in holds good requests before it, and startup's CPU is out of it.
QUIET_SECONDS = PACE.window(0) + 3 * INTERVAL_SECONDS


@dataclass(frozen=True, slots=True)
class Look:
    """What Alertmanager had at a moment.

    Attributes:
        seconds: Since the injection.
        alerts: About the release.
    """

    seconds: float
    alerts: frozenset[Seen]


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen of one fault.

    Attributes:
        before: Alerts before it.
        there: When it was there, seconds since the injection; None if it never was.
        looks: At Alertmanager, in order.
        requests: How many were sent.
        seen_ratio: Share of scrapes of the cluster's own programs that came in time, 0-1.
        notes: By name.
    """

    before: frozenset[Seen]
    there: float | None
    looks: tuple[Look, ...]
    requests: int
    seen_ratio: float = 1.0
    notes: dict[str, str] = field(default_factory=dict)


def judged(fault: Fault, found: Watched) -> tuple[Check, ...]:
    """The criteria of a fault.

    Args:
        fault: What was done.
        found: What was seen.
    """
    bound = bound_seconds(fault.window, fault.hold)
    right = Seen(fault.alert, fault.severity)
    names = {alert.name for look in found.looks for alert in look.alerts} - {fault.alert}
    fired = first(found.looks, right)
    there = found.there
    after = None if fired is None or there is None else fired - there
    checks = [
        Check("no alert before it", not found.before, _written(found.before)),
        Check("the fault was there", there is not None, "never" if there is None else f"after {there:.0f} s"),
        Check("no other alert", not names, ", ".join(sorted(names)) or "none"),
    ]
    if fault.alert:
        checks.append(
            Check(
                f"{fault.alert} ({fault.severity}) within {bound} s of it",
                after is not None and after <= bound,
                "never" if after is None else f"after {max(after, 0):.0f} s",
            )
        )
    return tuple(checks)


def first(looks: Sequence[Look], alert: Seen) -> float | None:
    """When an alert was seen first, seconds since the injection; None if never."""
    return next((look.seconds for look in looks if alert in look.alerts), None)


def _written(alerts: frozenset[Seen]) -> str:
    return ", ".join(sorted({each.name for each in alerts})) or "none"


def watch(fault: Fault, release: Release, say: Callable[[str], None]) -> Watched:
    """Make a fault on a release that is installed, and look until its time is over.

    Args:
        fault: What is done.
        release: To which release; it serves.
        say: Takes lines of progress.
    """
    for each in fault.streams:
        release.callers.add(each)
    _healthy(fault, release)
    time.sleep(QUIET_SECONDS)
    before = release.alerts()
    say(f"{fault.name}: healthy, alerts: {_written(before)}")
    began = time.monotonic()
    fault.inject(release)
    looks: list[Look] = []
    there: float | None = None
    bound = bound_seconds(fault.window, fault.hold)
    while time.monotonic() - began < (_THERE_SECONDS if there is None else there + bound + _POLL_SECONDS):
        if there is None and _asked(fault, release):
            there = time.monotonic() - began
            say(f"{fault.name}: there after {there:.0f} s")
        found = release.alerts()
        if not looks or looks[-1].alerts != found:
            looks.append(Look(time.monotonic() - began, found))
            say(f"{fault.name}: {looks[-1].seconds:.0f} s: {_written(found)}")
        time.sleep(_POLL_SECONDS)
    statuses = ", ".join(
        f"{number} x {status}" for status, number in sorted(release.callers.statuses.items())
    )
    seen = release.watched_ratio(time.monotonic() - began + QUIET_SECONDS)
    notes = {"answers": statuses, "scrapes in time": f"{seen:.2f}"}
    return Watched(before, there, tuple(looks), release.callers.stop(), seen, notes)


def verdict(found: Watched, checks: Sequence[Check]) -> Verdict:
    """What a trial came to; on a machine that cannot watch itself it is none."""
    if found.seen_ratio < LEAST_SEEN_RATIO:
        return "not tested"
    return "passed" if all(each.passed for each in checks) else "failed"


def _asked(fault: Fault, release: Release) -> bool:
    try:
        return fault.there(release)
    except (AssertionError, OSError):  # a pod that ends while it is asked
        return False


def _healthy(fault: Fault, release: Release) -> None:
    """Wait until it is scraped, its autoscaler acts, and nothing of its start is wrong any more."""
    scaled = fault.values.get("autoscaling", {}).get("enabled", True)
    release.until(lambda: release.targets() >= 1, _HEALTHY_SECONDS, "a pod that is scraped")
    if scaled:
        release.until(lambda: release.scaling_active() == "True", _HEALTHY_SECONDS, "an active autoscaler")
    release.until(lambda: not release.alerts(), _HEALTHY_SECONDS, "no alert about a healthy release")
