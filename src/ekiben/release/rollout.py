"""Is this rollout done, under way, or failed? Pure: snapshots of pods and of the Deployment in, verdicts out.

What could be a blip (a registry that answers late, an admission webhook that
restarts) is a suspicion with a time that it must last; what cannot heal fails at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ekiben.clients.objects import Event, Pod, Rollout

_RESTARTS = 2  # one restart may be a node's hiccup; a second is the image's
_GOLDEN_EXIT = 6  # the pod's exit code for wrong golden answers at start
PULL_SECONDS = 15.0  # the kubelet's first retry comes after 10 s
REFUSAL_SECONDS = 10.0  # an admission webhook may be restarting
UNSCHEDULABLE_SECONDS = 60.0  # ended pods free their room after their drain (40 s by default)
PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})
NEVER = frozenset(
    {
        "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
        "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
    }
)  # fmt: skip
GONE = ("not found", "manifest unknown", "name unknown")
ROOM_COMES = ("TriggeredScaleUp", "Nominated")  # what autoscalers of nodes say of a pod


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a release is not what it should be.

    Attributes:
        check: Name of what failed.
        expected: In words.
        found: In words.
        remedy: What to do next.
        pod: The pod that shows it; empty if it is none's.
    """

    check: str
    expected: str
    found: str
    remedy: str = ""
    pod: str = ""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A failure, once it has lasted.

    Attributes:
        failure: What it would be.
        seconds: How long it must last; 0 fails at once.
    """

    failure: Failure
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was seen at one moment.

    Attributes:
        rollout: The Deployment; None before it exists.
        pods: All pods of the release.
        events: Of the namespace.
    """

    rollout: Rollout | None
    pods: tuple[Pod, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def newest(self) -> tuple[Pod, ...]:
        """Pods of the newest template that are not ending."""
        wanted = self.rollout.template_hash if self.rollout else ""
        return tuple(p for p in self.pods if wanted and p.template_hash == wanted and not p.ending)


def done(snapshot: Snapshot, replicas: int) -> bool:
    """True when the rollout is complete with at least as many replicas, and every newest pod is ready."""
    rollout = snapshot.rollout
    if rollout is None or not rollout.complete or rollout.available < replicas:
        return False
    return all(pod.ready for pod in snapshot.newest)


def progress(snapshot: Snapshot, replicas: int) -> str:
    """Say in one line how far it is."""
    rollout = snapshot.rollout
    if rollout is None or rollout.observed_generation < rollout.generation:
        return "waiting for the Deployment's controller"
    wanted = max(rollout.wanted, replicas)
    ready = sum(pod.ready for pod in snapshot.newest)
    ending = sum(pod.ending for pod in snapshot.pods)
    old = rollout.total - rollout.updated
    words = [f"{ready} of {wanted} new replicas ready", f"{rollout.available} available"]
    words += [f"{old} old"] if old > 0 else []
    words += [f"{ending} draining"] if ending else []
    return ", ".join(words)


def suspicions(snapshot: Snapshot, restarts_before: Mapping[str, int]) -> tuple[Suspicion, ...]:
    """Name everything that looks wrong with the newest template.

    Args:
        snapshot: What was seen.
        restarts_before: Restarts of each pod when the wait began; only later ones count.
    """
    found = list(_refused(snapshot))
    for pod in snapshot.newest:
        found.extend(_of_pod(pod, pod.restarts - restarts_before.get(pod.name, 0), snapshot.events))
    return tuple(found)


def _refused(snapshot: Snapshot) -> Iterator[Suspicion]:
    if snapshot.rollout is not None and snapshot.rollout.refusal:
        yield Suspicion(
            Failure(
                "pods are admitted",
                "pods that the cluster accepts",
                snapshot.rollout.refusal,
                "quota or admission policy: ask for room in the namespace, or lower `release.resources`",
            ),
            REFUSAL_SECONDS,
        )


def _of_pod(pod: Pod, restarts: int, events: Sequence[Event]) -> Iterator[Suspicion]:
    reason, said = pod.waiting_reason, pod.waiting_message
    if pod.exit_code == _GOLDEN_EXIT and not pod.ready:
        yield _suspect(
            pod, "golden rows at start", "the artefact's golden answers, at the pod's own start",
            pod.exit_message or "other answers (exit code 6)",
            "the image holds another model, or other libraries, than was trained: train and pack again",
        )  # fmt: skip
    elif reason == "CrashLoopBackOff" or restarts >= _RESTARTS:
        yield _suspect(
            pod, "pods stay up", "a container that does not crash", _crash(pod, restarts),
            "raise `release.resources.memory`" if pod.exit_reason == "OOMKilled"
            else "its last lines tell why; run the image by itself to see more",
        )  # fmt: skip
    elif reason in PULL:
        seconds = 0.0 if any(word in said.lower() for word in GONE) else PULL_SECONDS
        yield _suspect(
            pod, "image is pulled", "an image that the nodes can pull", f"{reason}: {said}",
            "is it pushed, and may the nodes read that registry (imagePullSecrets)?", seconds=seconds,
        )  # fmt: skip
    elif reason in NEVER:
        yield _suspect(
            pod, "container is created", "a container that the node can create", f"{reason}: {said}",
            "a Secret, ConfigMap or command that the values name does not exist",
        )  # fmt: skip
    elif pod.unschedulable and not _being_made_room(pod, events):
        yield _suspect(
            pod, "pods are scheduled", "a node with room", pod.unschedulable,
            "add a node, lower `release.resources`, or loosen the node selector",
            seconds=UNSCHEDULABLE_SECONDS,
        )  # fmt: skip


def _suspect(
    pod: Pod, check: str, expected: str, found: str, remedy: str, *, seconds: float = 0.0
) -> Suspicion:
    return Suspicion(Failure(check, expected, found, remedy, pod.name), seconds)


def _crash(pod: Pod, restarts: int) -> str:
    ended = f"exit code {pod.exit_code}" if pod.exit_code is not None else "no exit code"
    reason = f" ({pod.exit_reason})" if pod.exit_reason and pod.exit_reason != "Error" else ""
    said = f": {pod.exit_message}" if pod.exit_message else ""
    # Each restart follows a crash; while it waits, the restarted container has crashed as well.
    crashes = max(restarts + (1 if pod.waiting_reason else 0), 1)
    return f"{pod.name} crashed {crashes} time(s), last with {ended}{reason}{said}"


def _being_made_room(pod: Pod, events: Sequence[Event]) -> bool:
    """True if a cluster autoscaler says that it adds a node for this pod."""
    return any(e.name == pod.name and e.reason in ROOM_COMES for e in events)


def overtime(snapshot: Snapshot, seconds: float, replicas: int) -> Failure:
    """Word the failure of a rollout that did not end in time."""
    late = next((pod for pod in snapshot.newest if not pod.ready), None)
    found = progress(snapshot, replicas)
    if late is not None:
        why = [f"{late.waiting_reason}: {late.waiting_message}".strip(": ")] if late.waiting_reason else []
        why += [late.unschedulable] if late.unschedulable else []
        why += [e.message for e in snapshot.events if e.name == late.name and e.reason == "Unhealthy"][-1:]
        why += [f"it ended before: {_crash(late, late.restarts)}"] if late.exit_code is not None else []
        found += f"; {late.name} is not ready" + "".join(f"; {text}" for text in why)
    return Failure(
        "pods become ready",
        f"{replicas} replicas ready within {seconds:g} s",
        found,
        "the pod's last lines tell why; `release.timeout_seconds` is how long a release may take",
        late.name if late else "",
    )


@dataclass
class Patience:
    """Remembers since when each suspicion lasts, seconds of a monotonic clock."""

    _seen: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def overdue(self, found: Iterable[Suspicion], now: float) -> Failure | None:
        """Return the first failure that lasted long enough.

        A gap shorter than a suspicion's own time does not end it: while the kubelet
        tries a pull again, the pod looks as if nothing was wrong.
        """
        for suspicion in found:
            key = (suspicion.failure.check, suspicion.failure.pod)
            first, last = self._seen.get(key, (now, now))
            if now - last > suspicion.seconds:
                first = now
            self._seen[key] = (first, now)
            if now - first >= suspicion.seconds:
                return suspicion.failure
        return None
