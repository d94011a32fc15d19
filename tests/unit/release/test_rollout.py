"""Is a rollout done, under way or failed? Decided from snapshots."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ekiben.clients.objects import Event, Pod, Rollout
from ekiben.release import rollout
from ekiben.release.rollout import Patience, Snapshot

COMPLETE = Rollout(3, 3, wanted=2, updated=2, total=2, ready=2, available=2, template_hash="new")
GOOD = Pod("new-0", "Running", "new", ready=True)


def snapshot(*pods: Pod, state: Rollout = COMPLETE, events: tuple[Event, ...] = ()) -> Snapshot:
    return Snapshot(state, pods, events)


def test_done_means_complete_enough_and_ready() -> None:
    """A complete rollout with fewer replicas than wanted, or a pod that fell back, is not done."""
    assert rollout.done(snapshot(GOOD), 2)
    assert not rollout.done(snapshot(GOOD), 3)
    assert not rollout.done(snapshot(GOOD, replace(GOOD, ready=False)), 2)
    assert not rollout.done(snapshot(GOOD, state=replace(COMPLETE, total=3)), 2)
    assert not rollout.done(Snapshot(None), 1)


def test_a_sick_pod_of_the_old_template_is_not_our_failure() -> None:
    """Only the newest template is judged; pods that are ending are not."""
    old = Pod("old-0", template_hash="old", waiting_reason="CrashLoopBackOff", restarts=9)
    ending = Pod("new-1", template_hash="new", waiting_reason="CrashLoopBackOff", ending=True)
    assert rollout.suspicions(snapshot(GOOD, old, ending), {}) == ()


SICK = {
    "pods stay up": replace(GOOD, ready=False, waiting_reason="CrashLoopBackOff", exit_code=137),
    "golden rows at start": replace(GOOD, ready=False, exit_code=6, exit_message="row 3"),
    "container is created": replace(GOOD, ready=False, waiting_reason="CreateContainerConfigError"),
}


@pytest.mark.parametrize("check", SICK)
def test_what_cannot_heal_fails_at_once(check: str) -> None:
    """Crash loop, wrong golden rows and a missing Secret need no second look."""
    (found,) = rollout.suspicions(snapshot(SICK[check]), {})
    assert (found.failure.check, found.seconds) == (check, 0.0)
    assert found.failure.pod == "new-0"
    assert found.failure.remedy


def test_wrong_golden_rows_come_before_the_crash_loop_that_they_cause() -> None:
    """The cause is named, not its consequence; the pod's own words are kept."""
    both = replace(GOOD, ready=False, exit_code=6, exit_message="row 3", waiting_reason="CrashLoopBackOff")
    (found,) = rollout.suspicions(snapshot(both), {})
    assert (found.failure.check, found.failure.found) == ("golden rows at start", "row 3")


def test_only_restarts_of_this_wait_count() -> None:
    """A replica that restarted last week is not a failure now; two restarts now are."""
    restarted = replace(GOOD, restarts=7)
    assert rollout.suspicions(snapshot(restarted), {"new-0": 7}) == ()
    assert rollout.suspicions(snapshot(restarted), {"new-0": 6}) == ()
    (found,) = rollout.suspicions(snapshot(restarted), {"new-0": 5})
    assert found.failure.check == "pods stay up"


def test_memory_is_named() -> None:
    """OOMKilled says more than its exit code."""
    killed = replace(SICK["pods stay up"], exit_reason="OOMKilled")
    (found,) = rollout.suspicions(snapshot(killed), {})
    assert "137 (OOMKilled)" in found.failure.found
    assert "memory" in found.failure.remedy


@pytest.mark.parametrize(
    ("message", "seconds"),
    [("manifest unknown", 0.0), ("r/x@sha256:12: not found", 0.0), ("connection refused", 15.0)],
)
def test_an_image_that_is_not_there_fails_at_once_a_registry_that_is_away_later(
    message: str, seconds: float
) -> None:
    """A registry may come back within the kubelet's first retry."""
    pulling = replace(GOOD, ready=False, waiting_reason="ErrImagePull", waiting_message=message)
    (found,) = rollout.suspicions(snapshot(pulling), {})
    assert (found.failure.check, found.seconds) == ("image is pulled", seconds)


def test_a_refusal_of_pods_and_a_full_node_must_last() -> None:
    """Quota, admission and scheduling are given time."""
    (refused,) = rollout.suspicions(snapshot(state=replace(COMPLETE, refusal="exceeded quota")), {})
    assert (refused.failure.check, refused.failure.found) == ("pods are admitted", "exceeded quota")
    full = replace(GOOD, ready=False, unschedulable="Insufficient cpu")
    (unplaced,) = rollout.suspicions(snapshot(full), {})
    assert unplaced.failure.check == "pods are scheduled"
    assert 0 < refused.seconds < unplaced.seconds


def test_a_node_that_is_being_added_is_waited_for() -> None:
    """A cluster autoscaler that works on it is no failure."""
    full = replace(GOOD, ready=False, unschedulable="Insufficient cpu")
    coming = Event("Pod", "new-0", "TriggeredScaleUp", "pool 1 -> 2", warning=False, at=None)
    assert rollout.suspicions(snapshot(full, events=(coming,)), {}) == ()


def test_patience_counts_from_the_first_sight() -> None:
    """A suspicion fails after its time, not before; a short gap is a retry, not a recovery."""
    pulling = replace(GOOD, ready=False, waiting_reason="ErrImagePull", waiting_message="timeout")
    found, patience = rollout.suspicions(snapshot(pulling), {}), Patience()
    assert patience.overdue(found, 100.0) is None
    assert patience.overdue((), 110.0) is None  # the kubelet tries again: ContainerCreating
    assert patience.overdue(found, 114.9) is None
    late = patience.overdue(found, 115.0)
    assert late is not None
    assert late.check == "image is pulled"


def test_patience_forgets_what_was_over() -> None:
    """A suspicion that comes back after longer than its time begins anew."""
    pulling = replace(GOOD, ready=False, waiting_reason="ErrImagePull", waiting_message="timeout")
    found, patience = rollout.suspicions(snapshot(pulling), {}), Patience()
    assert patience.overdue(found, 100.0) is None
    assert patience.overdue(found, 115.5 + 0.0) is None
    assert patience.overdue(found, 130.0) is None
    assert patience.overdue(found, 130.5) is not None


def test_a_pull_that_changes_its_word_is_one_suspicion() -> None:
    """ErrImagePull and ImagePullBackOff alternate; the time goes on."""
    patience = Patience()
    for now, reason in ((0.0, "ErrImagePull"), (8.0, "ImagePullBackOff"), (14.0, "ErrImagePull")):
        pulling = replace(GOOD, ready=False, waiting_reason=reason, waiting_message="timeout")
        assert patience.overdue(rollout.suspicions(snapshot(pulling), {}), now) is None
    pulling = replace(GOOD, ready=False, waiting_reason="ImagePullBackOff", waiting_message="timeout")
    assert patience.overdue(rollout.suspicions(snapshot(pulling), {}), 15.0) is not None


def test_overtime_says_what_was_missing() -> None:
    """Which pod, which probe, how far."""
    late = replace(GOOD, name="new-1", ready=False)
    probe = Event("Pod", "new-1", "Unhealthy", "Startup probe failed: 503", warning=True, at=None)
    state = replace(COMPLETE, available=1, updated=2, total=3)
    found = rollout.overtime(snapshot(GOOD, late, state=state, events=(probe,)), 40, 2)
    assert found.expected == "2 replicas ready within 40 s"
    assert "1 of 2 new replicas ready, 1 available, 1 old" in found.found
    assert "new-1 is not ready; Startup probe failed: 503" in found.found
    assert found.pod == "new-1"


def test_overtime_before_anything_was_seen() -> None:
    """A controller that never looked is said as that."""
    assert "controller" in rollout.overtime(Snapshot(None), 40, 2).found
