"""One named cluster, as typed values: what ekiben reads of it and writes to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ekiben.clients import objects
from ekiben.clients.connection import TIMEOUT_SECONDS, Answer, open_context
from ekiben.clients.launched import Launched
from ekiben.errors import ClusterError

_REFUSED_STATUS = 400  # and up
_REFRESHED = "ekiben.dev/secrets-changed"  # annotation of pods
_KEDA_PREFIX = "keda-hpa-"  # KEDA's default name is this and the ScaledObject's; the chart says the same


def connect(kubeconfig: Path | None, context: str) -> Cluster:
    """Open one context of a kubeconfig.

    Args:
        kubeconfig: File that holds it; None means kubectl's own search path.
        context: Its name; an empty one is refused, the current context is never taken by accident.

    Raises:
        ClusterError: No such file or context.
    """
    return Cluster(open_context(kubeconfig, context), context)


class Cluster(Launched):
    """What ekiben asks of one cluster; every method raises `ClusterError` when it is refused."""

    # What runs

    def pods(self, namespace: str, release: str) -> tuple[objects.Pod, ...]:
        """Return the pods of a release, those that are ending too, by name."""
        selector = f"{objects.INSTANCE_LABEL}={release},app.kubernetes.io/name=model-server"
        with self._asking(f"the pods of {namespace}/{release}"):
            found = self._core.list_namespaced_pod(
                namespace, label_selector=selector, _request_timeout=TIMEOUT_SECONDS
            )
        return tuple(sorted((objects.pod(one) for one in found.items), key=lambda one: one.name))

    def remove_pod(self, namespace: str, name: str) -> None:
        """Remove a pod at once, if it is there."""
        remove = partial(self._core.delete_namespaced_pod, grace_period_seconds=0)
        self._found(f"removing pod {namespace}/{name}", remove, name, namespace)

    def refresh_pods(self, namespace: str, release: str, moment: str) -> None:
        """Have the kubelet look after a release's pods now: it brings them changed Secrets at once.

        Without it they come with the kubelet's next round, up to one and a half minutes later.

        Args:
            namespace: Namespace.
            release: Whose pods.
            moment: What the annotation says that makes the kubelet look.

        Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/
        """
        body = {"metadata": {"annotations": {_REFRESHED: moment}}}
        for each in self.pods(namespace, release):
            patch = partial(self._core.patch_namespaced_pod, body=body)
            self._found(f"telling pod {namespace}/{each.name}", patch, each.name, namespace)

    def rollout(self, namespace: str, name: str) -> objects.Rollout | None:
        """Return how far a Deployment is; None if there is none."""
        what = f"deployment {namespace}/{name}"
        found = self._found(what, self._apps.read_namespaced_deployment, name, namespace)
        if found is None:
            return None
        selector = ",".join(f"{k}={v}" for k, v in found.spec.selector.match_labels.items())
        with self._asking(f"the replica sets of {namespace}/{name}"):
            sets = self._apps.list_namespaced_replica_set(
                namespace, label_selector=selector, _request_timeout=TIMEOUT_SECONDS
            )
        return objects.rollout(found, sets.items)

    def autoscaler(self, namespace: str, name: str) -> objects.Autoscaler | None:
        """Return a release's HorizontalPodAutoscaler, its own or the one that KEDA made; None without one."""
        read = self._autoscaling.read_namespaced_horizontal_pod_autoscaler
        for one in (name, f"{_KEDA_PREFIX}{name}"):
            found = self._found(f"hpa {namespace}/{one}", read, one, namespace)
            if found is not None:
                return objects.autoscaler(found)
        return None

    def hold_replicas(self, namespace: str, name: str) -> None:
        """Own the number of replicas that a Deployment without HPA has now.

        When an HPA takes over, Helm stops rendering the number; a field that nobody else owns falls back to
        Kubernetes' default, 1 replica, until the HPA has looked. The HPA's first change ends our ownership.

        Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
        """
        what = f"deployment {namespace}/{name}"
        found = self._found(what, self._apps.read_namespaced_deployment, name, namespace)
        if found is not None and self.autoscaler(namespace, name) is None:
            self.own_replicas(namespace, name, found.spec.replicas)

    def own_replicas(self, namespace: str, name: str, replicas: int) -> None:
        """Give a Deployment so many replicas, under our name.

        Args:
            namespace: Namespace.
            name: Of the Deployment, which must exist.
            replicas: 0 and up.
        """
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": replicas},
        }
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
        self._applied(path, body, f"deployment {namespace}/{name}")

    def service_url(self, namespace: str, name: str, port: str = "http") -> str:
        """Return the cluster address of a Service's port, `http[s]://address:port`.

        Args:
            namespace: Namespace.
            name: Of the Service.
            port: `http` takes its first port, whatever its name is; any other is taken by name.

        Raises:
            ClusterError: There is no such Service or port, or the Service is headless.
        """
        found = self._found(
            f"service {namespace}/{name}", self._core.read_namespaced_service, name, namespace
        )
        if found is None or found.spec.cluster_ip in (None, "", "None"):
            raise ClusterError(
                f"{self.context}: expected a Service {namespace}/{name} with an address, found none",
                remedy="is it released? `ekiben status` tells",
            )
        address, ports = str(found.spec.cluster_ip), found.spec.ports
        chosen = ports[0] if port == "http" else next((one for one in ports if one.name == port), None)
        if chosen is None:
            raise ClusterError(
                f"{self.context}: expected a port {port!r} of the Service {namespace}/{name}, found "
                f"{', '.join(str(one.name) for one in ports)}",
                remedy=f"release it with that port: server.{port}: true in release.values of ekiben.yaml",
            )
        host = f"[{address}]" if ":" in address else address
        return f"{'https' if chosen.app_protocol == 'https' else 'http'}://{host}:{chosen.port}"

    def events(self, namespace: str, name: str = "") -> tuple[objects.Event, ...]:
        """Return the events of a namespace (or of one object in it), oldest first."""
        selector = f"involvedObject.name={name}" if name else None
        with self._asking(f"the events of {namespace}"):
            found = self._core.list_namespaced_event(
                namespace, field_selector=selector, _request_timeout=TIMEOUT_SECONDS
            )
        read = [objects.event(one) for one in found.items]
        return tuple(sorted(read, key=lambda one: one.at.timestamp() if one.at else 0.0))

    def log_tail(self, namespace: str, pod: str, *, lines: int = 20, previous: bool = False) -> str:
        """Return the last lines that a pod (or the container before its last restart) wrote.

        Empty if there is no such pod or container.
        """
        query = f"tailLines={lines}&previous={str(previous).lower()}"
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log?{query}"
        answer = self._raw("GET", path, what=f"the log of {namespace}/{pod}")
        return answer.body.decode(errors="replace").rstrip() if answer.status < _REFUSED_STATUS else ""

    # Requests through the API server

    def service_request(
        self,
        namespace: str,
        service: str,
        path: str,
        body: Any = None,
        *,
        port: str = "http",
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10,
    ) -> Answer:
        """Send GET (or POST, with a JSON `body`) to a Service through the API server.

        It speaks TLS if the Service says so (`appProtocol: https`); the API server checks no certificate.

        Args:
            namespace: Where.
            service: Its name.
            path: With query.
            body: None for GET.
            port: Its name.
            headers: Further ones; `Authorization` is the API server's and goes no further.
            timeout_seconds: Longest wait.

        Raises:
            ClusterError: The API server was not reached, or did not answer in time.
        """
        scheme = "https:" if self._speaks_tls(namespace, service, port) else ""
        base = f"/api/v1/namespaces/{namespace}/services/{scheme}{service}:{port}/proxy"
        return self._proxied(base, path, body, f"{service}.{namespace}{path}", timeout_seconds, headers)

    def pod_request(
        self,
        namespace: str,
        pod: str,
        path: str,
        body: Any = None,
        *,
        port: int = 3000,
        tls: bool = False,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10,
    ) -> Answer:
        """Send GET (or POST, with a JSON `body`) to one pod through the API server.

        Raises:
            ClusterError: The API server was not reached, or did not answer in time.
        """
        base = f"/api/v1/namespaces/{namespace}/pods/{'https:' if tls else ''}{pod}:{port}/proxy"
        return self._proxied(base, path, body, f"{namespace}/{pod}{path}", timeout_seconds, headers)

    def _speaks_tls(self, namespace: str, service: str, port: str) -> bool:
        path = f"/api/v1/namespaces/{namespace}/services/{service}"
        answer = self._raw("GET", path, what=f"service {namespace}/{service}")
        if answer.status >= _REFUSED_STATUS:  # not there, or not ours to read: the request itself will tell
            return False
        ports = answer.json().get("spec", {}).get("ports", [])
        return any(one.get("name") == port and one.get("appProtocol") == "https" for one in ports)

    def _proxied(
        self,
        base: str,
        path: str,
        body: Any,
        what: str,
        timeout_seconds: float,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        method = "GET" if body is None else "POST"
        url = base + quote(path, safe="/?&=:")
        return self._raw(
            method, url, body, what=f"{method} {what}", timeout_seconds=timeout_seconds, headers=headers or {}
        )
