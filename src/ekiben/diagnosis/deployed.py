"""What the cluster, Helm and the release record know of one release, under the names of `Status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ekiben.clients import objects
from ekiben.clients.helm import HelmRevision
from ekiben.config import ModelConfig
from ekiben.diagnosis import autoscaling
from ekiben.errors import ClusterError, ToolError
from ekiben.identifiers import ClusterAddress, Revision
from ekiben.release import record
from ekiben.release.record import Verified


class View(Protocol):
    """What status reads of a cluster (`clients.cluster.Cluster` is one)."""

    def pods(self, namespace: str, release: str) -> tuple[objects.Pod, ...]:
        """Return the pods of a release."""

    def rollout(self, namespace: str, name: str) -> objects.Rollout | None:
        """Return how far a Deployment is."""

    def autoscaler(self, namespace: str, name: str) -> objects.Autoscaler | None:
        """Return a HorizontalPodAutoscaler."""

    def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Return the data of a ConfigMap."""


class History(Protocol):
    """What status asks Helm (`clients.helm.Helm` is one)."""

    def history(self, release: str, namespace: str) -> tuple[HelmRevision, ...]:
        """Return the revisions, oldest first."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many replicas there are.

    Attributes:
        current: Pods that the Deployment counts.
        ready: Ready pods that are not ending.
        desired: Replicas wanted (by the HPA, where there is one).
        minimum: Fewest; None without an HPA.
        maximum: Most; None without an HPA.
    """

    current: int
    ready: int
    desired: int
    minimum: int | None = None
    maximum: int | None = None


def read(
    config: ModelConfig,
    address: ClusterAddress,
    namespace: str,
    view: View,
    helm: History | None,
    notes: list[str],
) -> dict[str, Any]:
    """Read what is deployed.

    Args:
        config: The model's `ekiben.yaml`.
        address: Its cluster.
        namespace: Its namespace.
        view: The same cluster, open.
        helm: Helm at it; None takes ours, and notes if there is none.
        notes: Gets a line for what is missing or wrong.

    Returns:
        Fields of `Status`.

    Raises:
        ClusterError: The cluster cannot be asked, or holds no such release.
    """
    name = config.release_name
    rollout = view.rollout(namespace, name)
    if rollout is None:
        raise ClusterError(
            f"expected the release {namespace}/{name} in {address.context}, found none",
            remedy=f"release it: `ekiben release {config.model}`, or give its namespace with -n",
        )
    pods = view.pods(namespace, name)
    hpa = view.autoscaler(namespace, name)
    revision = _revision(address, name, namespace, helm, notes)
    known = record.entries(view.config_map(namespace, record.name(name)) or {})
    verified = _verified(known, revision, notes)
    _note_pods(pods, rollout, verified, notes)
    said = autoscaling.in_words(hpa, config.scale.target_cpu_percent) if hpa else ()
    return {
        "revision": Revision(name, namespace, revision.number) if revision else None,
        "helm_status": revision.status if revision else None,
        "model": verified.model if verified else None,
        "image": verified.image if verified else None,
        "artefact_sha256": verified.artefact_sha256 if verified else None,
        "verified_at": verified.at if verified else None,
        "verified_by": verified.by if verified else None,
        "replicas": _replicas(pods, rollout, hpa),
        "running": dict(Counter(pod.digest for pod in pods if pod.ready and not pod.ending)),
        "cpu_percent": hpa.cpu_percent if hpa else None,
        "autoscaling": said or ("no HPA: the number of replicas is fixed",),
    }


def _replicas(
    pods: Sequence[objects.Pod], rollout: objects.Rollout, hpa: objects.Autoscaler | None
) -> Replicas:
    ready = sum(pod.ready and not pod.ending for pod in pods)
    if hpa is None:
        return Replicas(rollout.total, ready, rollout.wanted)
    return Replicas(rollout.total, ready, hpa.desired, hpa.minimum, hpa.maximum)


def _revision(
    address: ClusterAddress, name: str, namespace: str, helm: History | None, notes: list[str]
) -> HelmRevision | None:
    from ekiben.release import site

    try:
        revisions = (helm or site.helm_at(address)).history(name, namespace)
    except ToolError as error:
        notes.append(f"the revision is not known: {error}")
        return None
    if not revisions:
        notes.append("Helm does not know this release: the Deployment was made without it")
        return None
    newest = revisions[-1]
    if newest.pending:
        notes.append(
            f"revision {newest.number} is {newest.status}: a Helm command runs, or did not finish "
            "(the next `ekiben release` repairs that)"
        )
    elif newest.status != "deployed":
        notes.append(f"revision {newest.number} is {newest.status}: {newest.description}")
    return newest


def _verified(
    known: tuple[Verified, ...], revision: HelmRevision | None, notes: list[str]
) -> Verified | None:
    """The record's entry of what is deployed; without Helm, its newest."""
    if revision is None:
        return known[-1] if known else None
    found = next((entry for entry in known if entry.revision == revision.number), None)
    if found is None:
        last = f"; the last verified one is {known[-1].revision} of {known[-1].at}" if known else ""
        notes.append(f"revision {revision.number} was never verified{last}")
    return found


def _note_pods(
    pods: Sequence[objects.Pod], rollout: objects.Rollout, verified: Verified | None, notes: list[str]
) -> None:
    if not rollout.complete:
        notes.append(f"a rollout is under way: {rollout.updated} of {rollout.wanted} replicas are new")
    if rollout.refusal:
        notes.append(f"the API server refuses pods: {rollout.refusal}")
    for pod in pods:
        why = pod.waiting_reason or pod.unschedulable
        if why and not pod.ending:
            again = f", {pod.restarts} restarts" if pod.restarts else ""
            notes.append(f"pod {pod.name} does not run: {why}{again}")
    others = [p.name for p in pods if verified and p.ready and p.digest != verified.image.digest]
    if others:
        notes.append(f"other images than the verified one run in {', '.join(others)}")
