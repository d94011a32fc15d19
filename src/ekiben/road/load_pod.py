"""What keeps the pod of a load test from starting, and why one ended without a measurement. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ekiben.clients.facts.workload import Replica, State
from ekiben.clients.objects import Event
from ekiben.errors import ClusterError, ConfigError, EkibenError, NoDataError
from ekiben.release import rollout
from ekiben.release.rollout import Failure, Suspicion
from ekiben.scale.job import lines

_REFUSED_EVENT, _MOUNT_EVENT = "FailedCreate", "FailedMount"
_MOUNT_SECONDS = 60.0  # the kubelet's first look is before the ConfigMap is there, its second soon after
_START_ERRORS = frozenset({"StartError", "ContainerCannotRun"})
_ANOTHER_IMAGE = (
    "the Job runs an image that `ekiben image` made; for another, send the load from this machine"
)
_KINDS: dict[str, type[EkibenError]] = {one.__name__: one for one in (ConfigError, ClusterError, NoDataError)}


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at the Job.

    Attributes:
        pod: Its pod; None before there is one, or after it was removed.
        events: Of the namespace.
    """

    pod: Replica | None
    events: tuple[Event, ...] = ()

    @property
    def state(self) -> State | None:
        """Its one container; None before a kubelet took it."""
        return self.pod.states[0] if self.pod and self.pod.states else None

    @property
    def ended(self) -> bool:
        """Whether it will say nothing more."""
        state = self.state
        over = self.pod is None or self.pod.phase in ("Succeeded", "Failed")
        return over or (state is not None and state.exit_code is not None)

    @property
    def started(self) -> bool:
        """Whether it has a log."""
        state = self.state
        return state is not None and (state.since is not None or state.exit_code is not None)


def suspicions(seen: Seen, job: str) -> Iterator[Suspicion]:
    """Name what looks as if the pod would never start.

    Args:
        seen: The Job.
        job: Its name.
    """
    if seen.pod is None:
        yield from _not_made(seen.events, job)
        return
    pod, state = seen.pod, seen.state
    reason, said = (state.waiting, state.message) if state else ("", "")
    if reason in rollout.PULL:
        seconds = 0.0 if any(word in said.lower() for word in rollout.GONE) else rollout.PULL_SECONDS
        yield _suspicion(
            pod, "the release's own image, which its node can pull", f"{reason}: {said}",
            "a node without the image pulls it again: is it still in the registry, and may nodes read that?",
            seconds,
        )  # fmt: skip
    elif reason in rollout.NEVER:
        yield _suspicion(
            pod, "a container that the node can create", f"{reason}: {said}",
            _ANOTHER_IMAGE,
        )  # fmt: skip
    elif pod.unschedulable and not _room_comes(pod.name, seen.events):
        yield _suspicion(
            pod, "a node with room for the load's pod", pod.unschedulable,
            "add a node, or lower --rate: the pod asks for CPU by its rate and for memory by its requests",
            rollout.UNSCHEDULABLE_SECONDS,
        )  # fmt: skip
    mounts = [one.message for one in seen.events if one.name == pod.name and one.reason == _MOUNT_EVENT]
    if mounts and not seen.started:
        remedy = "were its ConfigMap and Secret removed? Send the load again"
        yield _suspicion(pod, "a pod with its volumes", mounts[-1], remedy, _MOUNT_SECONDS)


def _not_made(events: Sequence[Event], job: str) -> Iterator[Suspicion]:
    refused = [one.message for one in events if one.name == job and one.reason == _REFUSED_EVENT]
    if refused:
        yield Suspicion(
            Failure(
                "pod is made", "a pod that the cluster accepts", refused[-1],
                "quota or admission policy: ask for room in the namespace, or lower --rate or --seconds",
            ),
            rollout.REFUSAL_SECONDS,
        )  # fmt: skip


def _suspicion(pod: Replica, expected: str, found: str, remedy: str, seconds: float = 0.0) -> Suspicion:
    return Suspicion(Failure(expected, expected, found, remedy, pod.name), seconds)


def _room_comes(pod: str, events: Sequence[Event]) -> bool:
    """True if a cluster autoscaler says that it adds a node for this pod."""
    return any(one.name == pod and one.reason in rollout.ROOM_COMES for one in events)


def overtime(seen: Seen, job: str, seconds: float) -> ClusterError:
    """Word the error of a pod that did not start in time."""
    name, found = (seen.pod.name, seen.pod.phase) if seen.pod else (job, "no pod")
    warnings = [one.message for one in seen.events if one.warning and one.name in (name, job)]
    return ClusterError(
        f"expected the load's pod to run within {seconds:g} s, found {'; '.join([found, *warnings[-1:]])}",
        remedy="kubectl get events tells why; without --in-cluster the load is sent from this machine",
    )


def refused(found: lines.Refusal) -> EkibenError:
    """Give the error that the pod had, as ours."""
    kind = _KINDS.get(found.kind, ClusterError)
    return kind(f"the load's pod measured nothing: {found.message}", remedy=found.remedy)


def unfinished(seen: Seen, last_lines: str) -> ClusterError:
    """Word the error of a pod that ended without a measurement.

    Args:
        seen: The Job, after its end.
        last_lines: What the pod said last.
    """
    state = seen.state
    said = f"; it said last: {last_lines}" if last_lines else ""
    if seen.pod is None:
        words = "that it was removed"
        remedy = "by its deadline, a node that was drained, or somebody: send the load again"
    elif seen.pod.reason == "Evicted":
        words = "that its node evicted it"
        remedy = "the node was short of memory or disk: send the load again"
    elif state is not None and state.ended == "OOMKilled":
        words = "that it was killed for its memory (OOMKilled)"
        remedy = "a lower --rate or fewer --seconds need less; its limit is reckoned from both"
    elif state is not None and state.ended in _START_ERRORS:
        words = f"that its program did not start ({state.last_words or state.ended})"
        remedy = _ANOTHER_IMAGE
    elif state is not None and state.exit_code is not None:
        words = f"exit code {state.exit_code}{f' ({state.ended})' if state.ended else ''}"
        remedy = "what it said last tells why"
    else:
        words = f"the phase {seen.pod.phase}{f' ({seen.pod.reason})' if seen.pod.reason else ''}"
        remedy = "kubectl get events tells why: send the load again"
    return ClusterError(f"expected a measurement from the load's pod, found {words}{said}", remedy=remedy)
