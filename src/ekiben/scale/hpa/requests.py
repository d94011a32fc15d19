"""What pods request of a resource: the base of utilisation."""

from __future__ import annotations

from collections.abc import Iterable

from ekiben.errors import NoDataError
from ekiben.scale.hpa.machine import wrapped64
from ekiben.scale.hpa.pods import Pod

_POD_LEVEL = ("cpu", "memory")  # and huge pages, which no HPA scales on


def requests_of(pods: Iterable[Pod], resource: str, container: str) -> dict[str, int]:
    """Requests by pod's name, thousandths.

    Args:
        pods: All that the selector finds; those that do not count must have requests too.
        resource: `cpu` or `memory`, for example.
        container: Its request alone; empty for the whole pod.

    Raises:
        NoDataError: A container without the request, or a pod without the container.

    Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details
        and, for requests of the pod as a whole,
        https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/2837-pod-level-resource-spec
    """
    return {pod.name: _request(pod, resource, container) for pod in pods}


def _request(pod: Pod, resource: str, container: str) -> int:
    whole = pod.pod_requests or {}
    if not container and any(name in whole for name in _POD_LEVEL):
        return _whole(pod, resource, whole.get(resource))
    names = [container] if container else list(pod.requests)
    found = [pod.requests.get(name, {}).get(resource) for name in names]
    if None in found:
        raise NoDataError(
            f"expected a request for {resource} in {names[found.index(None)]} of {pod.name}, found none"
        )
    return wrapped64(sum(each for each in found if each is not None))


def _whole(pod: Pod, resource: str, request: int | None) -> int:
    """The pod's own request; for a resource that it leaves out, what those containers request that do."""
    if request is not None:
        return request
    found = [each[resource] for each in pod.requests.values() if resource in each]
    if not found:
        raise NoDataError(f"expected a request for {resource} of {pod.name}, found none")
    return sum(found)
