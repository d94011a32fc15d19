"""What a diagnosis asks of one cluster; it reads only, and takes the API's JSON as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from ekiben.clients.connection import NOT_FOUND, refusal
from ekiben.clients.facts import exposure, scaling, workload
from ekiben.clients.facts.document import Document
from ekiben.clients.served import Served

_REFUSED_STATUS = 400  # and up
_MONITORING = "/apis/monitoring.coreos.com/v1/namespaces"


class Inspected(Served):
    """What doctor and why read; every method raises `ClusterError` when it is refused."""

    def version(self) -> str:
        """Return the version of the API server."""
        found = self._document("/version", "the version of Kubernetes") or {}
        return str(found.get("gitVersion", ""))

    def deployment(self, namespace: str, name: str) -> workload.Deployment | None:
        """Return a Deployment; None if there is none."""
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
        found = self._document(path, f"deployment {namespace}/{name}")
        return None if found is None else workload.deployment(found)

    def replicas(self, namespace: str, selector: Mapping[str, str]) -> tuple[workload.Replica, ...]:
        """Return the pods with these labels, those that are ending too, by name."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        found = (workload.replica(one) for one in self._items(path, f"the pods of {namespace}", selector))
        return tuple(sorted(found, key=lambda one: one.name))

    def service(self, namespace: str, name: str) -> exposure.Service | None:
        """Return a Service; None if there is none."""
        found = self._document(
            f"/api/v1/namespaces/{namespace}/services/{name}", f"service {namespace}/{name}"
        )
        return None if found is None else exposure.service(found)

    def endpoints(self, namespace: str, service: str) -> tuple[exposure.Endpoint, ...]:
        """Return what stands behind a Service, of all its slices."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        label = {"kubernetes.io/service-name": service}
        items = self._items(path, f"the endpoints of {namespace}/{service}", label)
        return tuple(one for item in items for one in exposure.endpoints(item))

    def monitors(self, namespace: str, release: str) -> tuple[exposure.Monitor, ...]:
        """Return a release's ServiceMonitors and PodMonitors; none where the cluster has no such kind."""
        label = {"app.kubernetes.io/instance": release}
        return tuple(
            exposure.monitor(one, kind)
            for kind in ("ServiceMonitor", "PodMonitor")
            for one in self._items(
                f"{_MONITORING}/{namespace}/{kind.lower()}s", f"the {kind}s of {namespace}", label
            )
        )

    def scalers(self, namespace: str) -> tuple[scaling.Scaler, ...]:
        """Return all HPAs of a namespace: a stranger's may have a release's pods too."""
        path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
        return tuple(scaling.scaler(one) for one in self._items(path, f"the HPAs of {namespace}"))

    def scaled_objects(self, namespace: str) -> tuple[scaling.ScaledObject, ...]:
        """Return KEDA's ScaledObjects of a namespace; none where there is no KEDA."""
        path = f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects"
        return tuple(
            scaling.scaled_object(one) for one in self._items(path, f"the ScaledObjects of {namespace}")
        )

    def api_service(self, name: str) -> scaling.ApiService | None:
        """Return an APIService, e.g. `v1beta1.metrics.k8s.io`; None if there is none."""
        path = f"/apis/apiregistration.k8s.io/v1/apiservices/{name}"
        found = self._document(path, f"the APIService {name}")
        return None if found is None else scaling.api_service(found)

    def pod_usages(self, namespace: str, selector: Mapping[str, str]) -> tuple[scaling.PodUsage, ...]:
        """Return what metrics-server knows of the pods with these labels."""
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
        items = self._items(path, f"the pods' use by the metrics API in {namespace}", selector)
        return tuple(scaling.pod_usage(one) for one in items)

    def _items(self, path: str, what: str, selector: Mapping[str, str] | None = None) -> tuple[Document, ...]:
        """List; empty where the cluster does not know the kind."""
        text = ",".join(f"{key}={value}" for key, value in (selector or {}).items())
        query = f"?{urlencode({'labelSelector': text})}" if text else ""
        found = self._document(path + query, what)
        return () if found is None else tuple(found.get("items") or ())

    def _document(self, path: str, what: str) -> dict[str, Any] | None:
        """Read one document; None if there is none of that name."""
        answer = self._raw("GET", path, what=what)
        if answer.status == NOT_FOUND:
            return None
        if answer.status >= _REFUSED_STATUS:
            body = answer.body.decode(errors="replace")
            reason = _reason(body)
            raise refusal(self.context, what, SimpleNamespace(status=answer.status, reason=reason, body=body))
        return dict(answer.json())


def _reason(body: str) -> str:
    """The API server's own word for a refusal, e.g. `Forbidden`."""
    try:
        return str(json.loads(body).get("reason") or "")
    except (ValueError, AttributeError):
        return ""
