"""The links from the Deployment to ready pods: wanted, made, placed, pulled, started, ready."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ekiben.clients.facts.workload import Deployment, Replica, State
from ekiben.clients.objects import Event
from ekiben.diagnosis.doctor.link import Finding, Subject, broken, counted, sound, warning

_GONE = ("Failed", "Succeeded")
# Source: https://github.com/kubernetes/kubernetes/blob/v1.35.4/pkg/kubelet/images/types.go
_PULL = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
     "RegistryUnavailable", "SignatureValidationFailed"}
)  # fmt: skip
_COMING = frozenset({"", "ContainerCreating", "PodInitializing", "unknown"})
_PLACE_SECONDS = 30.0  # a scheduler looks at a new pod within a second
_CREATE_SECONDS = 60.0  # volumes and network of a pod, its image apart
_SPARE_SECONDS = 10.0  # between a probe's answer and the condition that tells of it
RESTART_SECONDS = 900.0  # the window of the alert EkibenRestartLoop
_LONGEST = 400  # characters of another program's words


@dataclass(frozen=True, slots=True)
class Pods:
    """What this group is judged by.

    Attributes:
        deployment: The Deployment.
        replicas: All its pods.
        events: Of the namespace, oldest first.
    """

    deployment: Deployment
    replicas: tuple[Replica, ...]
    events: tuple[Event, ...] = ()

    @property
    def alive(self) -> tuple[Replica, ...]:
        """Pods that run or are to run."""
        return tuple(one for one in self.replicas if not one.ending and one.phase not in _GONE)

    @property
    def serving(self) -> tuple[Replica, ...]:
        """Ready pods that are not told to end."""
        return tuple(one for one in self.alive if one.serves)


def aged(replicas: Sequence[Replica], now: float, least_seconds: float) -> tuple[Replica, ...]:
    """Ready pods that have been ready for so long: what others know of them should be known by now."""
    return tuple(
        one
        for one in replicas
        if one.serves and one.ready_since is not None and now - one.ready_since >= least_seconds
    )


def judge(subject: Subject, facts: Pods) -> Iterator[Finding]:
    """Judge these links, in their order."""
    yield _wanted(subject, facts)
    yield _made(subject, facts)
    yield _placed(subject, facts)
    yield _pulled(subject, facts)
    yield _started(subject, facts)
    yield _ready(subject, facts)


def _wanted(subject: Subject, facts: Pods) -> Finding:
    wanted = facts.deployment.wanted
    if wanted == 0:
        return broken(
            "replicas",
            f"{facts.deployment.name} was set to 0 replicas: nothing runs, and an HPA does nothing at 0",
            subject.kubectl("scale", "deployment", facts.deployment.name, "--replicas=1"),
        )
    return sound("replicas", f"{counted(wanted, 'replica')} wanted, {len(facts.alive)} there")


def _made(subject: Subject, facts: Pods) -> Finding:
    deployment = facts.deployment
    there = f"{len(facts.alive)} of {counted(deployment.wanted, 'pod')} there"
    if deployment.refusal:
        quota = "exceeded quota" in deployment.refusal
        look = ("describe", "resourcequota") if quota else ("describe", "replicaset")
        what = "raise the quota, or ask for less (`release.resources`, `scale.max_replicas`)" if quota else (
            "meet what it demands, or have it changed"
        )  # fmt: skip
        return broken(
            "creation",
            f"{there}; the API server refuses more: {_cut(deployment.refusal)}",
            f"{what}; look: {subject.kubectl(*look)}",
        )
    if not facts.alive:
        return broken(
            "creation",
            f"{there}, and nobody refused one: no controller makes them",
            "is kube-controller-manager up? " + subject.kubectl("get", "replicaset"),
        )
    return sound("creation", there)


def _placed(subject: Subject, facts: Pods) -> Finding:
    for pod in facts.alive:
        if pod.unschedulable:
            request = ", ".join(
                f"{one.name} requests {one.requests.get('cpu', 'no')} CPU and "
                f"{one.requests.get('memory', 'no')} memory"
                for one in pod.containers
            )
            return broken(
                "scheduling",
                f"no node takes {pod.name}: {_cut(pod.unschedulable)} ({request})",
                "lower `release.resources` in ekiben.yaml and release again, or add a node; look: "
                + subject.kubectl("describe", "nodes", everywhere=True),
            )
        if pod.started_at is None and subject.now - pod.created_at > _PLACE_SECONDS:
            return broken(
                "scheduling",
                f"no node has taken {pod.name} for {subject.now - pod.created_at:.0f} s, and nobody says why",
                "is kube-scheduler up? " + subject.kubectl("describe", "pod", pod.name),
            )
    return sound("scheduling", f"{counted(len(facts.alive), 'pod')} placed")


def _pulled(subject: Subject, facts: Pods) -> Finding:
    for pod, state in _states(facts):
        if state.waiting in _PULL:
            image = next((one.image for one in pod.containers if one.name == state.name), "")
            return broken(
                "image",
                f"{pod.name} does not get {image}: {state.waiting}: {_cut(state.message)}",
                f"push it again with `ekiben image {subject.model}` and release it, or go back: "
                f"`ekiben rollback {subject.model}`",
            )
    return sound("image", "no pod waits for its image")


def _started(subject: Subject, facts: Pods) -> Finding:
    for pod, state in _states(facts):
        age = subject.now - pod.created_at
        looping = bool(state.ended) and state.restarts > 1 and not pod.serves and _lately(state, subject.now)
        if state.waiting not in _COMING or (looping and not state.started):
            return broken("start", _end(pod, state), _logs(subject, pod, state))
        if state.waiting and age > _CREATE_SECONDS:
            why = next((e for e in reversed(facts.events) if e.name == pod.name and e.warning), None)
            told = f": {why.reason}: {_cut(why.message)}" if why else ""
            return broken(
                "start",
                f"{pod.name} is being created for {age:.0f} s{told}",
                subject.kubectl("describe", "pod", pod.name),
            )
    for pod, state in _states(facts):
        if state.restarts and _lately(state, subject.now):
            return warning("start", _end(pod, state), _logs(subject, pod, state))
    return sound("start", "no container fails to start, or ended lately")


def _end(pod: Replica, state: State) -> str:
    code = "" if state.exit_code is None else f" with exit code {state.exit_code}"
    ended = f"; it ended{code} ({state.ended})" if state.ended else ""
    words = f": {_cut(state.last_words)}" if state.last_words else ""
    now = f" is {state.waiting}" if state.waiting else " runs again"
    message = f": {_cut(state.message)}" if state.waiting and not state.ended else ""
    again = f", {counted(state.restarts, 'restart')}" if state.restarts else ""
    return f"{pod.name}{now}{again}{ended}{words}{message}"


def _logs(subject: Subject, pod: Replica, state: State) -> str:
    if not state.ended:
        return subject.kubectl("describe", "pod", pod.name)
    if state.ended == "OOMKilled":
        return f"raise `release.resources.memory` in ekiben.yaml, then `ekiben release {subject.model}`"
    log = subject.kubectl("logs", pod.name, "-c", state.name, "--previous", "--tail=50")
    return f"its last words: {log}; go back: `ekiben rollback {subject.model}`"


def _ready(subject: Subject, facts: Pods) -> Finding:
    late = [one for one in facts.alive if not one.serves and _is_late(one, subject.now)]
    serving = f"{len(facts.serving)} of {counted(len(facts.alive), 'pod')} ready"
    if late:
        return broken("readiness", f"{serving}; {_unready(late[0], facts)}", _look(subject, late[0]))
    if facts.deployment.stalled:
        return broken(
            "readiness",
            f"{serving}; the rollout made no progress within its deadline",
            f"ekiben rollback {subject.model}",
        )
    starting = len(facts.alive) - len(facts.serving)
    if not facts.serving:
        return broken(
            "readiness",
            f"{serving}, {starting} of them starting: nobody answers yet",
            "wait, then look again: " + subject.kubectl("get", "pods", "--watch"),
        )
    return sound("readiness", serving + (f", {starting} starting" if starting else ""))


def _unready(pod: Replica, facts: Pods) -> str:
    """Which of its probes fails, in the kubelet's words where an event has them."""
    probe = "Readiness" if _has_started(pod) else "Startup"
    why = next(
        (
            one.message
            for one in reversed(facts.events)
            if (one.name, one.reason) == (pod.name, "Unhealthy") and one.message.startswith(probe)
        ),
        f"{probe} probe does not succeed",
    )
    return f"{pod.name} is not: {_cut(why)}"


def _look(subject: Subject, pod: Replica) -> str:
    logs = subject.kubectl("logs", pod.name, "--tail=50")
    return f"/readyz and the log say why: {logs}; if a release began it: `ekiben rollback {subject.model}`"


def _is_late(pod: Replica, now: float) -> bool:
    """Whether a pod that is not ready should be by what its probes allow."""
    since = max([one.since or pod.created_at for one in pod.states], default=pod.created_at)
    if _has_started(pod):
        patience = max((one.readiness.patience_seconds for one in pod.containers if one.readiness), default=0)
        since = max(since, pod.ready_since or since)
    else:
        patience = max((one.startup.patience_seconds for one in pod.containers if one.startup), default=0)
    return now - since > patience + _SPARE_SECONDS


def _has_started(pod: Replica) -> bool:
    return bool(pod.states) and all(one.started for one in pod.states)


def _lately(state: State, now: float) -> bool:
    return state.ended_at is not None and now - state.ended_at < RESTART_SECONDS


def _states(facts: Pods) -> Iterator[tuple[Replica, State]]:
    return ((pod, state) for pod in facts.alive for state in pod.states)


def _cut(text: str) -> str:
    """Another program's words, on one line and not at any length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
